#!/bin/sh
# One thread to two: the time of a training image of `tiny` with either, in turns (threads.sh [ROUNDS]). Needs an idle
# machine of two cores at least.
set -eu
cd "$(dirname "$0")/.."
ours=${CARGO_TARGET_DIR:-target}/release/doppelray
[ -x "$ours" ] || cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ours" phantom --out "$work/knees" --count 200 --size 64 --bits 8 --quiet
for round in $(seq "${1:-5}"); do
    for threads in 1 2; do
        RAYON_NUM_THREADS=$threads "$ours" train "$work/knees" --out "$work/run$round-$threads" --preset tiny --quiet \
            --set kimg=1.6 --set tick_kimg=0.8
        tail -n 1 "$work/run$round-$threads/log.jsonl" >> "$work/$threads"
    done
done
python3 - "$work" << 'END'
import json, pathlib, statistics, sys
one, two = ([json.loads(line)["images_per_second"] for line in (pathlib.Path(sys.argv[1]) / name).read_text().splitlines()]
            for name in "12")
print(f"two threads are {statistics.median(b / a for a, b in zip(one, two)):.2f} times as fast as one "
      f"({statistics.median(one):.0f} and {statistics.median(two):.0f} images/s)")
END
