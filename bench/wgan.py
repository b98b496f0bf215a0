"""The networks and the game of the presets `tiny` and `paper`, in PyTorch, with the usual double-backward penalty: the peer.

    bench/train.sh                     the training step and sampling, beside ours, in one run
    bench/headline.sh                  sampling at 210 pixels
    .venv/bin/python bench/wgan.py golden   writes crates/gan/src/testdata/penalty.json
"""

import json
import math
import pathlib
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SLOPE = 0.2


class Critic(nn.Module):
    def __init__(self, channels=(32, 48, 64, 96), grades=5, size=64):
        super().__init__()
        widths = (1,) + tuple(channels)
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(widths, widths[1:]))
        features = channels[-1] * (size >> len(channels)) ** 2
        self.direction = nn.Parameter(torch.randn(1, features) / math.sqrt(features))
        self.turn = nn.Parameter(torch.zeros(grades, features))
        self.offset = nn.Parameter(torch.zeros(grades, 1))

    def forward(self, x, grades):
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
        return (x.flatten(1) * (self.direction + self.turn[grades])).sum(1, keepdim=True) + self.offset[grades]


class Block(nn.Module):
    def __init__(self, inputs, outputs, condition):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)
        self.style = nn.Parameter(torch.randn(condition, 2 * outputs) * 0.3 / math.sqrt(condition))

    def forward(self, x, condition):
        x = self.conv(x)
        x = x / (x.square().mean(1, keepdim=True) + 1e-6).sqrt()
        gain, bias = (condition @ self.style)[:, :, None, None].chunk(2, 1)
        return F.leaky_relu(x * (gain + 1) + bias, SLOPE)


class Generator(nn.Module):
    def __init__(self, latent=64, embedding=32, channels=(96, 64, 48, 32), grades=5, size=64):
        super().__init__()
        condition, self.base = latent + embedding, -(-size >> len(channels))
        self.latent, self.size = latent, size
        self.embedding = nn.Parameter(torch.randn(grades, embedding))
        self.seed = nn.Parameter(torch.randn(condition, channels[0] * self.base**2) * math.sqrt(2 / (1.04 * condition)))
        widths = (channels[0],) + tuple(channels)
        self.blocks = nn.ModuleList(Block(i, o, condition) for i, o in zip(widths, widths[1:]))
        self.bands = nn.Conv2d(channels[-1], 4, 3, 1, 1)

    def forward(self, latents, grades):
        condition = torch.cat([latents, self.embedding[grades]], 1)
        x = (condition @ self.seed).view(len(latents), -1, self.base, self.base)
        for level, block in enumerate(self.blocks):
            x = block(x if level == 0 else F.interpolate(x, scale_factor=2), condition)
        mean, across, down, diagonal = self.bands(x).unbind(1)
        across, down, diagonal = across / 2, down / 2, diagonal / 2
        corners = [mean + across + down + diagonal, mean + across - down - diagonal,
                   mean - across + down - diagonal, mean - across - down + diagonal]
        image = torch.tanh(F.pixel_shuffle(torch.stack(corners, 1), 2))
        margin = (image.shape[-1] - self.size) // 2
        return image[..., margin : margin + self.size, margin : margin + self.size]


PAPER = {"latent": 128, "embedding": 16, "channels": (256, 256, 128, 64, 32), "size": 210}


def penalty(critic, images, grades):
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images, grades).sum(), images, create_graph=True)
    return ((gradient.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()


def ramp(count, step, modulus, scale):
    """Numbers that any language draws alike: multiples of `step` around 0, by `modulus`."""
    return torch.tensor([((i * step + 7) % modulus - modulus // 2) / modulus * scale for i in range(count)],
                        dtype=torch.float64)


def golden():
    critic = Critic(channels=(4, 6, 5), grades=2, size=21).double()
    parameters = {name: p for name, p in critic.named_parameters()}
    with torch.no_grad():
        for p in parameters.values():
            p.copy_(ramp(p.numel(), 37, 97, 0.9).view(p.shape))
    images = ramp(3 * 21 * 21, 53, 101, 3.0).view(3, 1, 21, 21)
    value = penalty(critic, images, torch.tensor([0, 1, 1]))
    value.backward()
    gradients = {name: p.grad.flatten().tolist() for name, p in parameters.items() if p.grad is not None}
    out = pathlib.Path(__file__).parent.parent / "crates/gan/src/testdata/penalty.json"
    out.write_text(json.dumps({"torch": torch.__version__, "penalty": value.item(), "gradients": gradients}) + "\n")


def train(seconds, batch=8):
    generator, critic = Generator(), Critic()
    adams = [torch.optim.Adam(n.parameters(), lr=1e-3, betas=(0.0, 0.99), fused=True) for n in (generator, critic)]
    average = [p.detach().clone() for p in generator.parameters()]
    images = torch.rand(512, 1, 64, 64) * 2 - 1
    seen, began = 0, None
    while began is None or time.perf_counter() - began < seconds:
        grades = torch.randint(5, (batch,))
        real = images[torch.randint(512, (batch,))]
        with torch.no_grad():
            fake = generator(torch.randn(batch, 64), grades)
        point = fake + (real - fake) * torch.rand(batch, 1, 1, 1)
        distance = critic(real, grades).mean() - critic(fake, grades).mean()
        adams[1].zero_grad(set_to_none=True)
        (10 * penalty(critic, point, grades) - distance).backward()
        adams[1].step()
        critic.requires_grad_(False)
        adams[0].zero_grad(set_to_none=True)
        (-critic(generator(torch.randn(batch, 64), grades), grades).mean()).backward()
        adams[0].step()
        critic.requires_grad_(True)
        torch._foreach_lerp_(average, [p.detach() for p in generator.parameters()], 0.01)
        seen += batch
        if began is None and seen >= 20 * batch:
            seen, began = 0, time.perf_counter()
    return seen / (time.perf_counter() - began)


@torch.no_grad()
def sample(count, out, shape, batch=16):
    from PIL import Image

    generator = Generator(**shape).eval()
    out.mkdir(parents=True, exist_ok=True)
    generator(torch.randn(batch, generator.latent), torch.randint(5, (batch,)))
    began = time.perf_counter()
    for first in range(0, count, batch):
        x = generator(torch.randn(batch, generator.latent), torch.randint(5, (batch,)))
        x = ((x[:, 0] + 1) * 127.5 + 0.5).clamp(0, 255).byte().numpy()
        for i, image in enumerate(x):
            Image.fromarray(image).save(out / f"{first + i}.png")
    return count / (time.perf_counter() - began)


def main():
    if sys.argv[1] == "golden":
        return golden()
    torch.set_num_threads(2)
    shape = PAPER if sys.argv[4:] == ["paper"] else {}
    rate = train(float(sys.argv[2])) if sys.argv[1] == "train" else sample(int(sys.argv[2]), pathlib.Path(sys.argv[3]), shape)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"images_per_second": rate, "memory_mib": memory, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
