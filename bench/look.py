"""The look at import against independent implementations and a hand check, on real knees; figures, no timing.

Polarity: against bench/negatives.txt, the ids of all photographic negatives, found by looking through contact sheets of all
6,604 knees in the order of their paths, before and apart from any program's verdict. Equalisation: against OpenCV's
equalizeHist and CLAHE, and numpy's percentiles. OpenCV's CLAHE hands what it clips to whole pixels, and what is left over to
the darkest greys, which brightens small tiles by some greys; ours spreads it evenly, as Zuiderveld wrote it.

    .venv/bin/pip install opencv-python-headless numpy && cargo build && .venv/bin/python bench/look.py target/debug/doppelray
"""

import csv
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy

HERE = pathlib.Path(__file__).parent
KNEES = HERE / "../../shared/data/knee-224"


def polarity(rows):
    negatives = set((HERE / "negatives.txt").read_text().split())
    inverted = {row["id"] for row in rows if "inverted" in row["flags"].split()}
    unsure = sum("polarity?" in row["flags"].split() for row in rows)
    missed, false = negatives - inverted, inverted - negatives
    print(f"polarity: {len(rows)} knees, {len(negatives)} negatives; missed {len(missed)}, inverted wrongly {len(false)}, unsure {unsure}")
    print(f"borders: cut on {sum('borders' in row['flags'].split() for row in rows)} knees, none of which has any")


def stretched(image):
    low, high = numpy.percentile(image, (1, 99), method="inverted_cdf").astype(float)
    return numpy.clip((image - low) / max(high - low, 1) * 255 + 0.5, 0, 255).astype(int)


THEIRS = {
    "percentile": stretched,
    "hist": cv2.equalizeHist,
    "clahe": cv2.createCLAHE(2.0, (8, 8)).apply,
}


def main(program):
    with tempfile.TemporaryDirectory(dir="target") as folder:
        for how, theirs in THEIRS.items():
            out = pathlib.Path(folder, how)
            command = [program, "import", KNEES, "--out", out, "--split", "from-folders", "--equalize", how, "--quiet"]
            subprocess.run([*command, "--polarity", "auto", "--borders", "cut"], check=True)
            rows = list(csv.DictReader(open(out / "manifest.csv")))
            if how == "percentile":
                polarity(rows)
            apart = []
            for row in rows[::13]:
                if "inverted" not in row["flags"]:
                    source = cv2.imread(str(KNEES / row["file"].removeprefix("images/")), cv2.IMREAD_GRAYSCALE)
                    ours = cv2.imread(str(out / row["file"]), cv2.IMREAD_GRAYSCALE)
                    apart.append(numpy.abs(ours.astype(int) - theirs(source).astype(int)))
            apart = numpy.array(apart)
            print(f"{how}: {len(apart)} knees, greys apart: mean {apart.mean():.3f}, at most {apart.max()}")


if __name__ == "__main__":
    main(sys.argv[1])
