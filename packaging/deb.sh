#!/bin/sh
# A Debian package with program, manual and completions: target/debian/doppelray_VERSION_ARCH.deb
set -eu
cd "$(dirname "$0")/.."
command -v cargo-deb > /dev/null || cargo install --locked cargo-deb
cargo build --release
mkdir -p target/deb/man
target/release/doppelray manual --out target/deb/man
for shell in bash:doppelray.bash zsh:_doppelray fish:doppelray.fish; do
    target/release/doppelray completions "${shell%%:*}" > "target/deb/${shell#*:}"
done
cargo deb --no-build
