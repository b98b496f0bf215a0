//! An array job, and one that depends on it.

use super::Parts;

/// The script that hands both in.
pub(super) const HAND_IN: &str = "submit.sh";

/// Scripts by name.
pub(super) fn files(parts: &Parts) -> Vec<(&'static str, String)> {
    let (shards, cpus, memory) = (parts.submit.shards, parts.submit.cpus, parts.submit.memory);
    let array = format!(
        "#!/bin/sh\n#SBATCH --job-name=doppelray\n#SBATCH --array=1-{shards}\n#SBATCH --cpus-per-task={cpus}\n#SBATCH --mem={memory}G\n\
         #SBATCH --requeue\n#SBATCH --open-mode=append\nset -eu\nexec {} --quiet\n",
        parts.part("\"$SLURM_ARRAY_TASK_ID\"")
    );
    let merge = format!(
        "#!/bin/sh\n#SBATCH --job-name=doppelray-merge\n#SBATCH --cpus-per-task={cpus}\n#SBATCH --mem={memory}G\n#SBATCH --requeue\n\
         set -eu\nexec {} --quiet\n",
        parts.join()
    );
    let hand_in = "#!/bin/sh\nset -eu\nhere=$(dirname \"$0\")\narray=$(sbatch --parsable \"$here/array.sh\")\n\
        merge=$(sbatch --parsable --dependency=\"afterok:$array\" --kill-on-invalid-dep=yes \"$here/merge.sh\")\n\
        echo \"array job $array, then job $merge\"\n";
    vec![("array.sh", array), ("merge.sh", merge), (HAND_IN, hand_in.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::super::tests::submit;
    use super::*;
    use crate::cmd::submit::Scheduler;

    #[test]
    fn each_task_of_the_array_draws_its_shard() {
        let order = submit(Scheduler::Slurm, "sample knee --seeds 0-99 --out fakes");
        let [(_, array), (_, merge), _] = &files(&Parts::of(&order).unwrap())[..] else {
            panic!("three files")
        };
        assert!(array.contains("#SBATCH --array=1-8\n") && array.contains("#SBATCH --requeue\n"), "{array}");
        let task = "\"$SLURM_ARRAY_TASK_ID\"";
        let draws = format!("doppelray sample knee --seeds 0-99 --out fakes.shards/{task} --shard {task}/8");
        assert!(array.contains(&draws), "{array}");
        assert!(merge.contains("exec doppelray merge fakes.shards/* --out fakes"), "{merge}");
    }
}
