#!/bin/sh
# One step of each preset by wgpu, whose gradients then lie within a thousandth of those of the CPU's plain kernels, the reference;
# and on the CPU at its best, which says how far apart two orders of summation come: a leaky ReLU whose argument is nearly 0 falls to
# either side. Then a snapshot made by wgpu is drawn from, and the CPU goes on with the run that wgpu began. Not in CI: the feature more than doubles the
# crates. Any Vulkan driver will do, also one in software (Debian: mesa-vulkan-drivers).
set -eu
cd "$(dirname "$0")/.."
cargo build --features wgpu
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import numpy, safetensors' 2>/dev/null || .venv/bin/pip install --quiet numpy safetensors
ours=${CARGO_TARGET_DIR:-target}/debug/doppelray
work=$(mktemp -d -p .)
trap 'rm -rf "$work"' EXIT
for size in 64 210 224; do
    "$ours" phantom --out "$work/knees-$size" --count 240 --size $size --bits 8 --quiet
done
for preset in tiny fast paper r3; do
    size=224
    [ $preset = tiny ] && size=64
    [ $preset = paper ] && size=210
    # So small a rate that the generator's gradient is by the same critic, of which there is then one step.
    once=
    [ $preset = paper ] && once="--set game.critic_steps=1"
    for way in plain cpu wgpu; do
        device=$way simd=
        [ $way = plain ] && device=cpu simd=plain
        DOPPELRAY_SIMD=$simd "$ours" train "$work/knees-$size" --out "$work/$preset-$way" --preset $preset --device $device --precision f32 \
            --set batch=4 --set kimg=0.004 --set tick_kimg=0.004 --set snapshot_ticks=1 --set game.adam.rate=1e-12 $once --quiet
        cp "$work/$preset-$way/checkpoint/newest.safetensors" "$work/$preset-$way.safetensors"
    done
    "$ours" sample "$work/$preset-wgpu" --seeds 0-1 --out "$work/$preset-drawn" --quiet
    "$ours" train "$work/knees-$size" --out "$work/$preset-wgpu" --preset $preset --device cpu --precision f32 \
        --set batch=4 --set kimg=0.008 --set tick_kimg=0.004 --set snapshot_ticks=1 --set game.adam.rate=1e-12 $once --quiet
done
.venv/bin/python - "$work" << 'END'
import pathlib, sys
import numpy
from safetensors.numpy import load_file
# Adam's first moment, of beta 0 in all presets, is the gradient.
work, far = pathlib.Path(sys.argv[1]), 0.0
for preset in ("tiny", "fast", "paper", "r3"):
    plain, cpu, gpu = (load_file(work / f"{preset}-{way}.safetensors") for way in ("plain", "cpu", "wgpu"))
    for part in sorted({name.split(".first/")[0] for name in plain if ".first/" in name}):
        names = [name for name in plain if name.startswith(f"{part}.first/")]
        a, b, c = (numpy.concatenate([state[name].ravel() for name in names]).astype(float) for state in (plain, cpu, gpu))
        best, apart = (numpy.linalg.norm(a - other) / numpy.linalg.norm(a) for other in (b, c))
        far = max(far, apart)
        print(f"{preset}: gradient of the {part}, {a.size} numbers: wgpu {apart:.1e} of its length from the plain kernels, the CPU's best {best:.1e}")
sys.exit(0 if far < 1e-3 else "more than a thousandth apart")
END
