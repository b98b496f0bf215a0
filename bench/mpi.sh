#!/bin/sh
# Training by two processes under MPI: the same model, bit for bit, as one process that computes the same parts one after the other;
# resumed in the middle; a rank killed, with the checkpoint safe; and how much faster two processes of one thread are than one of two.
# Needs an MPI to build and to run (Debian: libopenmpi-dev openmpi-bin libclang-dev). Usage: bench/mpi.sh
set -eu
cd "$(dirname "$0")/.."
command -v mpirun > /dev/null || { echo "skipped: needs mpirun"; exit 0; }
cargo build --release --features mpi
cp target/release/doppelray target/doppelray-mpi
ours=$(pwd)/target/doppelray-mpi
work=$(mktemp -d -p "$(pwd)")
trap 'rm -rf "$work"' EXIT
cd "$work"
# As root in a container; processes share the cores.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
two="mpirun -n 2 --oversubscribe --bind-to none -x RAYON_NUM_THREADS=1"
"$ours" phantom --out knees --count 200 --size 64 --bits 8 --quiet
train() { # RUN KIMG
    echo "$ours train knees --out $1 --preset tiny --set batch=16 --set passes=2 --set tick_kimg=0.16 --kimg $2 --quiet"
}
$(train one 0.8)
$two $(train both 0.8)
cmp one/model.safetensors both/model.safetensors && echo "two processes: the model of one, byte for byte"
$two $(train resumed 0.4)
$two $(train resumed 0.8)
cmp one/model.safetensors resumed/model.safetensors && echo "resumed by two processes: the same"

$two $(train killed 800) & launcher=$!
until [ -s killed/log.jsonl ]; do sleep 0.2; done
kill -9 "$(pgrep -f 'out killed' | tail -n 1)"
wait "$launcher" && { echo "the launcher ended well though a rank was killed"; exit 1; }
pgrep -f "out killed" && { echo "a rank lives on"; exit 1; }
steps=$(tail -n 1 killed/log.jsonl)
$(train killed 800 | sed 's/ --kimg 800/ --kimg 800 --time 1s/')
echo "a rank killed: the other ended too, and the run goes on after $(echo "$steps" | cut -d, -f1)}"

timed() {
    /usr/bin/time -f "%e" -o seconds "$@"
    cat seconds
}
for round in 1 2 3; do
    a=$(RAYON_NUM_THREADS=2 timed $(train "single$round" 1.6))
    b=$(timed $two $(train "pair$round" 1.6))
    echo "round $round: one process of 2 threads $a s, two of 1 thread $b s"
done
