#!/bin/sh
# Phantoms a second, 224 pixels of 16 bits with their truth, written: bench/phantom.sh [COUNT]
set -eu
cd "$(dirname "$0")/.."
cargo build --release
count=${1:-400}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for round in 1 2 3; do
    began=$(date +%s.%N)
    target/release/doppelray phantom --out "$work/$round" --count "$count" --quiet
    echo "$count / ($(date +%s.%N) - $began)" | bc -l
done | sort -n | sed -n '2s/\(\.[0-9]\).*/\1 images a second (median of 3)/p'
