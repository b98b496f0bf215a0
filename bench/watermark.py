"""What the watermark outlives, and how often unmarked images seem marked, on real radiographs, by Pillow's JPEG and resizing.

Usage: .venv/bin/python bench/watermark.py DOPPELRAY FOLDER [COUNT]     FOLDER/GRADE/*.png, 8 bit, of one size
Needs: pip install pillow. Real images are packed here to measure the mark on them; nothing leaves the temporary folder.
"""

import hashlib
import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

binary, source, count = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 300


def run(*words):
    done = subprocess.run([binary, "--quiet", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def held(files):
    """Right bits of each image."""
    files, bits = list(files), []
    for at in range(0, len(files), 200):
        bits += [seen["held"] for seen in json.loads(run("--json", "verify", *files[at:at + 200]))]
    return bits


def sealed(report):
    text = json.dumps(report, sort_keys=True, separators=(",", ":"))
    return json.dumps({**report, "seal": hashlib.sha256(text.encode()).hexdigest()})


def jpeg(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def half(image):
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR)


CHANGES = {
    "as it is": lambda image: image,
    "JPEG 80": lambda image: jpeg(image, 80),
    "halved": half,
    "halved, JPEG 80": lambda image: jpeg(half(image), 80),
    "JPEG 50": lambda image: jpeg(image, 50),
}

with tempfile.TemporaryDirectory() as work:
    work = Path(work)
    everything = sorted(source.glob("*/*.png"))
    print(f"unmarked: {len(everything)} images")
    bits = held(everything)
    print(f"  right bits of 64: mean {statistics.mean(bits):.2f}, deviation {statistics.stdev(bits):.2f}, most {max(bits)}; taken for marked: {sum(b >= 54 for b in bits)}")
    for file in random.Random(0).sample(everything, min(count, len(everything))):
        folder = work / "chosen" / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.read_bytes())
    size = Image.open(everything[0]).width
    run("import", work / "chosen", "--out", work / "images", "--kind", "synthetic", "--size", size, "--split", "0/0/100", "--polarity", "keep")
    manifest = (work / "images/manifest.csv").read_bytes()
    report = {"synthetic": {"count": manifest.count(b"\n") - 1, "hash": hashlib.sha256(manifest).hexdigest()}, "verdict": "none"}
    (work / "proof").mkdir()
    (work / "proof/audit.json").write_text(sealed(report))
    (work / "policy.toml").write_text("format = 1\n")
    said = json.loads(run("--json", "release", work / "images", "--proof", work / "proof", "--policy", work / "policy.toml", "--licence", "none", "--author", "bench", "--out", work / "package"))
    print(f"marked: {said['images']['count']} images; PSNR {said['marks']['psnr']:.1f} dB, least {said['marks']['psnr_least']:.1f} dB")
    for name, change in CHANGES.items():
        files = []
        for file in sorted((work / "package/images").glob("*/*/*.png")):
            out = work / "changed" / f"{file.stem}.png"
            out.parent.mkdir(exist_ok=True)
            change(Image.open(file)).save(out)
            files.append(out)
        bits = held(files)
        print(f"  {name}: bit error rate {1 - statistics.mean(bits) / 64:.4f}, fewest right {min(bits)}, missed {sum(b < 54 for b in bits)} of {len(bits)}")
