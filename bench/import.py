"""Import of a folder of PNGs by doppelray, and by a Pillow + numpy loop in two processes, in one run.

Both decode every PNG, convert it to grey, resize it to 224 x 224 with Lanczos and write a PNG, each at its default
compression. doppelray also hashes every file, checks that no subject straddles two splits, looks for duplicates, and syncs
what it wrote; with --percentile the loop also takes the 1st and 99th percentile, as such loops do before they clip.

    cargo build --release && .venv/bin/python bench/import.py target/release/doppelray ../shared/data/knee-224
"""

import multiprocessing
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3


def convert(job):
    import numpy
    from PIL import Image

    source, target, percentile = job
    pixels = numpy.asarray(Image.open(source).convert("L"))
    if percentile:
        numpy.percentile(pixels, (1, 99))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    Image.fromarray(pixels).resize((224, 224), Image.LANCZOS).save(target)


def theirs(source, out, *percentile):
    """As a child process, so that its memory is its own."""
    files = sorted(pathlib.Path(source).rglob("*.png"))
    jobs = [(str(p), os.path.join(out, p.relative_to(source)), bool(percentile)) for p in files]
    with multiprocessing.Pool(2) as pool:
        list(pool.imap_unordered(convert, jobs, chunksize=64))


def timed(command):
    """Seconds, and the peak resident size in KiB of the largest process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - began, usage.ru_maxrss


def main(program, source, *percentile):
    files = sum(1 for _ in pathlib.Path(source).rglob("*.png"))
    seconds = {"ours": [], "theirs": []}
    peak = {"ours": 0, "theirs": 0}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for _ in range(ROUNDS):
            for name, command in (
                ("theirs", [sys.executable, __file__, "--loop", source, f"{folder}/theirs", *percentile]),
                ("ours", [program, "import", source, "--out", f"{folder}/ours", "--split", "from-folders", "--quiet"]),
            ):
                took, kib = timed(command)
                seconds[name].append(took)
                peak[name] = max(peak[name], kib)
            size = {name: sum(p.stat().st_size for p in pathlib.Path(folder, name).rglob("*.png")) for name in seconds}
            shutil.rmtree(f"{folder}/theirs")
            shutil.rmtree(f"{folder}/ours")
    ours, loop = (statistics.median(seconds[name]) for name in ("ours", "theirs"))
    print(f"{files} PNGs, median of {ROUNDS} rounds in turns, {os.cpu_count()} processors")
    print(f"time     {ours:.2f} s ({files / ours:.0f}/s), Pillow + numpy in 2 processes {loop:.2f} s: {loop / ours:.1f}x as fast")
    print(f"memory   {peak['ours'] / 1024:.0f} MiB, theirs {peak['theirs'] / 1024:.0f} MiB in the largest process")
    print(f"output   {size['ours'] / 2**20:.0f} MiB, theirs {size['theirs'] / 2**20:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1] == "--loop":
        theirs(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
