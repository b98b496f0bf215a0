#!/bin/sh
# Import beside a Pillow + numpy loop, in one run: bench/import.sh [FOLDER of PNGs]
set -eu
cd "$(dirname "$0")/.."
cargo build --release
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import PIL, numpy' 2>/dev/null || .venv/bin/pip install --quiet pillow numpy
exec .venv/bin/python bench/import.py target/release/doppelray "${1:-../shared/data/knee-224}"
