"""Two builds of doppelray against each other on a machine that has other work: the processor's time of a training image.

    python3 bench/ab.py OLD NEW WEIGHTS [PRESET] [ROUNDS]

OLD and NEW are binaries, WEIGHTS is a file of SqueezeNet 1.1 (for `fast`; any word for other presets). Each round runs both
builds for a few steps and for a few more, one after the other and in turns; the difference of their processor's times is
that of the steps between, without start and end. What else runs moves both alike: the median of the rounds' ratios counts.
"""
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile

SHORT, LONG = 2, 6
SIZES = {"tiny": 64, "fast": 224, "r3": 224, "paper": 210}


def seconds(binary, knees, out, preset, weights, steps):
    """Processor's seconds of a training of so many steps, and its peak memory in MiB."""
    batch = 8 if preset == "tiny" else 16
    kimg = steps * batch / 1000
    command = [binary, "train", knees, "--out", out, "--preset", preset, "--quiet"]
    for key, value in {"kimg": kimg, "tick_kimg": kimg}.items():
        command += ["--set", f"{key}={value}"]
    if preset == "fast":
        command += ["--set", f"game.features={weights}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(os.path.join(out, "log.jsonl")) as log:
        memory = json.loads(log.readlines()[-1])["memory_mib"]
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory, steps * batch


def main():
    binaries = dict(zip(("old", "new"), sys.argv[1:3]))
    weights = sys.argv[3]
    preset = sys.argv[4] if len(sys.argv) > 4 else "fast"
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 5
    with tempfile.TemporaryDirectory() as work:
        knees = os.path.join(work, "knees")
        size = str(SIZES[preset])
        make = [binaries["new"], "phantom", "--out", knees, "--count", "120", "--size", size, "--bits", "8", "--quiet"]
        subprocess.run(make, check=True)
        ratios, each = [], {"old": [], "new": []}
        memory = {}
        for index in range(rounds):
            order = ["old", "new"] if index % 2 == 0 else ["new", "old"]
            for name in order:
                spent = []
                for steps in (SHORT, LONG):
                    out = os.path.join(work, f"{name}-{index}-{steps}")
                    spent.append(seconds(binaries[name], knees, out, preset, weights, steps))
                (short, _, few), (long, memory[name], many) = spent
                each[name].append((long - short) / (many - few))
            ratios.append(each["old"][-1] / each["new"][-1])
            print(f"round {index + 1}: old {each['old'][-1]:.3f} s an image, new {each['new'][-1]:.3f}", flush=True)
        old, new = (statistics.median(each[name]) for name in ("old", "new"))
        print(f"{preset}: old {old:.3f}, new {new:.3f} processor's seconds an image, {statistics.median(ratios):.2f} times as fast; "
              f"peak {memory['old']} and {memory['new']} MiB; load {os.getloadavg()[0]:.1f}")


main()
