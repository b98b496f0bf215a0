#!/bin/sh
# Draws a sample in 8 shards on a Slurm of this machine alone, one of them requeued in the middle, and compares with one process.
# Usage, as root, after `apt-get install slurmctld slurmd slurm-client munge`: bench/slurm.sh target/release/doppelray
set -eu
program=$(realpath "$1")
here=$(mktemp -d)
mkdir "$here/bin" "$here/state" "$here/spool" "$here/work"
ln -s "$program" "$here/bin/doppelray"
export PATH="$here/bin:$PATH" SLURM_CONF="$here/slurm.conf"
mkdir -p /run/munge && chown munge /run/munge
pgrep munged > /dev/null || setsid runuser -u munge -- munged
cat > "$SLURM_CONF" << END
ClusterName=here
SlurmctldHost=$(hostname)
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmUser=root
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
NodeName=$(hostname) CPUs=$(nproc) RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=$(hostname) Default=YES MaxTime=INFINITE State=UP
END
setsid slurmctld
setsid slurmd
trap 'kill $(cat "$here"/*.pid); rm -rf "$here"' EXIT
cd "$here/work"
doppelray phantom --out knees --count 240 --size 64 --bits 8 --quiet
doppelray train knees --out run --preset tiny --kimg 0.1 --quiet
doppelray submit slurm --shards 8 --cpus 1 --memory 1 --to jobs --now -- sample run --seeds 0-15999 --out fakes
sleep 6
running=$(squeue -h -r -t R -o %i -n doppelray | tail -1)
echo "requeued in the middle: $running"
scontrol requeue "$running"
while [ -n "$(squeue -h)" ]; do sleep 5; done
doppelray sample run --seeds 0-15999 --out whole --quiet
diff -r fakes whole && echo "the same bytes as one process: $(find fakes -name '*.png' | wc -l) images"
