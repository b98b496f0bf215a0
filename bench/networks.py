"""The same in PyTorch, at its best of eager settings: bench/networks.sh.

Usage: networks.py squeezenet1_1|mobilenet_v2 IMAGES-A-STEP STEPS IMAGES
"""

import json
import sys
import time

import torch
import torch.fx.experimental.optimization as optimization
import torchvision

name, (batch, steps, images) = sys.argv[1], map(int, sys.argv[2:])
torch.manual_seed(0)


def build(layout):
    network = getattr(torchvision.models, name)(weights=None)
    if name == "squeezenet1_1":
        network = torch.nn.Sequential(network.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 5))
    else:
        network.classifier = torch.nn.Linear(1280, 5)
        # Statistics stay as they are and are folded, as in doppelray.
        network = optimization.fuse(network.eval())
    return network.to(memory_format=layout)


def trained(layout, mixed):
    network = build(layout)
    adam = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.01)
    x = torch.rand(batch, 3, 224, 224).to(memory_format=layout)
    y = torch.arange(batch) % 5

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            loss = torch.nn.functional.cross_entropy(network(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()

    step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return batch * steps / (time.perf_counter() - began)


def described(layout, chunk):
    network = build(layout).eval()
    x = torch.rand(images, 3, 224, 224).to(memory_format=layout)
    with torch.inference_mode():
        network(x[:chunk])
        began = time.perf_counter()
        for part in x.split(chunk):
            network(part)
        return images / (time.perf_counter() - began)


layouts = torch.contiguous_format, torch.channels_last
f32 = max(trained(layout, False) for layout in layouts)
print(json.dumps({"network": name, "trained": round(f32, 2), "described": round(max(described(layout, chunk) for layout in layouts for chunk in (1, 16)), 2)}))
