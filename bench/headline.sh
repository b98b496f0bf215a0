#!/bin/sh
# The headline: synthetic knees of 210 pixels drawn, evaluated and packed, at three counts and as a line through them at 320,000;
# and drawing beside PyTorch that draws by an equal network and writes by PIL, with kept memory, in the same run.
# Usage: bench/headline.sh [COUNT...]
set -eu
cd "$(dirname "$0")/.."
cargo build --release
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import torch, PIL' 2>/dev/null || .venv/bin/pip install --quiet torch numpy pillow
work=$(mktemp -d -p .)
trap 'rm -rf "$work"' EXIT
export GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
ours=$(pwd)/target/release/doppelray
"$ours" phantom --out "$work/knees" --count 1000 --size 210 --bits 8 --quiet
# What it draws is nobody's concern here: time does not depend on it.
"$ours" train "$work/knees" --out "$work/run" --preset paper --kimg 0.016 --set tick_kimg=0.016 --quiet
cat > "$work/policy.toml" << 'END'
format = 1
[[line]]
name = "measured"
why = "Time is measured here, not quality."
figure = "evaluate.spaces.*.overall.frechet"
at_most = 1e12
END
timed() {
    what=$1 count=$2
    shift 2
    /usr/bin/time -f "$what $count %e %M" -o "$work/times" -a "$@" > /dev/null
}
for count in ${*:-1000 3000 10000}; do
    rm -rf "$work/fakes" "$work/proof" "$work/package"
    timed sample "$count" "$ours" sample "$work/run" --seeds "0-$((count - 1))" --out "$work/fakes" --quiet
    timed evaluate "$count" "$ours" evaluate "$work/knees" "$work/fakes" --out "$work/proof" --real-split train --quiet
    timed release "$count" "$ours" release "$work/fakes" --proof "$work/proof" --policy "$work/policy.toml" --licence CC-BY-4.0 \
        --author bench --out "$work/package" --quiet
done
for round in 1 2 3; do
    .venv/bin/python bench/wgan.py sample 500 "$work/pictures$round" paper >> "$work/torch"
    timed "round" 500 "$ours" sample "$work/run" --seeds 0-499 --out "$work/round$round" --quiet
done
.venv/bin/python - "$work" << 'END'
import json, pathlib, statistics, sys
work = pathlib.Path(sys.argv[1])
lines = [line.split() for line in (work / "times").read_text().splitlines()]
for what in ("sample", "evaluate", "release"):
    found = [(int(count), float(seconds), int(peak) / 1024) for name, count, seconds, peak in lines if name == what]
    (first, a, _), (last, b, _) = found[0], found[-1]
    slope = (b - a) / (last - first)
    said = ", ".join(f"{count} in {seconds:.1f} s ({peak:.0f} MiB)" for count, seconds, peak in found)
    print(f"{what}: {said}; at this pace 320,000 in {(a + slope * (320_000 - first)) / 3600:.2f} h")
    for count, seconds, _ in found[1:-1]:
        print(f"  {count} lies {100 * (seconds / (a + slope * (count - first)) - 1):+.0f}% off the line")
torch = statistics.median(json.loads(line)["images_per_second"] for line in (work / "torch").read_text().splitlines())
ours = statistics.median(500 / float(seconds) for name, _, seconds, _ in lines if name == "round")
print(f"drawn and written: {ours:.1f} images/s, PyTorch and PIL {torch:.1f}: {ours / torch:.2f}x")
END
