#!/bin/sh
# Nothing grows: trains `tiny` for 10,000 steps (or the first argument) and compares the peak memory after a tenth of them
# with that at the end. Fails where the end is more than a twentieth higher.
set -eu
cd "$(dirname "$0")/.."
steps=${1:-10000}
ours=${CARGO_TARGET_DIR:-target}/release/doppelray
[ -x "$ours" ] || cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ours" phantom --out "$work/knees" --count 200 --size 64 --bits 8 --quiet
kimg=$(python3 -c "print($steps * 8 / 1000)")
"$ours" train "$work/knees" --out "$work/run" --preset tiny --quiet --set "kimg=$kimg" --set "tick_kimg=$(python3 -c "print($kimg / 10)")"
python3 - "$work/run/log.jsonl" << 'END'
import json, sys
ticks = [json.loads(line) for line in open(sys.argv[1])]
first, last = ticks[0], ticks[-1]
print(f"peak {first['memory_mib']} MiB after {first['step']} steps, {last['memory_mib']} MiB after {last['step']}")
sys.exit(last["memory_mib"] > 1.05 * first["memory_mib"] + 1)
END
