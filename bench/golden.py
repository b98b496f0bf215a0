"""Writes crates/measures/tests/golden.json: reference values from independent implementations.

    python3 -m venv .venv && .venv/bin/pip install numpy scipy scikit-learn prdc mpmath vendi-score frd-score && .venv/bin/python bench/golden.py

The inputs are not stored: `cloud` draws them here and in crates/measures/tests/golden.rs from the same integers.
"""

import json
import pathlib

import mpmath
import numpy
import prdc
import scipy.linalg
import scipy.spatial
import sklearn.discriminant_analysis
import sklearn.metrics.pairwise
from frd_score import frd
from vendi_score import vendi

MASK = (1 << 64) - 1


def splitmix(seed):
    """Steele, Lea and Flood 2014."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def cloud(seed, rows, width, shift):
    """Sums of three uniforms, narrower from feature to feature, in single precision."""
    words = splitmix(seed)
    values = []
    for i in range(rows * width):
        bell = sum((next(words) >> 40) * 2.0**-24 for _ in range(3)) - 1.5
        values.append(bell / (1.0 + i % width) + shift)
    return numpy.array(values, dtype=numpy.float32).reshape(rows, width).astype(numpy.float64)


def frechet_scipy(a, b):
    """As pytorch-fid: the matrix square root by Schur's method."""
    s, t = numpy.cov(a, rowvar=False), numpy.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(s @ t)
    apart = a.mean(0) - b.mean(0)
    return float(apart @ apart + numpy.trace(s) + numpy.trace(t) - 2 * numpy.trace(root.real))


def frechet_exact(a, b):
    """With 50 digits, for covariances that are singular."""
    mpmath.mp.dps = 50

    def moments(x):
        x = mpmath.matrix(x.tolist())
        mean = [mpmath.fsum(x[i, j] for i in range(x.rows)) / x.rows for j in range(x.cols)]
        c = mpmath.matrix(x.rows, x.cols)
        for i in range(x.rows):
            for j in range(x.cols):
                c[i, j] = x[i, j] - mean[j]
        return mean, (c.T * c) / (x.rows - 1)

    (m, s), (n, t) = moments(a), moments(b)
    values, vectors = mpmath.eigsy(s)
    root = vectors * mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values]) * vectors.T
    shared = mpmath.eigsy(root * t * root, eigvals_only=True)
    trace = mpmath.fsum(s[i, i] + t[i, i] for i in range(s.rows))
    apart = mpmath.fsum((p - q) ** 2 for p, q in zip(m, n))
    return float(apart + trace - 2 * mpmath.fsum(mpmath.sqrt(max(v, 0)) for v in shared))


def kid(a, b):
    """As torch-fidelity's KID with one subset of all images: the unbiased estimate, by scikit-learn's kernel."""
    kernel = lambda x, y: sklearn.metrics.pairwise.polynomial_kernel(x, y, degree=3, gamma=1 / a.shape[1], coef0=1)
    inner = lambda x: (kernel(x, x).sum() - numpy.trace(kernel(x, x))) / (len(x) * (len(x) - 1))
    return float(inner(a) + inner(b) - 2 * kernel(a, b).mean())


def authenticity(a, b):
    """As dgm-eval's compute_authpct."""
    among = scipy.spatial.distance.cdist(a, a)
    numpy.fill_diagonal(among, numpy.inf)
    to_real = scipy.spatial.distance.cdist(a, b)
    return float(numpy.mean(to_real.min(0) > among.min(0)[to_real.argmin(0)]))


def probe(a, b):
    """Log odds of the first five images of b."""
    model = sklearn.discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5])
    model.fit(numpy.concatenate([a, b]), [0] * len(a) + [1] * len(b))
    return model.decision_function(b[:5]).tolist()


def frechet_radiomics(a, b):
    """As frd-score's version 1: both in deviations of the first, the logarithm of the squared distance."""
    sides = [frd.z_score_normalize(x, base_distribution=a) for x in (a, b)]
    moments = [moment for x in sides for moment in (x.mean(0), numpy.cov(x, rowvar=False))]
    return float(numpy.log(frd.calculate_frechet_distance(*moments)))


def main():
    cases = []
    for real, fake, width, shift, k in [(300, 400, 16, 0.0, 5), (200, 150, 40, 0.05, 3), (20, 30, 24, 0.02, 5), (12, 15, 32, 0.0, 4)]:
        a, b = cloud(real, real, width, 0.0), cloud(fake + 1, fake, width, shift)
        frechet = frechet_scipy if min(real, fake) > width else frechet_exact
        case = {"real": real, "synthetic": fake, "width": width, "shift": shift, "k": k, "by": frechet.__name__}
        values = {name: float(v) for name, v in prdc.compute_prdc(a, b, k).items()}
        values |= {"kid": kid(a, b), "authenticity": authenticity(a, b), "vendi": float(vendi.score_dual(b, normalize=True)), "probe": probe(a, b)}
        cases.append(case | {"frechet": frechet(a, b)} | values)
        # Its matrix root cannot be trusted where covariances are singular.
        cases[-1]["frechet_radiomics"] = frechet_radiomics(a, b) if frechet is frechet_scipy else None
        print(cases[-1])
    path = pathlib.Path(__file__).parent.parent / "crates/measures/tests/golden.json"
    path.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
