#!/bin/sh
# Whole training steps of `fast`, `paper` and `r3`, with data, optimiser and average, beside PyTorch at the better of its two
# layouts with kept memory, in turns: f32 against f32, and mixed against the better of f32 and bf16, which is tried where the
# processor multiplies it (elsewhere it takes PyTorch eight times as long as f32). Usage: bench/step.sh [ROUNDS] [PRESET...]
set -eu
cd "$(dirname "$0")/.."
rounds=${1:-3}
[ $# -gt 0 ] && shift
cargo build --release
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import torchvision, safetensors' 2>/dev/null || .venv/bin/pip install --quiet torch torchvision safetensors
work=$(mktemp -d -p .)
trap 'rm -rf "$work"' EXIT
export GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
precisions=f32
grep -q avx512_bf16 /proc/cpuinfo && precisions="f32 bf16"
ours=$(pwd)/target/release/doppelray
.venv/bin/python bench/step.py weights "$work/squeezenet.safetensors"
for preset in ${*:-fast paper r3}; do
    size=224 steps=6
    [ "$preset" = paper ] && size=210 steps=2
    [ "$preset" = r3 ] && steps=3
    [ -d "$work/knees-$size" ] || "$ours" phantom --out "$work/knees-$size" --count 400 --size $size --bits 8 --quiet
    features=
    [ "$preset" = fast ] && features="--set game.features=$work/squeezenet.safetensors"
    # Ticks of so many steps; the first is not counted.
    tick=$(python3 -c "print($steps * 16 / 1000)")
    for round in $(seq "$rounds"); do
        for precision in f32 mixed; do
            run=$work/$preset-$precision-$round
            "$ours" train "$work/knees-$size" --out "$run" --preset "$preset" --set precision=$precision $features \
                --set "tick_kimg=$tick" --set snapshot_ticks=1000 --set "kimg=$(python3 -c "print(3 * $tick)")" --quiet
            tail -n 2 "$run/log.jsonl" | sed "s/^/$preset $precision ours /" >> "$work/found"
            rm -rf "$run"
        done
        for precision in $precisions; do
            for layout in channels_last contiguous; do
                .venv/bin/python bench/step.py "$preset" "$precision" $layout 20 "$work/squeezenet.safetensors" |
                    sed "s/^/$preset $precision $layout /" >> "$work/found"
            done
        done
    done
done
.venv/bin/python - "$work/found" << 'END'
import json, statistics, sys
found = {}
for line in open(sys.argv[1]):
    preset, precision, who, rest = line.split(" ", 3)
    found.setdefault((preset, precision, who), []).append(json.loads(rest))
def median(*key):
    of = found.get(key, [])
    return [statistics.median(each[name] for each in of) for name in ("images_per_second", "memory_mib")] if of else [0, 0]
for preset in dict.fromkeys(key[0] for key in found):
    peers = {(p, l): median(preset, p, l) for p in ("f32", "bf16") for l in ("channels_last", "contiguous")}
    peers = {key: value for key, value in peers.items() if value[0] > 0}
    said = ", ".join(f"{p} {l} {rate:.2f}" for (p, l), (rate, _) in peers.items())
    for precision, against in (("f32", ["f32"]), ("mixed", ["f32", "bf16"])):
        (rate, memory) = median(preset, precision, "ours")
        best = max((key for key in peers if key[0] in against), key=lambda key: peers[key][0])
        print(f"{preset} {precision}: {rate:.2f} images/s, {memory:.0f} MiB; PyTorch {peers[best][0]:.2f} ({best[0]}, {best[1]}), "
              f"{peers[best][1]:.0f} MiB: {rate / peers[best][0]:.2f}x, memory {memory / peers[best][1]:.2f}x")
    print(f"  PyTorch: {said}")
END
