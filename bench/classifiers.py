"""Random networks by torchvision and what they make of two images, for `classifier::tests::all_networks_are_torchvisions`.

Usage: .venv/bin/python bench/classifiers.py FOLDER
       DOPPELRAY_TORCHVISION=FOLDER cargo nextest run --workspace --no-capture -E 'test(all_networks_are_torchvisions)'
Needs: pip install torch torchvision safetensors numpy
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors.torch import save_file

LAST = {"squeezenet1_1": None, "mobilenet_v2": "classifier", "resnet18": "fc", "resnet34": "fc", "vgg16": None}

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
images = torch.randn(2, 3, 224, 224)
np.save(folder / "images.npy", images.numpy())
for name, last in LAST.items():
    network = getattr(torchvision.models, name)(weights=None).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # As after some training: without this every mean is 0 and every variance 1.
            torch.nn.init.normal_(module.running_mean, 0, 0.3)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
    save_file({k: v.contiguous() for k, v in network.state_dict().items() if v.dtype == torch.float32}, folder / f"{name}.safetensors")
    if last:
        setattr(network, last, torch.nn.Identity())
    elif name == "vgg16":
        network.classifier[6] = torch.nn.Identity()
    else:
        network = torch.nn.Sequential(network.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    with torch.no_grad():
        np.save(folder / f"{name}.npy", network(images).numpy())
    print(name, flush=True)
