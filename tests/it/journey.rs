//! From phantoms to a report, interrupted and not.

use std::time::{Duration, Instant};

use crate::fixture::Fixture;

/// A tiny run: 16 steps, a tick every 4.
const SMALL: &str = "--grades 0-1 --set size=32 --set game.generator.channels=[16,8] --set game.critic.channels=[8,16] \
                     --set kimg=0.128 --set tick_kimg=0.032 --set snapshot_ticks=1";

#[test]
fn the_whole_way_ends_with_a_report_that_names_its_inputs() {
    let lab = Fixture::new("the_whole_way_ends_with_a_report_that_na");
    // Enough that real images can be compared with each other too.
    lab.succeed("phantom --out knees --count 240 --size 32 --bits 8");
    lab.succeed("import knees/images --out again --split from-folders --size 32 --lookalikes keep");
    lab.succeed(&format!("train again --out run {SMALL}"));
    lab.succeed("sample run --out fakes --seeds 0-59 --mix even");
    lab.succeed("evaluate again fakes --out proof --real-split train");
    let report = std::fs::read_to_string(lab.path("proof/evaluate.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["synthetic"]["count"], 60);
    assert_eq!(report["real"]["split"], "train");
    let frechet = &report["spaces"]["bank"]["overall"]["frechet"];
    assert!(frechet["value"].as_f64().unwrap() > frechet["floor"].as_f64().unwrap(), "{frechet}");
    assert!(lab.path("proof/evaluate.html").is_file());
}

#[test]
fn a_killed_training_ends_as_the_uninterrupted_one_bit_for_bit() {
    let lab = Fixture::new("a_killed_training_ends_as_the_uninterrup");
    lab.phantoms();
    let run = |out: &str| format!("train knees --out {out} {SMALL}");
    lab.succeed(&run("straight"));
    let mut kills = 0;
    for ticks in [1, 2] {
        let mut child = lab.command(&run("killed")).spawn().unwrap();
        let began = Instant::now();
        let done =
            || std::fs::read_to_string(lab.path("killed/log.jsonl")).unwrap_or_default().lines().count();
        while done() < ticks
            && began.elapsed() < Duration::from_secs(120)
            && child.try_wait().unwrap().is_none()
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        kills += i32::from(!child.wait().unwrap().success());
    }
    assert!(kills > 0, "the training was too quick to be killed");
    lab.succeed(&run("killed"));
    let read = |name: &str| std::fs::read(lab.path(name)).unwrap();
    assert!(read("straight/model.safetensors") == read("killed/model.safetensors"), "the models differ");
    let steps = |name: &str| {
        let log = String::from_utf8(read(name)).unwrap();
        let step = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64();
        log.lines().map(step).collect::<Vec<_>>()
    };
    assert_eq!(steps("killed/log.jsonl"), [4, 8, 12, 16].map(Some));
    assert_eq!(steps("straight/log.jsonl"), [4, 8, 12, 16].map(Some));
}

#[test]
fn an_image_is_the_same_bytes_whatever_the_threads_the_range_or_the_shard() {
    let lab = Fixture::new("an_image_is_the_same_bytes_whatever_the_");
    lab.phantoms();
    lab.succeed(&format!("train knees --out run {SMALL}"));
    lab.succeed("sample run --out all --seeds 0-19");
    lab.command("sample run --out one --seeds 0-19").env("RAYON_NUM_THREADS", "1").status().unwrap();
    let images = |name: &str| lab.files(&format!("{name}/images"));
    assert_eq!(images("all").len(), 20);
    assert!(images("all") == images("one"));
    lab.succeed("sample run --out late --seeds 10-19");
    lab.succeed("sample run --out first --seeds 0-19 --shard 1/2");
    lab.succeed("sample run --out second --seeds 0-19 --shard 2/2");
    let mut shards = images("first");
    shards.extend(images("second"));
    assert!(shards == images("all"));
    assert!(images("late").iter().all(|(path, image)| images("all").get(path) == Some(image)));
}

#[test]
fn phantoms_and_imports_are_the_same_bytes_each_time_and_again_they_do_nothing() {
    let lab = Fixture::new("phantoms_and_imports_are_the_same_bytes_");
    lab.phantoms();
    lab.succeed("phantom --out twin --count 40 --size 32 --bits 8");
    assert!(lab.files("knees") == lab.files("twin"));
    lab.succeed("phantom --out twin --count 40 --size 32 --bits 8");
    assert!(lab.files("knees") == lab.files("twin"));
}

#[test]
fn shards_join_to_what_one_process_draws() {
    let lab = Fixture::new("shards");
    lab.succeed("phantom --out knees --count 40 --size 32 --bits 8");
    lab.succeed(&format!("train knees --out run {SMALL} --set kimg=0.032"));
    let draw = "sample run --seeds 0-11 --out";
    lab.succeed(&format!("{draw} whole"));
    for part in ["1", "2", "3"] {
        lab.succeed(&format!("{draw} parts/{part} --shard {part}/3"));
    }
    let missing = lab.fail(1, "merge parts/1 parts/3 --out fakes");
    assert!(missing.contains("shard 2/3 is missing"), "{missing}");
    assert!(lab.fail(1, "merge parts/1 knees --out fakes").contains("knees: is no shard"));
    lab.succeed("sample run --seeds 0-9 --out other --shard 2/3");
    assert!(lab.fail(1, "merge parts/1 other --out fakes").contains("is a shard of another sample"));
    assert!(!lab.path("fakes").exists());
    // Twice the same shard, as a scheduler may run it.
    lab.succeed("merge parts/3 parts/1 parts/2 parts/1 --out fakes");
    assert!(lab.files("fakes") == lab.files("whole"), "the same bytes as one process draws");
    lab.succeed("merge parts/1 parts/2 parts/3 --out fakes");

    lab.succeed("evaluate knees fakes --out at-once --real-split train");
    let kept = |name: &str| lab.files(&format!("{name}/.features")).into_keys().count();
    let (real, fake) = (lab.files("knees/.features"), lab.files("fakes/.features"));
    for folder in ["knees", "fakes"] {
        std::fs::remove_dir_all(lab.path(folder).join(".features")).unwrap();
    }
    let whole = "evaluate knees fakes --out proof --real-split train";
    for part in ["1/2", "1/2"] {
        lab.succeed(&format!("{whole} --shard {part}"));
    }
    let missing = lab.fail(1, &format!("{whole} --kept"));
    assert!(missing.contains("images are not kept"), "{missing}");
    lab.succeed(&format!("{whole} --shard 2/2"));
    assert_eq!(kept("fakes"), 2 * fake.len());
    lab.succeed(&format!("{whole} --kept"));
    assert!(lab.files("knees/.features") == real && lab.files("fakes/.features") == fake);
    let spaces = |name: &str| -> serde_json::Value {
        serde_json::from_str::<serde_json::Value>(&lab.text(&format!("{name}/evaluate.json"))).unwrap()["spaces"].clone()
    };
    assert_eq!(spaces("proof"), spaces("at-once"));

    let said = lab.succeed("submit slurm --shards 3 --to jobs -- sample run --seeds 0-11 --out fakes");
    assert!(said.contains("next: sh jobs/submit.sh"), "{said}");
    assert!(lab.text("jobs/array.sh").contains("#SBATCH --array=1-3"));
    lab.succeed(
        "submit kubernetes --shards 3 --to kube --image i --claim c -- sample run --seeds 0-11 --out fakes",
    );
    lab.client("kubernetes.py", "kube/jobs.yaml");
    assert!(
        lab.fail(2, "submit kubernetes --now --shards 3 --to jobs -- sample run --out a")
            .contains("--now is for slurm")
    );
}
