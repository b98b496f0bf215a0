"""Loads a package with the programs that people use, and asks each whether it found what the manifest tells.

Usage: .venv/bin/python tests/clients/package.py PACKAGE
Needs: pip install pillow pyyaml datasets webdataset mlcroissant torchvision polars pydicom highdicom monai pynetdicom, and Debian's
orthanc with orthanc-dicomweb (each that is missing is said and skipped).
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

    table, columns = polars.read_csv(package / "manifest.csv"), polars.read_parquet(package / "manifest.parquet")
    assert table.height == len(rows) and table["grade"].sum() == sum(int(row["grade"]) for row in rows)
    assert columns.equals(table.cast(columns.schema)), columns.schema
    assert columns.schema["grade"] == polars.UInt8 and columns.schema["seed"] == polars.UInt64


def yaml():
    """The card's front matter and the citation are YAML."""
    import yaml

    front = yaml.safe_load((package / "README.md").read_text().split("---")[1])
    assert front["license"] and front["configs"][0]["data_files"]
    cited = yaml.safe_load((package / "CITATION.cff").read_text())
    assert cited["cff-version"] == "1.2.0" and cited["authors"] and cited["title"]
    json.loads((package / "release.json").read_text())


def objects():
    """Each image's DICOM object beside its row, ten of them."""
    import pydicom

    for row in rows[:10]:
        yield row, pydicom.dcmread(package / "dicom" / f"{row['id']}.dcm")


def pixels(row):
    import numpy
    from PIL import Image

    with Image.open(package / row["file"]) as image:
        return numpy.asarray(image)


def pydicom():
    for row, film in objects():
        assert film.SyntheticData == "YES" and film.ConversionType == "SYN"
        assert (film.pixel_array == pixels(row)).all(), row["file"]
        codes = [item.ConceptCodeSequence[0].CodeValue for item in film.AcquisitionContextSequence]
        assert codes == [f"KL{row['grade']}"], codes
        purpose = film.ContributingEquipmentSequence[0].PurposeOfReferenceCodeSequence[0]
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")


def highdicom():
    import highdicom

    for row, film in objects():
        image = highdicom.imread(package / "dicom" / f"{row['id']}.dcm")
        assert image.SOPInstanceUID == film.SOPInstanceUID
        assert (image.get_frame(1, apply_voi_transform=False) == pixels(row)).all(), row["file"]


def monai():
    """Its dictionary loader, which puts columns first."""
    from monai.data import Dataset
    from monai.transforms import LoadImaged

    lines = [{"image": str(package / row["file"]), "label": int(row["grade"])} for row in rows]
    data = Dataset(lines, LoadImaged(keys="image", reader="PILReader"))
    assert len(data) == len(rows)
    for at in range(5):
        assert (data[at]["image"].numpy().T == pixels(rows[at])).all() and data[at]["label"] == lines[at]["label"]


def pynetdicom():
    """Into Orthanc by C-STORE and by STOW-RS, and back: every element is as it was."""
    import shutil
    import socket
    import subprocess
    import tempfile
    import time
    import urllib.request

    from pydicom import dcmread
    from pydicom.filebase import DicomBytesIO
    from pynetdicom import AE

    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if not shutil.which("Orthanc") or not plugin.exists():
        print("  Orthanc is not there: its part is skipped")
        return
    free = lambda: (lambda s: (s.bind(("127.0.0.1", 0)), s.getsockname()[1], s.close())[1])(socket.socket())
    web, dimse = free(), free()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"Name": "there", "HttpPort": web, "DicomPort": dimse, "DicomAet": "THERE", "StorageDirectory": folder,
            "IndexDirectory": folder, "AuthenticationEnabled": False, "RemoteAccessAllowed": False, "Plugins": [str(plugin)],
            "DicomAlwaysAllowStore": True, "OverwriteInstances": True}
        (Path(folder) / "orthanc.json").write_text(json.dumps(settings))
        server = subprocess.Popen(["Orthanc", f"{folder}/orthanc.json"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ask = lambda path, **more: urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{web}/{path}", **more)).read()
            for _ in range(600):
                try:
                    ask("system")
                    break
                except OSError:
                    time.sleep(0.1)
            films = [film for _, film in objects()]

            def back():
                ids = json.loads(ask("instances"))
                found = {film.SOPInstanceUID: film for film in (dcmread(DicomBytesIO(ask(f"instances/{i}/file"))) for i in ids)}
                assert len(found) == len(films)
                assert all(found[film.SOPInstanceUID] == film for film in films)
                [urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{web}/instances/{i}", method="DELETE")) for i in ids]

            ours = AE(ae_title="OURS")
            for kind in {film.SOPClassUID for film in films}:
                ours.add_requested_context(kind, list({film.file_meta.TransferSyntaxUID for film in films}))
            link = ours.associate("127.0.0.1", dimse, ae_title="THERE")
            assert link.is_established and all(link.send_c_store(film).Status == 0 for film in films)
            link.release()
            back()

            part = b"\r\n--films\r\nContent-Type: application/dicom\r\n\r\n"
            body = b"".join(part + (package / "dicom" / f"{row['id']}.dcm").read_bytes() for row, _ in objects()) + b"\r\n--films--"
            kind = 'multipart/related; type="application/dicom"; boundary=films'
            ask("dicom-web/studies", data=body, headers={"Content-Type": kind, "Accept": "application/dicom+json"})
            back()
        finally:
            server.terminate()
            server.wait()


NEEDS = {"pillow": "PIL"}
CHECKS = pillow, yaml, polars, datasets, webdataset, torchvision, mlcroissant, pydicom, highdicom, monai, pynetdicom
for check in CHECKS:
    name = check.__name__
    try:
        importlib.import_module(NEEDS.get(name, name))
    except ImportError:
        print(f"{name}: not installed, skipped")
        continue
    check()
    print(f"{name}: agrees")
