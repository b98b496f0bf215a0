"""doppelray's convolutions beside PyTorch's on this CPU, in one run.

    bench/kernels.sh [PART OF A NAME] [BATCH]

PyTorch gets its best of NCHW and channels_last (weights alike), eager, with kept memory (kernels.sh sets the allocator);
a rate is the best of some tenths of a second. doppelray runs before and after it, and its better run counts, as does
the better of two for PyTorch. `of peak` is doppelray's share of what registers alone reach in the same run.
"""
import subprocess
import sys
import time

import torch

ROOFLINE = sys.argv[1]
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
BATCH = sys.argv[3] if len(sys.argv) > 3 else "16"
KINDS = ["forward", "dx", "dw"]


def ours():
    """{(precision, name): (shape, peak, rates)} as the example prints them."""
    out = subprocess.run([ROOFLINE, ONLY, f"tsv:{BATCH}"], check=True, capture_output=True, text=True).stdout
    table = {}
    for line in out.splitlines():
        precision, name, *cells = line.split("\t")
        table[precision, name] = ([int(c) for c in cells[:8]], float(cells[8]), [float(c) for c in cells[9:]])
    return table


def best(work, seconds=0.3):
    """Seconds of the fastest repetition."""
    work()
    fastest, begin = float("inf"), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def theirs(precision, shape):
    """GFLOP/s forward, by x and by w: the best layout of each."""
    batch, inputs, outputs, height, width, kernel, stride, padding = shape
    dtype = torch.float32 if precision == "F32" else torch.bfloat16
    rates = [0.0, 0.0, 0.0]
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(batch, inputs, height, width).to(dtype).to(memory_format=layout)
        w = torch.randn(outputs, inputs, kernel, kernel).to(dtype).to(memory_format=layout)
        y = torch.nn.functional.conv2d(x, w, None, stride, padding)
        flops = 2.0 * y.numel() * inputs * kernel * kernel
        dy = torch.randn_like(y)

        def back(mask):
            steps = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1)
            return torch.ops.aten.convolution_backward(dy, x, w, None, *steps, mask)

        works = [
            lambda: torch.nn.functional.conv2d(x, w, None, stride, padding),
            lambda: back([True, False, False]),
            lambda: back([False, True, False]),
        ]
        for index, work in enumerate(works):
            rates[index] = max(rates[index], flops / best(work) / 1e9)
    return rates


def main():
    torch.set_grad_enabled(False)
    threads = torch.get_num_threads()
    print(f"PyTorch {torch.__version__}, {threads} threads, batch {BATCH}: GFLOP/s ours / PyTorch = ratio, of peak")
    first = ours()
    peers = {key: theirs(key[0], shape) for key, (shape, _, _) in first.items()}
    second = ours()
    for precision in ("F32", "Mixed"):
        print(f"{precision:<22}" + "".join(f"{kind:>30}" for kind in KINDS))
        for key in (key for key in first if key[0] == precision):
            peak = max(first[key][1], second[key][1])
            cells = ""
            for index in range(3):
                mine = max(first[key][2][index], second[key][2][index])
                peer = peers[key][index]
                cells += f"{mine:>8.0f} /{peer:>5.0f} ={mine / peer:>5.2f}, {mine / peak:>5.0%}"
            print(f"{key[1]:<22}{cells}")


main()
