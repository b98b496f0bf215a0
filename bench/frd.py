"""The Frechet radiomics distance of two collections by `doppelray evaluate --features radiomics` and by frd-score, in one run: with the
features that doppelray takes, which must agree, and with frd-score's own defaults (version 1), which also takes wavelets and
Laplacians of Gaussians, to see whether the two put sets in one order.

    pip install frd-score pyradiomics      # into .venv, which git ignores
    .venv/bin/python bench/frd.py target/release/doppelray knees SYNTHETIC [SYNTHETIC ...]

Each set is the first images of the manifest, as many of each grade on both sides, and for a floor other real images.
"""

import csv
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy
from PIL import Image
from frd_score import compute_frd

COUNT = 120
OURS = """imageType:
  Original: {}
featureClass:
  firstorder: [10Percentile, 90Percentile, Energy, Entropy, InterquartileRange, Kurtosis, Maximum, MeanAbsoluteDeviation, Mean, Median,
               Minimum, Range, RobustMeanAbsoluteDeviation, RootMeanSquared, Skewness, Uniformity, Variance]
  glcm: [Autocorrelation, JointAverage, ClusterProminence, ClusterShade, ClusterTendency, Contrast, Correlation, DifferenceAverage,
         DifferenceEntropy, DifferenceVariance, JointEnergy, JointEntropy, Imc1, Imc2, Idm, Idmn, Id, Idn, InverseVariance,
         MaximumProbability, SumEntropy, SumSquares]
  glrlm:
  glszm:
  ngtdm:
setting: {additionalInfo: false, binCount: 32, force2D: true, force2Ddimension: 0, label: 1}
"""


def rows(folder):
    with open(folder / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def choose(folder, chosen, out):
    """A collection of the chosen rows, and the same images with a border outside a mask, as pyradiomics wants them."""
    for part in ("collection/images", "framed", "masks"):
        (out / part).mkdir(parents=True)
    about = (folder / "collection.toml").read_text()
    (out / "collection/collection.toml").write_text(about)
    with open(out / "collection/manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(chosen[0]), lineterminator="\n")
        writer.writeheader()
        for at, row in enumerate(chosen):
            to = out / "collection" / row["file"]
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes((folder / row["file"]).read_bytes())
            writer.writerow(row)
            pixels = numpy.asarray(Image.open(to).convert("L"))
            Image.fromarray(numpy.pad(pixels, 1)).save(out / f"framed/{at:04}.png")
            Image.fromarray(numpy.pad(numpy.full_like(pixels, 255), 1)).save(out / f"masks/{at:04}.png")
    return out


def first_of_each_grade(all_rows, skip=0):
    each = COUNT // 5
    return [row for grade in "01234" for row in [r for r in all_rows if r["grade"] == grade][skip * each : (skip + 1) * each]]


def main():
    doppelray, real, *synthetic = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "ours.yaml").write_text(OURS)
        held = [row for row in rows(real) if row.get("split") == "val"]
        reference = choose(real, first_of_each_grade(held), scratch / "real")
        train = [row for row in rows(real) if row.get("split") == "train"]
        sides = {"other real ones": choose(real, first_of_each_grade(train), scratch / "other")}
        sides |= {path.name: choose(path, first_of_each_grade(rows(path)), scratch / path.name) for path in synthetic}
        for name, side in sides.items():
            out = scratch / f"proof-{side.name}"
            subprocess.run(
                [doppelray, "evaluate", reference / "collection", side / "collection", "--features", "radiomics", "--real-split", "val", "--out", out, "--quiet"],
                check=True,
            )
            distance = json.loads((out / "evaluate.json").read_text())["spaces"]["radiomics"]["overall"]["frechet"]["value"]
            # As `frechet_radiomics`, which so few images may not carry.
            ours = math.log(distance)
            pair = [str(reference / "framed"), str(side / "framed")]
            masks = [str(reference / "masks"), str(side / "masks")]
            same = compute_frd(pair, paths_masks=masks, config_path=str(scratch / "ours.yaml"), num_workers=2)
            whole = compute_frd([str(x / "framed") for x in (reference, side)], num_workers=2)
            print(json.dumps({"against": name, "images": COUNT, "doppelray": ours, "frd_score_same_features": same, "frd_score_defaults": whole}), flush=True)


if __name__ == "__main__":
    main()
