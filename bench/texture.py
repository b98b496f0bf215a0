"""Writes crates/measures/tests/texture.json: radiomics by pyradiomics, MS-SSIM by SciPy's filters.

    python3 -m venv .venv && .venv/bin/pip install numpy scipy SimpleITK pyradiomics && .venv/bin/python bench/texture.py

The images are not stored: `image` draws them here and in crates/measures/tests/texture.rs from the same integers.
"""

import json
import pathlib

import numpy
import scipy.ndimage
import SimpleITK
from radiomics import featureextractor

from golden import splitmix

CLASSES = ["firstorder", "glcm", "glrlm", "glszm", "ngtdm"]


def image(seed, height, width):
    """Sums of neighbouring random words: smooth enough for runs and zones, in single precision."""
    words = splitmix(seed)
    rows = [[(next(words) >> 40) * 2.0**-24 for _ in range(width + 2)] for _ in range(height + 2)]
    smooth = [[sum(rows[y + dy][x + dx] for dy in range(3) for dx in range(3)) / 9 for x in range(width)] for y in range(height)]
    return numpy.array(smooth, dtype=numpy.float32)


def features(values):
    extractor = featureextractor.RadiomicsFeatureExtractor(binCount=32, force2D=True, force2Ddimension=0, label=1)
    extractor.disableAllFeatures()
    for name in CLASSES:
        extractor.enableFeatureClassByName(name)
    # A border outside the mask: pyradiomics refuses a mask that is the whole picture.
    framed = lambda x: SimpleITK.GetImageFromArray(numpy.pad(x, 1)[None])
    picture, mask = framed(values.astype(numpy.float64)), framed(numpy.ones(values.shape, dtype=numpy.uint8))
    found = extractor.execute(picture, mask)
    return {name.removeprefix("original_"): float(value) for name, value in found.items() if name.startswith("original_")}


def ms_ssim(a, b):
    """Wang, Simoncelli and Bovik 2003, with the constants of the paper."""
    exponents = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    x = numpy.arange(11) - 5
    window = numpy.exp(-(x**2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(v):
        for axis in (0, 1):
            v = scipy.ndimage.correlate1d(v, window, axis=axis)
        return v[5:-5, 5:-5]

    a, b, product = a.astype(float), b.astype(float), 1.0
    for scale, exponent in enumerate(exponents):
        ma, mb = blur(a), blur(b)
        va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
        structure = (2 * cov + 0.03**2) / (va + vb + 0.03**2)
        luminance = (2 * ma * mb + 0.01**2) / (ma**2 + mb**2 + 0.01**2)
        last = scale == 4
        product *= max((structure * luminance if last else structure).mean(), 0) ** exponent
        a, b = [(v[0::2, 0::2] + v[1::2, 0::2] + v[0::2, 1::2] + v[1::2, 1::2]) / 4 for v in (v[: v.shape[0] // 2 * 2, : v.shape[1] // 2 * 2] for v in (a, b))]
    return float(product)


def main():
    shapes = [(1, 24, 32), (2, 40, 16)]
    texture = [{"seed": seed, "height": height, "width": width, "features": features(image(seed, height, width))} for seed, height, width in shapes]
    height, width, share = 177, 184, 0.7
    a, b = image(3, height, width), image(4, height, width)
    mixed = (numpy.float32(share) * a + numpy.float32(1 - share) * b).astype(numpy.float32)
    likeness = [{"height": height, "width": width, "share": share, "ms_ssim": ms_ssim(a, mixed)}]
    path = pathlib.Path(__file__).parent.parent / "crates/measures/tests/texture.json"
    path.write_text(json.dumps({"radiomics": texture, "likeness": likeness}, indent=1) + "\n")
    print(len(texture[0]["features"]), "features of each image;", likeness)


if __name__ == "__main__":
    main()
