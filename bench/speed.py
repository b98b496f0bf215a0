"""Import of DICOM by doppelray, and by pydicom + pylibjpeg or gdcm + Pillow in two processes, in one run, by transfer syntax.

Both decode every film, apply the modality and VOI functions, cut the centred square, resize it to 224 x 224 with Lanczos and
write a PNG of 16 bits, each at its default compression. doppelray also hashes what it wrote, looks for repeats, checks splits
and syncs. Its time is that of the whole process; the loop's is taken once both of its processes have imported everything.
Of pylibjpeg and gdcm the faster counts, syntax by syntax.

    .venv/bin/pip install pydicom pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg pylibjpeg-rle python-gdcm numpy pillow
    cargo build --release && .venv/bin/python bench/speed.py target/release/doppelray ../shared/data/dicom/radiographs
"""

import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy
import pydicom
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut, get_decoder

warnings.simplefilter("ignore")
ROUNDS = 3
# A row's film and how often it is taken, so that a start of 0.3 s weighs little; and what is wanted.
ROWS = [
    ("native, 10 of 16 bits", "RG3_UNC", 96, 5),
    ("RLE", "RG3_RLE", 96, 5),
    ("native and RLE phantoms, 512", None, 96, 5),
    ("JPEG lossless", "RG3_JPLL", 24, 2),
    ("JPEG-LS lossless", "RG3_JLSL", 24, 2),
    ("JPEG-LS near-lossless", "RG3_JLSN", 24, 2),
    ("JPEG 2000 lossless", "RG3_J2KR", 24, 2),
    ("JPEG 2000 lossy", "RG3_J2KI", 24, 2),
]
PLAIN = [pydicom.uid.ExplicitVRLittleEndian, pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.ExplicitVRBigEndian, pydicom.uid.RLELossless]


def convert(job):
    source, target, plugin = job
    film = pydicom.dcmread(source)
    film.pixel_array_options(decoding_plugin=plugin) if plugin else None
    frame = film.pixel_array
    if "WindowCenter" in film or "VOILUTSequence" in film:
        seen = apply_voi_lut(apply_modality_lut(frame, film), film)
    else:
        seen = apply_modality_lut(frame, film)
    white = 2**film.BitsStored - 1
    if film.PhotometricInterpretation == "MONOCHROME1":
        seen = white - seen
    rows, columns = seen.shape
    size = min(rows, columns)
    top, left = (rows - size) // 2, (columns - size) // 2
    grey = (seen[top : top + size, left : left + size] * (65535 / white)).astype(numpy.float32)
    small = Image.fromarray(grey).resize((224, 224), Image.LANCZOS)
    Image.fromarray(numpy.clip(numpy.asarray(small) + 0.5, 0, 65535).astype(numpy.uint16)).save(target)


def plugins(path):
    syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return [""]
    return [name for name in get_decoder(syntax).available_plugins if name in ("pylibjpeg", "gdcm", "pydicom")]


def warm(_):
    time.sleep(0.1)


def loop(folder, out, plugin):
    """Seconds of the loop alone."""
    os.makedirs(out)
    jobs = [(str(path), f"{out}/{path.name}.png", plugin) for path in sorted(pathlib.Path(folder).iterdir())]
    with multiprocessing.Pool(2) as pool:
        pool.map(warm, range(8))
        began = time.perf_counter()
        list(pool.imap_unordered(convert, jobs))
        return time.perf_counter() - began


def ours(program, folder, out):
    command = [program, "import", folder, "--out", out, "--size", "224", "--bits", "16", "--lookalikes", "keep", "--quiet"]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def films(program, folder, row, radiographs):
    name, film, count, _ = row
    os.makedirs(folder)
    if film:
        for at in range(count):
            os.link(pathlib.Path(radiographs, film), f"{folder}/{at:03}.dcm")
        return
    ward = f"{folder}-ward"
    subprocess.run([program, "phantom", "--format", "dicom", "--count", str(count * 9 // 4), "--size", "512", "--out", ward, "--quiet"], check=True)
    for path in sorted(pathlib.Path(ward).rglob("*.dcm")):
        # Four of nine: pydicom inflates in one go, which would be another row, as would the other codecs.
        if pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID in PLAIN:
            os.rename(path, f"{folder}/{path.name}")


def main(program, radiographs, rounds=ROUNDS):
    rounds = int(rounds)
    program = os.path.abspath(program)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, median of {rounds} rounds in turns")
    with tempfile.TemporaryDirectory(dir=".") as top:
        for at, row in enumerate(ROWS):
            folder = f"{top}/{at}"
            copied = pathlib.Path(top, f"from{at}")
            copied.mkdir()
            if row[1]:
                (copied / row[1]).write_bytes(pathlib.Path(radiographs, row[1]).read_bytes())
            films(program, folder, row, copied)
            count = len(os.listdir(folder))
            first = next(pathlib.Path(folder).iterdir())
            every = plugins(first) if row[1] else [""]
            took = {name: [] for name in ["ours", *every]}
            for turn in range(rounds):
                for name in every:
                    took[name].append(loop(folder, f"{top}/{at}-{turn}-{name}", name))
                took["ours"].append(ours(program, folder, f"{top}/{at}-{turn}-ours"))
            medians = {name: statistics.median(seconds) for name, seconds in took.items()}
            mine = medians.pop("ours")
            best = min(medians, key=medians.get)
            print(
                f"{row[0]:30} {count:3} films: {count / mine:6.1f}/s, {best or 'numpy'} {count / medians[best]:6.1f}/s: "
                f"{medians[best] / mine:5.1f}x (goal {row[3]}x)",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
