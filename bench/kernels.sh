#!/bin/sh
# doppelray's convolutions beside PyTorch's: bench/kernels.sh [PART OF A NAME] [BATCH]
# Needs PyTorch in .venv: .venv/bin/pip install torch
set -eu
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
cargo build --quiet --release -p doppelray-kernels --example roofline
# PyTorch more than doubles its speed where the allocator keeps its pages.
export GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184
exec .venv/bin/python bench/kernels.py "$CARGO_TARGET_DIR/release/examples/roofline" "$@"
