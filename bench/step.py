"""Whole training steps of the presets `fast`, `paper` and `r3` in PyTorch: the peer of bench/step.sh.

    .venv/bin/python bench/step.py weights FILE                          SqueezeNet 1.1's tensors, random, for both sides
    .venv/bin/python bench/step.py PRESET PRECISION LAYOUT SECONDS WEIGHTS

The networks, batch and optimiser are those of docs/presets.md, the penalties double backward, as they usually are. PRECISION
is f32 or bf16 (autocast; where a penalty is, it stays in f32), LAYOUT is channels_last or contiguous.
"""

import contextlib
import json
import math
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision
from safetensors.torch import load_file, save_file
from torch.nn.utils.parametrizations import spectral_norm
from wgan import PAPER, Critic, Generator, penalty

SLOPE, BATCH, GRADES, WARM = 0.2, 16, 5, 3


def haar_inverse(bands):
    mean, across, down, diagonal = bands.unbind(1)
    across, down, diagonal = across / 2, down / 2, diagonal / 2
    corners = [mean + across + down + diagonal, mean + across - down - diagonal,
               mean - across + down - diagonal, mean - across - down + diagonal]
    return F.pixel_shuffle(torch.stack(corners, 1), 2)


def haar(image):
    a, b, c, d = F.pixel_unshuffle(image, 2).unbind(1)
    return torch.stack([(a + b + c + d) / 4, a + b - c - d, a - b + c - d, a - b - c + d], 1)


class Norm(nn.Module):
    """Batch normalisation with gain and bias linear in the condition."""

    def __init__(self, channels, condition):
        super().__init__()
        self.norm, self.style = nn.BatchNorm2d(channels, affine=False, momentum=0.02), nn.Linear(condition, 2 * channels)
        nn.init.normal_(self.style.weight, 0, 0.02)

    def forward(self, x, condition):
        gain, bias = self.style(condition)[:, :, None, None].chunk(2, 1)
        return self.norm(x) * (1 + gain) + bias


class Step(nn.Module):
    def __init__(self, inputs, outputs, condition):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), Norm(outputs, condition)
        self.noise = nn.Parameter(torch.randn(1, outputs, 1, 1) * 0.2)

    def forward(self, x, condition):
        x = self.conv(x)
        return self.norm(x + self.noise * torch.randn(len(x), 1, *x.shape[2:], dtype=x.dtype), condition)


class Gate(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.look, self.open = nn.Conv2d(inputs, outputs, 4), nn.Conv2d(outputs, outputs, 1)

    def forward(self, low, high):
        x = F.leaky_relu(self.look(F.adaptive_avg_pool2d(low, 4)), 0.1)
        return high * torch.sigmoid(self.open(x)) * 2


class FastGenerator(nn.Module):
    def __init__(self, latent=192, embedding=32, channels=(256, 128, 96, 64, 32)):
        super().__init__()
        condition = latent + embedding
        self.latent, self.embedding = latent, nn.Embedding(GRADES, embedding)
        self.seed, self.first = nn.Linear(condition, 2 * channels[0] * 49, bias=False), Norm(2 * channels[0], condition)
        self.levels = nn.ModuleList()
        for level, (i, o) in enumerate(zip(channels, channels[1:])):
            width = 2 * o if level < 2 else o
            steps = [Step(i, width, condition)] + ([Step(o, width, condition)] if level < 3 else [])
            self.levels.append(nn.ModuleList(steps))
        self.gates = nn.ModuleList([Gate(channels[0], channels[3]), Gate(channels[1], channels[4])])
        self.bands = nn.Conv2d(channels[-1], 4, 3, 1, 1)

    def forward(self, latents, grades, layout):
        condition = torch.cat([latents, self.embedding(grades)], 1)
        x = self.seed(condition).view(len(latents), -1, 7, 7).to(memory_format=layout)
        maps = [F.glu(self.first(x, condition), 1)]
        for level, steps in enumerate(self.levels):
            x = F.interpolate(maps[-1], scale_factor=2, mode="bilinear", align_corners=False)
            for step in steps:
                x = step(x, condition)
                x = F.glu(x, 1) if level < 2 else F.leaky_relu(x, SLOPE)
            maps.append(self.gates[level - 2](maps[level - 2], x) if level > 1 else x)
        return torch.tanh(haar_inverse(self.bands(maps[-1]).float()))


class Features(nn.Module):
    """SqueezeNet 1.1 after its first convolution and the fires 4, 7 and 12; grey, normalisation folded away."""

    def __init__(self, weights):
        super().__init__()
        net = torchvision.models.squeezenet1_1()
        net.load_state_dict(load_file(weights))
        first = nn.Conv2d(1, 64, 3, 2)
        first.weight.data = net.features[0].weight.data.sum(1, keepdim=True)
        first.bias.data = net.features[0].bias.data
        self.stages = nn.ModuleList([nn.Sequential(first, nn.ReLU()), net.features[2:5], net.features[5:8], net.features[8:13]])

    def forward(self, x):
        found = []
        for stage in self.stages:
            found.append(x := stage(x))
        return found


class Projector(nn.Module):
    def __init__(self, widths=(64, 128, 256, 512), mixed=(32, 64, 64, 64)):
        super().__init__()
        self.across = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(widths, mixed))
        self.down = nn.ModuleList(nn.Conv2d(i, o, 3, 1, 1) for o, i in zip(mixed, mixed[1:]))

    def forward(self, features):
        mixed = [across(x) for across, x in zip(self.across, features)]
        for level in reversed(range(len(self.down))):
            coarse = self.down[level](mixed[level + 1])
            spread = F.interpolate(coarse, size=mixed[level].shape[2:], mode="bilinear", align_corners=False)
            mixed[level] = (mixed[level] + spread) * math.sqrt(0.5)
        return mixed


class LevelCritic(nn.Module):
    def __init__(self, inputs, widths):
        super().__init__()
        blocks = []
        for i, o in zip([inputs, *widths], widths):
            blocks += [spectral_norm(nn.Conv2d(i, o, 4, 2, 1, bias=False)), nn.BatchNorm2d(o), nn.LeakyReLU(SLOPE)]
        self.body, last = nn.Sequential(*blocks), widths[-1]
        self.head, self.score = spectral_norm(nn.Conv2d(last + 1, last, 3, 1, 1)), spectral_norm(nn.Conv2d(last, 1, 1))
        self.grades = spectral_norm(nn.Embedding(GRADES, last))

    def forward(self, x, grades):
        x = self.body(x).float()
        batch, channels, height, width = x.shape
        groups = x.reshape(batch // 4, 4, channels, height, width)
        apart = (groups.var(1, unbiased=False) + 1e-6).sqrt().mean((1, 2, 3)).repeat_interleave(4).view(batch, 1, 1, 1)
        x = F.leaky_relu(self.head(torch.cat([x, apart.expand(batch, 1, height, width)], 1)), SLOPE)
        return self.score(x) + (x * self.grades(grades)[:, :, None, None]).sum(1, keepdim=True)


class FastCritics(nn.Module):
    def __init__(self, mixed=(32, 64, 64, 64), widths=((48, 64, 96, 96), (64, 96, 96), (96, 96), (96,)), bands=(32, 64, 96, 96)):
        super().__init__()
        self.critics = nn.ModuleList(LevelCritic(i, w) for i, w in zip([*mixed, 4], [*widths, bands]))

    def forward(self, levels, grades):
        return [critic(x, grades) for critic, x in zip(self.critics, levels)]


def augmented(x):
    """Brightness, contrast, shift and cutout, each image its own."""
    batch, _, height, width = x.shape
    x = x + (torch.rand(batch, 1, 1, 1) - 0.5) * 0.6
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * (torch.rand(batch, 1, 1, 1) * 0.6 + 0.7) + mean
    reach = height // 10
    padded = F.pad(x, (reach,) * 4, value=-1.0)
    places = torch.randint(0, 2 * reach + 1, (batch, 2)).tolist()
    x = torch.stack([padded[i, :, down : down + height, right : right + width] for i, (down, right) in enumerate(places)])
    hole = int(height * 0.4)
    top, left = torch.randint(0, height, (2, batch, 1, 1))
    rows, cols = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1)
    kept = ((rows - top).abs() * 2 >= hole) | ((cols - left).abs() * 2 >= hole) | (torch.rand(batch, 1, 1) < 0.5)
    return x * kept[:, None]


class Residual(nn.Module):
    """An inverted bottleneck whose 3x3 mixes groups of 16 channels."""

    def __init__(self, channels):
        super().__init__()
        inside = 2 * channels
        self.widen, self.narrow = nn.Conv2d(channels, inside, 1), nn.Conv2d(inside, channels, 1)
        self.grouped = nn.Conv2d(inside, inside, 3, 1, 1, groups=inside // 16)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, x):
        inside = F.leaky_relu(self.grouped(F.leaky_relu(self.widen(x), SLOPE)), SLOPE)
        return x + self.narrow(inside)


WIDTHS = (192, 160, 128, 64, 32)


class ResidualGenerator(nn.Module):
    def __init__(self, latent=64, embedding=32):
        super().__init__()
        self.latent, self.embedding = latent, nn.Embedding(GRADES, embedding)
        self.seed = nn.Linear(latent + embedding, WIDTHS[0] * 49, bias=False)
        self.enters = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(WIDTHS, WIDTHS[1:]))
        self.blocks, self.bands = nn.ModuleList(map(Residual, WIDTHS)), nn.Conv2d(WIDTHS[-1], 4, 1)

    def forward(self, latents, grades, layout):
        x = self.seed(torch.cat([latents, self.embedding(grades)], 1)).view(len(latents), -1, 7, 7)
        x = self.blocks[0](x.to(memory_format=layout))
        for enter, block in zip(self.enters, self.blocks[1:]):
            x = block(F.interpolate(enter(x), scale_factor=2, mode="bilinear", align_corners=False))
        return haar_inverse(self.bands(x))


class ResidualCritic(nn.Module):
    def __init__(self):
        super().__init__()
        widths = WIDTHS[::-1]
        self.bands, self.blocks = nn.Conv2d(4, widths[0], 1), nn.ModuleList(map(Residual, widths))
        self.leaves = nn.ModuleList(nn.Conv2d(i, o, 4, 2, 1) for i, o in zip(widths, widths[1:]))
        features = widths[-1] * 49
        self.direction = nn.Parameter(torch.randn(1, features) / math.sqrt(features))
        self.turn = nn.Parameter(torch.zeros(GRADES, features))

    def forward(self, images, grades):
        x = self.blocks[0](self.bands(haar(images) * torch.tensor([1.0, 4.0, 4.0, 8.0]).view(1, 4, 1, 1)))
        for leave, block in zip(self.leaves, self.blocks[1:]):
            x = block(leave(x))
        return (x.flatten(1) * (self.direction + self.turn[grades])).sum(1, keepdim=True)


def ball(critic, images, grades):
    """R1 or R2."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images, grades).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


class Play:
    """The networks of a preset with their optimisers and average, and what every step begins and ends with."""

    def __init__(self, generator, critic, rate, betas, layout):
        self.generator, self.critic = generator.to(memory_format=layout), critic.to(memory_format=layout)
        adam = lambda network: torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True)
        self.adams = adam(self.generator), adam(self.critic)
        self.average = [p.detach().clone() for p in self.generator.parameters()]

    def descend(self, which, loss):
        self.adams[which].zero_grad(set_to_none=True)
        loss.backward()
        self.adams[which].step()

    def follow(self):
        torch._foreach_lerp_(self.average, [p.detach() for p in self.generator.parameters()], 0.001)


def fast(layout, cast, weights):
    features, projector = (n.to(memory_format=layout).eval().requires_grad_(False) for n in (Features(weights), Projector()))
    play = Play(FastGenerator(), FastCritics(), 2e-4, (0.0, 0.99), layout)
    seen = lambda x: projector(features(x)) + [haar(x)]

    def step(real, grades):
        with cast():
            fake = seen(augmented(play.generator(torch.randn(BATCH, 192), grades, layout)))
            with torch.no_grad():
                true = seen(augmented(real))
            hinge = lambda levels, sign: sum(F.relu(1 - sign * s.float()).mean() for s in play.critic(levels, grades))
            loss = hinge(true, 1) + hinge([x.detach() for x in fake], -1)
        play.descend(1, loss)
        play.critic.requires_grad_(False)
        with cast():
            loss = -sum(s.float().mean() for s in play.critic(fake, grades))
        play.descend(0, loss)
        play.critic.requires_grad_(True)
        play.follow()

    return step, 224


def paper(layout, cast, _):
    play = Play(Generator(**PAPER), Critic((32, 64, 128, 256, 256), size=210), 1e-4, (0.0, 0.9), layout)

    def step(real, grades):
        for _ in range(5):
            with torch.no_grad(), cast():
                fake = play.generator(torch.randn(BATCH, 128), grades).float()
            point = fake + (real - fake) * torch.rand(BATCH, 1, 1, 1)
            with cast():
                distance = play.critic(real, grades).mean() - play.critic(fake, grades).mean()
            play.descend(1, 10 * penalty(play.critic, point, grades) - distance)
        play.critic.requires_grad_(False)
        with cast():
            loss = -play.critic(play.generator(torch.randn(BATCH, 128), grades), grades).mean()
        play.descend(0, loss)
        play.critic.requires_grad_(True)
        play.follow()

    return step, 210


def r3(layout, cast, _):
    play = Play(ResidualGenerator(), ResidualCritic(), 2e-4, (0.0, 0.99), layout)

    def step(real, grades):
        with torch.no_grad(), cast():
            fake = play.generator(torch.randn(BATCH, 64), grades, layout).float()
        with cast():
            pairing = F.softplus(play.critic(fake, grades) - play.critic(real, grades)).mean()
        play.descend(1, pairing + 0.5 * (ball(play.critic, real, grades) + ball(play.critic, fake, grades)))
        play.critic.requires_grad_(False)
        with cast():
            fake = play.generator(torch.randn(BATCH, 64), grades, layout)
            loss = F.softplus(play.critic(real, grades).detach() - play.critic(fake, grades)).mean()
        play.descend(0, loss)
        play.critic.requires_grad_(True)
        play.follow()

    return step, 224


def main():
    if sys.argv[1] == "weights":
        return save_file(torchvision.models.squeezenet1_1().state_dict(), sys.argv[2])
    preset, precision, layout, seconds, weights = sys.argv[1:]
    layout = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}[layout]
    cast = (lambda: torch.autocast("cpu", torch.bfloat16)) if precision == "bf16" else contextlib.nullcontext
    step, size = {"fast": fast, "paper": paper, "r3": r3}[preset](layout, cast, weights)
    images = torch.rand(512, 1, size, size) * 2 - 1
    times, began = [], time.perf_counter()
    while len(times) < WARM + 2 or time.perf_counter() - began < float(seconds):
        start = time.perf_counter()
        step(images[torch.randint(512, (BATCH,))], torch.randint(GRADES, (BATCH,)))
        times.append(time.perf_counter() - start)
    times = times[WARM:]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"images_per_second": BATCH * len(times) / sum(times), "memory_mib": memory}))


if __name__ == "__main__":
    main()
