//! An indexed job, and one that joins the shards as soon as all are whole.

use serde_json::{Value, json};

use super::Parts;

/// Both jobs, as YAML documents (JSON is YAML).
pub(super) fn jobs(parts: &Parts) -> String {
    let shards = parts.submit.shards;
    let draw = format!("part=$((JOB_COMPLETION_INDEX + 1)); exec {} --quiet", parts.part("\"$part\""));
    let join = format!("exec {} --quiet", parts.join());
    let array =
        job(parts, "doppelray-shards", &draw, json!({ "completions": shards, "completionMode": "Indexed" }));
    let merge = job(parts, "doppelray-merge", &join, json!({ "completions": 1 }));
    let text = |job: &Value| serde_json::to_string_pretty(job).expect("plain values");
    format!("{}\n---\n{}\n", text(&array), text(&merge))
}

/// A job; one that fails (as the merge does while a shard is missing) is tried again for as long as a day can take.
fn job(parts: &Parts, name: &str, script: &str, more: Value) -> Value {
    let submit = parts.submit;
    let asked = json!({ "cpu": submit.cpus.to_string(), "memory": format!("{}Gi", submit.memory) });
    let mut spec = json!({
        "backoffLimit": 1000,
        "parallelism": more["completions"],
        "template": { "spec": {
            "restartPolicy": "OnFailure",
            "securityContext": { "runAsNonRoot": true },
            "containers": [{
                "name": "doppelray",
                "image": submit.image,
                "command": ["/bin/sh", "-c", script],
                "resources": { "requests": asked.clone(), "limits": asked },
                "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            }],
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": submit.claim } }],
        } },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name }, "spec": spec })
}

#[cfg(test)]
mod tests {
    use super::super::tests::submit;
    use super::*;
    use crate::cmd::submit::Scheduler;

    #[test]
    fn the_indexed_job_draws_every_shard_and_the_other_joins_them() {
        let order = submit(Scheduler::Kubernetes, "sample knee --seeds 0-99 --out /data/fakes");
        let text = jobs(&Parts::of(&order).unwrap());
        let [array, merge] = text.split("\n---\n").collect::<Vec<_>>()[..] else { panic!("two documents") };
        let [array, merge] = [array, merge].map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(array["spec"]["completions"], 8);
        assert_eq!(array["spec"]["completionMode"], "Indexed");
        let script = |job: &Value| job["spec"]["template"]["spec"]["containers"][0]["command"][2].to_string();
        assert!(script(&array).contains("--shard \\\"$part\\\"/8"), "{array}");
        assert!(script(&merge).contains("doppelray merge /data/fakes.shards/* --out /data/fakes"), "{merge}");
    }
}
