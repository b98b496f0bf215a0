"""Peak memory and time of an import of many small DICOM films, all different, and of the same import typed again.

    cargo build --release && .venv/bin/python bench/many.py target/release/doppelray [COUNT...]
"""

import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy

SIZE = 48


def films(program, folder, count):
    """Films of `count` persons: one phantom, with another number and other greys each time."""
    ward = f"{folder}-ward"
    subprocess.run([program, "phantom", "--format", "dicom", "--count", "2", "--size", str(SIZE), "--out", ward, "--quiet"], check=True)
    film = next(p.read_bytes() for p in sorted(pathlib.Path(ward).rglob("*L.dcm")))
    head, number = film[: -2 * SIZE * SIZE], b"P000000"
    assert head.count(number) == 1 and b"1.2.840.10008.1.2.1\0" in head
    draw = numpy.random.default_rng(5)
    for at in range(count):
        if at % 1000 == 0:
            os.makedirs(f"{folder}/{at // 1000}", exist_ok=True)
        greys = numpy.kron(draw.integers(0, 4096, (6, 6)), numpy.ones((8, 8))).astype("<u2")
        with open(f"{folder}/{at // 1000}/{at}", "wb") as file:
            file.write(head.replace(number, b"P%06d" % at) + greys.tobytes())


def timed(command):
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, said
    return time.perf_counter() - began, usage.ru_maxrss / 1024, said


def main(program, *counts):
    program = os.path.abspath(program)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(dir=".") as top:
        for count in map(int, counts or (1_000, 10_000, 100_000)):
            folder = f"{top}/{count}"
            films(program, folder, count)
            command = [program, "import", folder, "--out", f"{folder}-out", "--size", str(SIZE), "--new-key", f"{folder}.key"]
            seconds, peak, _ = timed(command)
            command[-2:] = ["--key", f"{folder}.key"]
            again, peak_again, said = timed(command)
            assert "nothing to do" in said, said
            print(
                f"{count:7} films: {seconds:6.1f} s, {peak:5.0f} MiB at most; typed again {again:5.1f} s, {peak_again:5.0f} MiB, "
                "and it says that there is nothing to do",
                flush=True,
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
