"""Agreement of doppelray's DICOM import with pydicom and its own pixel pipeline, file by file.

Each file is imported at its own size (the centred square, no resizing, 16 bits) and compared with pydicom's pixel_array,
apply_modality_lut and apply_voi_lut, spread over 0..65535 as docs/dicom.md says. Frames beyond the first are compared too.

    python3 -m venv .venv && .venv/bin/pip install pydicom pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg numpy pillow
    .venv/bin/python bench/dicom.py target/release/doppelray ../shared/data/dicom/{radiographs,awkward,broken}
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import pydicom
from PIL import Image
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

warnings.simplefilter("ignore")


def luma(rgb, white):
    red, green, blue = (rgb[..., i].astype(numpy.float64) for i in range(3))
    return numpy.floor((299 * red + 587 * green + 114 * blue + 500) / 1000) / white


def theirs(path):
    """A list of frames in 0..1."""
    film = pydicom.dcmread(path, force=True)
    pixels = film.pixel_array
    frames = int(film.get("NumberOfFrames", 1) or 1)
    frames = list(pixels) if frames > 1 else [pixels]
    photometric = film.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        return [luma(apply_color_lut(frame, film), 65535 if film.RedPaletteColorLookupTableDescriptor[2] == 16 else 255) for frame in frames]
    if film.SamplesPerPixel == 3:
        return [luma(frame, 2**film.BitsStored - 1) for frame in frames]
    return [grey(film, frame) for frame in frames]


def grey(film, frame):
    bits = film.BitsStored
    half = 2 ** (bits - 1)
    ends = numpy.array([-half, half - 1] if film.PixelRepresentation else [0, 2 * half - 1])
    if "ModalityLUTSequence" in film:
        entries = film.ModalityLUTSequence[0].LUTDescriptor
        ends = numpy.array([0, 2 ** entries[2] - 1])
    else:
        ends = numpy.sort(apply_modality_lut(ends, film))
    measured = apply_modality_lut(frame, film)
    if "VOILUTSequence" in film:
        seen = apply_voi_lut(measured, film, prefer_lut=True) / (2 ** film.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowCenter" in film:
        seen = apply_voi_lut(measured, film)
        # pydicom spreads a window over all that could be measured.
        seen = (seen - ends[0]) / (ends[1] - ends[0])
    else:
        seen = (measured - ends[0]) / (ends[1] - ends[0])
    if film.PhotometricInterpretation == "MONOCHROME1":
        seen = 1 - seen
    if "PixelPaddingValue" in film:
        seen = numpy.where(frame == numpy.asarray(film.PixelPaddingValue).astype(frame.dtype), 0, seen)
    return seen


def ours(program, path, size):
    """The frames of an import, or the reason of its refusal."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        command = [program, "import", str(path), "--out", str(out), "--size", str(size), "--lookalikes", "keep", "--bits", "16", "--json"]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode != 0:
            return None, ran.stderr.strip().splitlines()[-1]
        report = json.loads(ran.stdout)
        frames = sorted(out.rglob("*.png"), key=lambda p: (len(p.stem), p.stem))
        return [numpy.asarray(Image.open(p)).astype(numpy.float64) for p in frames if "images" in p.parts], report


def cut(frame):
    rows, columns = frame.shape
    size = min(rows, columns)
    top, left = (rows - size) // 2, (columns - size) // 2
    return frame[top : top + size, left : left + size]


def main(program, *folders):
    worst = 0
    for path in sorted(p for folder in folders for p in pathlib.Path(folder).iterdir()):
        try:
            frames = [cut(frame) for frame in theirs(path)]
            note = ""
        except Exception as error:
            frames, note = None, f"pydicom refuses it ({type(error).__name__}: {str(error)[:60]})"
        size = frames[0].shape[0] if frames else 64
        found, report = ours(program, path, max(size, 8))
        if found is None or frames is None or size < 8:
            print(f"{path.name:44} doppelray: {'read' if found else report[-90:]}; {note or 'pydicom reads it'}")
            continue
        apart = [numpy.abs(a - numpy.clip(b, 0, 1) * 65535).max() for a, b in zip(found, frames)]
        worst = max(worst, max(apart))
        print(f"{path.name:44} {len(found)} of {len(frames)} frames, at most {max(apart):8.2f} of 65535 apart")
    print(f"worst: {worst:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
