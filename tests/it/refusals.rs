//! What cannot be done is refused by name, with the mend, and leaves nothing behind.

use std::process::{Command, Output};

use crate::fixture::Fixture;

/// Settings of a training of a second.
const TINY: &str =
    "--grades 0-1 --set size=32 --set game.generator.channels=[8] --set game.critic.channels=[8]";

#[test]
fn the_command_line_is_refused_with_status_2() {
    let lab = Fixture::new("the_command_line_is_refused_with_status_");
    lab.phantoms();
    for (line, reason) in [
        ("train knees --out run --preset huge", "choose one of tiny, fast, r3, paper"),
        ("train knees --out run --set game.adam.rte=1", "there is no such key; there are"),
        ("train knees --out run --time soon", "is not a time like 90s, 20m or 3h"),
        ("train knees --out run --device tpu", "is not one of cpu, wgpu, cuda"),
        ("sample run --out fakes --seeds 9-1", "is not a range like 0-4"),
        ("import nowhere --out x", "nowhere"),
    ] {
        let said = lab.fail(2, line);
        assert!(said.contains(reason), "{line}: {said}");
    }
    assert!(!lab.path("run").exists() && !lab.path("fakes").exists() && !lab.path("x").exists());
}

#[test]
fn a_wrong_folder_is_refused_with_status_1_and_the_mend() {
    let lab = Fixture::new("a_wrong_folder_is_refused_with_status_1_");
    lab.phantoms();
    std::fs::create_dir(lab.path("empty")).unwrap();
    std::fs::create_dir(lab.path("full")).unwrap();
    std::fs::copy(lab.path("knees/manifest.csv"), lab.path("full/notes.csv")).unwrap();
    for (line, reason) in [
        ("train empty --out run", "not a collection; make one with `doppelray import"),
        ("train knees --out full", "is there already and is not a run"),
        (
            "train knees --out run --device cuda",
            "build with `cargo build --release --features cuda`, or take --device cpu",
        ),
        ("sample knees --out fakes --seeds 0-1", "neither a run nor a model file"),
        ("import empty --out x", "no image"),
        ("evaluate knees knees --out /proc/p", "mend the place or choose another"),
        ("demo --out /proc/d", "mend the place or choose another"),
        ("phantom --out full --count 2 --size 32", "choose another --out"),
    ] {
        let said = lab.fail(1, line);
        assert!(said.contains(reason), "{line}: {said}");
    }
    assert_eq!(lab.files("full").len(), 1);
    assert!(!lab.path("x").exists() && !lab.path("fakes").exists());
}

#[test]
fn a_collection_that_changed_since_training_began_is_refused() {
    let lab = Fixture::new("a_collection_that_changed_since_training");
    lab.phantoms();
    let line = &format!("train knees --out run {TINY} --kimg 0.032");
    lab.succeed(line);
    let other = line.replace("--kimg", "--set seed=3 --kimg");
    assert!(lab.fail(1, &other).contains("was begun with seed = 0, now it is 3"));
    std::fs::remove_dir_all(lab.path("knees")).unwrap();
    lab.succeed("phantom --out knees --count 40 --size 32 --bits 8 --seed 9");
    assert!(lab.fail(1, line).contains("has changed since the run was begun"));
}

#[test]
fn a_damaged_model_is_refused_by_name() {
    let lab = Fixture::new("a_damaged_model_is_refused_by_name");
    lab.phantoms();
    lab.succeed(&format!("train knees --out run {TINY} --kimg 0.032"));
    let path = lab.path("run/model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for (name, damaged) in [
        ("short", bytes[..bytes.len() / 2].to_vec()),
        ("long", {
            let mut lying = bytes.clone();
            lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
            lying
        }),
    ] {
        std::fs::File::create(lab.path(name))
            .and_then(|mut f| std::io::Write::write_all(&mut f, &damaged))
            .unwrap();
        let said = lab.fail(1, &format!("sample {name} --out fakes --seeds 0-1"));
        assert!(said.contains(name) && said.contains("not a whole safetensors file"), "{said}");
    }
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_its_step_and_the_checkpoint_that_is_kept() {
    let lab = Fixture::new("a_loss_that_is_not_finite_ends_the_run");
    lab.phantoms();
    let line = format!("train knees --out run {TINY} --set tick_kimg=0.008 --kimg 3");
    lab.succeed(&format!("{line} --time 0s"));
    let good = lab.files("run/checkpoint");
    let said = lab.fail(1, &format!("train knees --out wild {TINY} --set game.penalty=1e38 --kimg 3"));
    assert!(said.contains("is not finite") && said.contains("too early for a checkpoint"), "{said}");
    assert!(!lab.path("wild/model.safetensors").exists());
    assert_eq!(lab.files("run/checkpoint"), good);
}

#[test]
fn a_full_disk_is_named_and_nothing_half_written_stays() {
    let lab = Fixture::new("a_full_disk_is_named_and_nothing_half");
    lab.phantoms();
    let run = format!("train knees --out run {TINY} --kimg 0.032");
    lab.succeed(&run);
    let small = lab.path("small");
    std::fs::create_dir(&small).unwrap();
    // A small file system in a name space of our own, where the system lets us have one.
    let alone = |command: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount", "sh", "-c", command]).current_dir(lab.path("")).output()
    };
    if !alone("mount -t tmpfs tmpfs small").is_ok_and(|output| output.status.success()) {
        println!("skipped: this system gives no file system of our own");
        return;
    }
    for line in [
        format!("train knees --out small/run {TINY} --kimg 0.032"),
        "sample run --out small/fakes --seeds 0-500".to_owned(),
        "import knees/images --out small/again --split from-folders".to_owned(),
        "phantom --out small/more --count 400 --size 64".to_owned(),
    ] {
        let program = env!("CARGO_BIN_EXE_doppelray");
        let output =
            alone(&format!("mount -t tmpfs -o size=64k tmpfs small && {program} {line}; ls small small/run"));
        let Output { stdout, stderr, .. } = output.expect("the shell starts");
        let [listed, said] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(
            said.contains("No space left on device") && said.contains("free some space"),
            "{line}: {said}"
        );
        for whole in ["fakes", "again", "more", "model.safetensors"] {
            assert!(!listed.contains(whole), "{line}: {listed}");
        }
    }
}
