#!/bin/sh
# Every preset of 210 and 224 px under equal time, one after the other, on the knees of a collection:
# presets.sh KNEES SQUEEZENET MOBILENET [TIME]. `fast` looks through ImageNet's SqueezeNet 1.1 and through the network that comes
# along; `paper` is one network for all grades here. 826 images of each, grades as trained, against the split `val` in the
# built-in space and MobileNetV2's, which no critic looks through.
set -eu
cd "$(dirname "$0")/.."
knees=$(realpath "$1") squeezenet=$(realpath "$2") mobilenet=$(realpath "$3") time=${4:-10m}
ours=${CARGO_TARGET_DIR:-target}/release/doppelray
[ -x "$ours" ] || cargo build --release
work=$(mktemp -d -p .)
trap 'rm -rf "$work"' EXIT
run() {
    name=$1 preset=$2
    shift 2
    # The choice takes some seconds a snapshot, so that there is one, at the end.
    "$ours" train "$knees" --out "$work/$name" --preset "$preset" --time "$time" --set tick_kimg=0.5 --set snapshot_ticks=1000 "$@" --quiet
    "$ours" sample "$work/$name" --out "$work/$name-fakes" --seeds 0-825 --quiet
    "$ours" evaluate "$knees" "$work/$name-fakes" --out "$work/$name-proof" --real-split val --features "$mobilenet" --quiet
    echo "$name $work/$name/log.jsonl $work/$name-proof/evaluate.json" >> "$work/found"
}
run fast-imagenet fast --set "game.features=$squeezenet"
run fast-own fast
run r3 r3
run paper paper
python3 - "$work/found" << 'END'
import json, sys
measures = ("frechet", "kid", "precision", "recall", "coverage", "detectability")
print(f"{'':<14}{'images':>8}{'a second':>9}  {'space':<12}" + "".join(f"{m:>22}" for m in measures))
for line in open(sys.argv[1]):
    name, log, proof = line.split()
    last = json.loads(open(log).read().splitlines()[-1])
    for space, of in json.load(open(proof))["spaces"].items():
        cells = (of["overall"].get(m) for m in measures)
        text = "".join(f"{c['value']:.3g} ({c['floor']:.3g})".rjust(22) if c and c["floor"] is not None else "-".rjust(22) for c in cells)
        print(f"{name:<14}{last['images']:>8}{last['images'] / last['seconds']:>9.1f}  {space[:11]:<12}{text}")
print("in brackets the same between two halves of real images")
END
