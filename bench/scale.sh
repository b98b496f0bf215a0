#!/bin/sh
# Everything after features against the number of synthetic images, one space of 512 features against 5,778 real images.
# The goal at 320,000: 10 minutes and 2 GiB. bench/scale.py draws what this prints.
set -e
cargo build --release --workspace --example scale
for count in ${*:-1000 3000 10000 30000 100000 320000}; do target/release/examples/scale "$count"; done
