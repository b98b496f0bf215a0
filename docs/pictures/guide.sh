#!/bin/sh
# The guide's pictures: pages of a demo on phantoms as Chromium shows them. Needs chromium and a Python with Pillow.
# Usage: docs/pictures/guide.sh [PYTHON]
set -eu
cd "$(dirname "$0")/../.."
python=${1:-.venv/bin/python} ours=$(pwd)/target/release/doppelray here=$(pwd)/docs/pictures
cargo build --release
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$ours" phantom --format dicom --phi planted --count 240 --size 224 --out films --quiet
"$ours" import films --labels films/labels.csv --new-key lab.key --split 60/20/20 --size 128 --equalize percentile --mirror left --out knees --quiet
"$ours" show knees --quiet
"$ours" demo --out demo --quiet
"$ours" audit demo/knees demo/fakes --out demo/proof --quiet
cat > lesson.toml << 'END'
format = 1
[[line]]
name = "lesson"
why = "To show the way, images need not be good; they are phantoms' doubles."
figure = "evaluate.spaces.bank.overall.frechet.value"
at_least = 0.0
END
"$ours" release demo/fakes --proof demo/proof --policy lesson.toml --licence CC0-1.0 --author Ada --webdataset --dicom --out package --quiet
"$ours" show package --quiet
for page in collection=knees.html evaluation=demo/proof/evaluate.html audit=demo/proof/audit.html package=package.html; do
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,1000 --screenshot="$work/${page%%=*}.png" \
        "file://$work/${page#*=}" > /dev/null 2>&1
    "$python" -c 'import sys; from PIL import Image
image = Image.open(sys.argv[1]).convert("RGB").resize((800, 800), Image.LANCZOS)
image.crop((0, 20, 800, 620)).quantize(96).save(sys.argv[2], optimize=True)' "$work/${page%%=*}.png" "$here/guide-${page%%=*}.png"
done
