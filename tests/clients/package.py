"""Loads a package with the programs that people use, and asks each whether it found what the manifest tells.

Usage: .venv/bin/python tests/clients/package.py PACKAGE
Needs: pip install pillow datasets webdataset mlcroissant torchvision polars (each that is missing is said and skipped).
Ends with status 0 when all that is there agrees.
"""

import csv
import importlib
import json
import sys
from collections import Counter
from pathlib import Path

package = Path(sys.argv[1]).resolve()
rows = list(csv.DictReader((package / "manifest.csv").open()))
grades = Counter(row["grade"] for row in rows)


def pillow():
    """The file says what it is, to a program that knows nothing of doppelray."""
    from PIL import Image

    with Image.open(package / rows[0]["file"]) as image:
        image.load()
        assert "synthetic" in image.text["Synthetic"], image.text
        assert "trainedAlgorithmicMedia" in image.text["XML:com.adobe.xmp"]


def datasets():
    from datasets import load_dataset

    data = load_dataset(str(package), split="train")
    assert len(data) == len(rows), len(data)
    names = data.features["label"].names
    assert Counter(names[label] for label in data["label"]) == grades


def webdataset():
    import webdataset

    shards = sorted(str(path) for path in (package / "shards").glob("*.tar"))
    assert shards, "make the package with --webdataset"
    data = webdataset.WebDataset(shards, shardshuffle=False).decode("l").to_tuple("png", "cls", "json")
    seen = [(str(grade), line["id"], image.shape) for image, grade, line in data]
    assert Counter(grade for grade, *_ in seen) == grades
    assert {name for _, name, _ in seen} == {row["id"] for row in rows}


def torchvision():
    from torchvision.datasets import ImageFolder

    split = sorted((package / "images").iterdir())[0]
    data = ImageFolder(split)
    there = Counter(data.classes[label] for _, label in data.samples)
    assert there == Counter(row["grade"] for row in rows if row["file"].startswith(f"images/{split.name}/"))


def mlcroissant():
    import mlcroissant

    dataset = mlcroissant.Dataset(str(package / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors, issues.errors
    found = list(dataset.records("table"))
    text = lambda value: value.decode() if isinstance(value, bytes) else str(value)
    assert len(found) == len(rows) and {text(r["table/id"]) for r in found} == {row["id"] for row in rows}


def polars():
    import polars

    table = polars.read_csv(package / "manifest.csv")
    assert table.height == len(rows) and table["grade"].sum() == sum(int(row["grade"]) for row in rows)


def yaml():
    """The card's front matter and the citation are YAML."""
    import yaml

    front = yaml.safe_load((package / "README.md").read_text().split("---")[1])
    assert front["license"] and front["configs"][0]["data_files"]
    cited = yaml.safe_load((package / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0" and cited["authors"] and cited["title"]
    json.loads((package / "release.json").read_text())


NEEDS = {"pillow": "PIL"}
for check in (pillow, yaml, polars, datasets, webdataset, torchvision, mlcroissant):
    name = check.__name__
    try:
        importlib.import_module(NEEDS.get(name, name))
    except ImportError:
        print(f"{name}: not installed, skipped")
        continue
    check()
    print(f"{name}: agrees")
