#!/bin/sh
# Nothing grows: trains for 10,000 steps (or the first argument) and compares the peak memory after a tenth of them with that at
# the end: `tiny`, and by a tenth as many steps a small `fast`, also with its generator at rest and with its steps in two parts.
# Fails where the end is more than a twentieth higher. By a tenth one tick is behind, whose samples and checkpoint count; a tick's
# own come after its reading. The allocator gives back at once what is freed; in use it keeps all, and what lies free between grows
# to some half more within a few thousand steps. Before that the test that counts what is held between two steps, by a hundredth as
# many.
set -eu
export MIMALLOC_PURGE_DELAY=0
cd "$(dirname "$0")/.."
steps=${1:-10000}
ours=${CARGO_TARGET_DIR:-target}/release/doppelray
[ -x "$ours" ] || cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ours" phantom --out "$work/knees" --count 200 --size 64 --bits 8 --quiet
run() {
    name=$1 preset=$2 steps=$3
    shift 3
    kimg=$(python3 -c "print($steps * 8 / 1000)")
    "$ours" train "$work/knees" --out "$work/$name" --preset "$preset" --quiet --set batch=8 --set "kimg=$kimg" \
        --set "tick_kimg=$(python3 -c "print($kimg / 20)")" --set snapshot_ticks=100 "$@"
    python3 - "$name" "$work/$name/log.jsonl" << 'END'
import json, sys
ticks = [json.loads(line) for line in open(sys.argv[2])]
first, last = ticks[1], ticks[-1]
print(f"{sys.argv[1]}: peak {first['memory_mib']} MiB after {first['step']} steps, {last['memory_mib']} MiB after {last['step']}")
sys.exit(last["memory_mib"] > 1.05 * first["memory_mib"] + 1)
END
}
failed=0
STEPS=$((steps / 100)) cargo nextest run --workspace -E 'test(a_long_training_holds)' --no-capture || failed=1
run tiny tiny "$steps" || failed=1
run fast fast $((steps / 10)) --set size=64 || failed=1
run resting fast $((steps / 10)) --set size=64 --set "rest_steps=$steps" || failed=1
run parts fast $((steps / 10)) --set size=64 --set passes=2 || failed=1
exit $failed
