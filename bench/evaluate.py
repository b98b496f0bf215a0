"""Frechet distance, kernel distance and PRDC of the same features by doppelray, and by scipy, NumPy as torch-fidelity does it, and
the prdc package, in one run.

    cargo build --release -p doppelray-measures --example bench && .venv/bin/python bench/evaluate.py target/release/examples/bench
"""

import json
import resource
import subprocess
import sys
import tempfile
import time

import numpy
import prdc
import scipy.linalg

ROWS, WIDTH = 10_000, 512


def kid(a, b, subsets=100, size=1000):
    """torch-fidelity's kid_features_to_metric with its defaults: the mean over subsets of the unbiased estimate."""
    draws = numpy.random.RandomState(2020)
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    values = []
    for _ in range(subsets):
        x, y = a[draws.choice(len(a), size, replace=False)], b[draws.choice(len(b), size, replace=False)]
        inner = lambda z: (lambda k: (k.sum() - numpy.trace(k)) / (size * (size - 1)))(kernel(z, z))
        values.append(inner(x) + inner(y) - 2 * kernel(x, y).mean())
    return numpy.mean(values)


def main():
    draws = numpy.random.default_rng(0)
    a = numpy.abs(draws.standard_normal((ROWS, WIDTH), dtype=numpy.float32))
    b = numpy.abs(draws.standard_normal((ROWS, WIDTH), dtype=numpy.float32)) * numpy.float32(1.1)
    with tempfile.NamedTemporaryFile() as file:
        file.write(a.tobytes() + b.tobytes())
        file.flush()
        ours = json.loads(subprocess.run([sys.argv[1], str(ROWS), str(WIDTH), file.name], check=True, capture_output=True).stdout)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    a, b = a.astype(numpy.float64), b.astype(numpy.float64)
    s, t = numpy.cov(a, rowvar=False), numpy.cov(b, rowvar=False)
    apart = a.mean(0) - b.mean(0)
    distance = apart @ apart + numpy.trace(s + t) - 2 * numpy.trace(scipy.linalg.sqrtm(s @ t).real)
    frechet_s = time.perf_counter() - began
    began = time.perf_counter()
    kernel = kid(a, b)
    kid_s = time.perf_counter() - began
    began = time.perf_counter()
    theirs = prdc.compute_prdc(a, b, 5)
    prdc_s = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{ROWS} x {ROWS} x {WIDTH}; theirs in f64, ours exact in f64 for all but the kernel")
    print(f"frechet  {ours['frechet_s']:.2f} s, scipy {frechet_s:.2f} s: {frechet_s / ours['frechet_s']:.1f}x as fast; relative difference {abs(ours['frechet'] - distance) / distance:.1e}")
    print(f"kernel   {ours['kid_s']:.2f} s for all pairs with their interval, torch-fidelity's subsets {kid_s:.2f} s: {kid_s / ours['kid_s']:.1f}x as fast; {ours['kid']:.5f} and {kernel:.5f}")
    print(f"prdc     {ours['prdc_s']:.2f} s, prdc {prdc_s:.2f} s: {prdc_s / ours['prdc_s']:.1f}x as fast; largest difference {max(abs(ours[k] - theirs[k]) for k in theirs):.1e}")
    print(f"kernel and prdc in one pass {ours['both_s']:.2f} s")
    total = [frechet_s + kid_s + prdc_s, ours["frechet_s"] + ours["both_s"]]
    print(f"all      {total[1]:.1f} s, theirs {total[0]:.1f} s: {total[0] / total[1]:.1f}x as fast")
    print(f"memory   {ours['peak_kb'] / 1024:.0f} MiB, theirs {peak / 1024:.0f} MiB (of which {before / 1024:.0f} before): {ours['peak_kb'] / peak:.2f} of it")


if __name__ == "__main__":
    main()
