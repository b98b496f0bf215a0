"""Recall and false alarms of the burnt-in text detector, through the program, on real knees and on phantoms.

Writes text into films at sizes, contrasts, fonts and places of many kinds, imports them with --text mask at their own size, and
counts which share of the ink was painted over (a pixel that came out other than it went in). A text is found if at least 90%
of its ink is gone. False alarms are films without text that the program flags. Names, dates and numbers are made up.

    .venv/bin/pip install pillow numpy && cargo build && .venv/bin/python bench/text.py target/debug/doppelray

Fonts: DejaVu Sans, Sans Mono, Serif Bold and URW Bookman Italic, as Debian's fonts-dejavu and fonts-urw-base35 have them.
"""

import csv
import pathlib
import random
import subprocess
import sys
import tempfile
from collections import defaultdict

import numpy
from PIL import Image, ImageDraw, ImageFont

KNEES = pathlib.Path(__file__).parent / "../../shared/data/knee-224"
FONTS = {
    "sans": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "mono": "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "serif bold": "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf",
    "italic": "/usr/share/fonts/opentype/urw-base35/URWBookman-LightItalic.otf",
}
TEXTS = {
    "name": ["DOE JANE", "Smith, John", "Müller^Anna", "KOWALSKI"],
    "date": ["12.03.1957", "2024-11-03", "03/11/24 14:22"],
    "number": ["8312745", "ID 550-91", "M 067Y"],
    "marker": ["R", "L"],
}
SIZES = [8, 10, 12, 16, 24, 36]
CONTRASTS = ["white", "black", "+100", "+60", "+30"]
PLACES = ["border", "tissue"]
EACH = 2


def framed(film):
    """The film with a black border at the right, as collimation leaves it; where it is, borders hold the text."""
    side = film.shape[0]
    wide = numpy.zeros((side, side), numpy.uint8)
    wide[:, : side * 11 // 20] = film[:, side * 9 // 40 : side * 9 // 40 + side * 11 // 20]
    return wide


def written(film, text, font, size, contrast, place, draw):
    side = film.shape[0]
    film = framed(film) if place == "border" else film
    mask = Image.new("L", (side, side))
    pen = ImageDraw.Draw(mask)
    font = ImageFont.truetype(FONTS[font], size)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    low = side * 11 // 20 + 4 if place == "border" else side // 8
    high = (side if place == "border" else side - side // 8) - right - 2
    if high < low:
        return None
    x, y = draw.randint(low, high), draw.randint(2, side - bottom - 2)
    pen.text((x, y), text, fill=255, font=font)
    ink = numpy.asarray(mask).astype(float) / 255
    ground = film[y + top : y + bottom, x + left : x + right].mean()
    value = {"white": 255, "black": 0}.get(contrast)
    if value is None:
        value = min(255, ground + int(contrast[1:]))
    if abs(value - ground) < 25:
        return None
    out = film * (1 - ink) + value * ink
    return numpy.clip(out + 0.5, 0, 255).astype(numpy.uint8), ink > 0.5


def plant(films, folder, draw):
    """Writes the films with text; for each the case it stands for and where its ink is."""
    planted = {}
    for size in SIZES:
        for contrast in CONTRASTS:
            for place in PLACES:
                for kind, texts in TEXTS.items():
                    for font in FONTS:
                        for _ in range(EACH if kind == "marker" else EACH // 2):
                            made = written(draw.choice(films), draw.choice(texts), font, size, contrast, place, draw)
                            if made:
                                name = f"{len(planted)}x"
                                Image.fromarray(made[0]).save(folder / f"{name}.png")
                                planted[name] = (dict(size=size, contrast=contrast, place=place, kind=kind, font=font), made)
    return planted


def imported(program, source, out, size):
    command = [program, "import", source, "--out", out, "--text", "mask", "--size", str(size), "--bits", "8", "--lookalikes", "keep"]
    subprocess.run([*command, "--quiet"], check=True)
    return {row["id"]: row for row in csv.DictReader(open(out / "manifest.csv"))}


def recall(program, films, name, draw):
    side = films[0].shape[0]
    with tempfile.TemporaryDirectory(dir="target") as folder:
        source = pathlib.Path(folder, "src/0")
        source.mkdir(parents=True)
        planted = plant(films, source, draw)
        out = pathlib.Path(folder, "out")
        rows = imported(program, source.parent, out, side)
        found = defaultdict(lambda: [0, 0])
        for id, (case, (pixels, ink)) in planted.items():
            if id not in rows:
                continue
            after = numpy.asarray(Image.open(out / rows[id]["file"]))
            gone = (after != pixels)[ink].mean() >= 0.9
            several = "line" if case["kind"] != "marker" else "marker"
            for key in (several, *((several, what, case[what]) for what in ("size", "contrast", "place", "font"))):
                found[key][0] += gone
                found[key][1] += 1
    for key, (hits, all) in sorted(found.items(), key=str):
        label = key if isinstance(key, str) else f"{key[0]}, {key[1]} {key[2]}"
        print(f"{name}: {label}: {hits}/{all} = {100 * hits / all:.0f}%")


def alarms(program, source, name, size):
    with tempfile.TemporaryDirectory(dir="target") as folder:
        rows = imported(program, source, pathlib.Path(folder, "out"), size)
        flagged = sorted(id for id, row in rows.items() if "text" in row["flags"].split())
        print(f"{name}: false alarms on {len(flagged)} of {len(rows)} films = {100 * len(flagged) / len(rows):.2f}%")
        print("  " + " ".join(flagged[:60]))


def main(program):
    draw = random.Random(7)
    with tempfile.TemporaryDirectory(dir="target") as folder:
        phantoms = pathlib.Path(folder, "phantoms")
        subprocess.run([program, "phantom", "--out", phantoms, "--count", "120", "--size", "512", "--bits", "8", "--quiet"], check=True)
        alarms(program, phantoms / "images", "phantoms 512", 512)
        films = [numpy.asarray(Image.open(path)) for path in sorted(phantoms.rglob("images/*/*/*.png"))[:60]]
        recall(program, films, "phantoms 512", draw)
    files = sorted(KNEES.rglob("*.png"))
    alarms(program, KNEES, "knees 224", 224)
    recall(program, [numpy.asarray(Image.open(draw.choice(files)).convert("L")) for _ in range(80)], "knees 224", draw)


if __name__ == "__main__":
    main(sys.argv[1])
