#!/bin/sh
# Mixed precision against f32: the same trainings over three seeds, the Frechet distance to held-out phantoms at equal
# images (mixed.sh [KIMG] [PRESET]). Where the machine multiplies no bfloat16, DOPPELRAY_MIXED=rounded shows its rounding.
set -eu
cd "$(dirname "$0")/.."
kimg=${1:-20}
preset=${2:-tiny}
ours=${CARGO_TARGET_DIR:-target}/release/doppelray
[ -x "$ours" ] || cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ours" phantom --out "$work/knees" --count 400 --size 64 --bits 8 --quiet
for seed in 0 1 2; do
    for precision in f32 mixed; do
        run=$work/$precision-$seed
        "$ours" train "$work/knees" --out "$run" --preset "$preset" --quiet --set "seed=$seed" --set "precision=$precision" \
            --set "kimg=$kimg" --set "tick_kimg=$(python3 -c "print($kimg / 4)")" --set snapshot_ticks=1
        for snapshot in "$run"/snapshots/*.safetensors; do
            name=$(basename "$snapshot" .safetensors)
            "$ours" sample "$snapshot" --out "$run/fakes-$name" --seeds 0-199 --quiet
            "$ours" evaluate "$work/knees" "$run/fakes-$name" --out "$run/proof-$name" --quiet
            echo "$precision $seed $name $run/proof-$name/evaluate.json" >> "$work/proofs"
        done
    done
done
python3 - "$work/proofs" << 'END'
import json, statistics, sys
curves = {}
for line in open(sys.argv[1]):
    precision, seed, kimg, path = line.split()
    for space, of in json.load(open(path))["spaces"].items():
        curves.setdefault((space, int(kimg)), {}).setdefault(precision, []).append(of["overall"]["frechet"]["value"])
print(f"{'space':<16}{'kimg':>6}{'f32: mean (lowest to highest)':>40}{'mixed':>40}")
for (space, kimg), of in sorted(curves.items()):
    cells = "".join(f"{statistics.mean(v):>18.3f} ({min(v):.3f} to {max(v):.3f})".rjust(40) for v in (of["f32"], of["mixed"]))
    print(f"{space:<16}{kimg:>6}{cells}")
END
