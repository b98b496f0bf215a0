#!/bin/sh
# A training step of `tiny`, and sampling, beside PyTorch with kept memory, in one run.
set -eu
cd "$(dirname "$0")/.."
cargo build --release
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import torch, PIL' 2>/dev/null || .venv/bin/pip install --quiet torch numpy pillow
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
ours=$(pwd)/target/release/doppelray
"$ours" phantom --out "$work/knees" --count 400 --size 64 --bits 8 --quiet
for round in 1 2 3; do
    .venv/bin/python bench/wgan.py train 20 >> "$work/torch.train"
    "$ours" train "$work/knees" --out "$work/run$round" --preset tiny --time 25s --set tick_kimg=0.2 --quiet
    tail -n 1 "$work/run$round/log.jsonl" >> "$work/ours.train"
    .venv/bin/python bench/wgan.py sample 2000 "$work/pictures$round" >> "$work/torch.sample"
    began=$(date +%s.%N)
    "$ours" sample "$work/run1" --out "$work/fakes$round" --seeds 0-1999 --quiet
    echo "{\"images_per_second\": $(echo "2000 / ($(date +%s.%N) - $began)" | bc -l)}" >> "$work/ours.sample"
done
.venv/bin/python - "$work" << 'END'
import json, pathlib, statistics, sys
work = pathlib.Path(sys.argv[1])
def median(name, key):
    return statistics.median(json.loads(line)[key] for line in (work / name).read_text().splitlines())
for what in ("train", "sample"):
    ours, torch = (median(f"{who}.{what}", "images_per_second") for who in ("ours", "torch"))
    print(f"{what}: {ours:.0f} images/s, PyTorch {torch:.0f}: {ours / torch:.2f}x")
ours, torch = (median(f"{who}.train", "memory_mib") for who in ("ours", "torch"))
print(f"peak memory in training: {ours:.0f} MiB, PyTorch {torch:.0f}: {ours / torch:.2f}x")
END
