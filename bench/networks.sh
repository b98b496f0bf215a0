#!/bin/sh
# A training step (f32, batch 16) and the features of SqueezeNet 1.1 and MobileNetV2, beside PyTorch with kept memory.
# Usage: bench/networks.sh FOLDER, which holds squeezenet1_1-imagenet.safetensors and mobilenetv2-imagenet.safetensors
set -eu
weights=$(realpath "$1")
cd "$(dirname "$0")/.."
cargo build --release --workspace --example networks
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import torchvision' 2>/dev/null || .venv/bin/pip install --quiet torch torchvision
export GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
for pair in squeezenet1_1-imagenet:squeezenet1_1 mobilenetv2-imagenet:mobilenet_v2; do
    for round in 1 2 3; do
        target/release/examples/networks "$weights/${pair%:*}.safetensors" 16 3 48
        .venv/bin/python bench/networks.py "${pair#*:}" 16 3 48
    done
done
