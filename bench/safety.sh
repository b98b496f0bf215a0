#!/bin/sh
# Nothing is read or written outside: the kernels' tests at every level under AddressSanitizer, and what Miri can run
# of them (the plain level: Miri has no vector instructions) where it is installed (rustup +nightly component add miri).
set -eu
cd "$(dirname "$0")/.."
# Of its own: build scripts look at RUSTC_BOOTSTRAP, and everything would be built again without it.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/safety"
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test --release -p doppelray-kernels --target "$host"
if cargo +nightly miri --version 2> /dev/null; then
    MIRIFLAGS=-Zmiri-permissive-provenance PROPTEST_CASES=2 cargo +nightly miri test -p doppelray-kernels --lib
else
    echo "Miri is not installed here: AddressSanitizer alone"
fi
