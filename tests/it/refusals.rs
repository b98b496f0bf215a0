//! What cannot be done is refused by name, with the mend, and leaves nothing behind.

use crate::fixture::Fixture;

#[test]
fn the_command_line_is_refused_with_status_2() {
    let lab = Fixture::new("the_command_line_is_refused_with_status_");
    lab.phantoms();
    for (line, reason) in [
        ("train knees --out run --preset huge", "choose one of tiny, paper"),
        ("train knees --out run --set game.adam.rte=1", "there is no such key; there are"),
        ("train knees --out run --time soon", "is not a time like 90s, 20m or 3h"),
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
        ("sample knees --out fakes --seeds 0-1", "neither a run nor a model file"),
        ("import empty --out x", "no image"),
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
    let line = "train knees --out run --grades 0-1 --set size=32 --set game.generator.channels=[8] --set game.critic.channels=[8] --kimg 0.032";
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
    lab.succeed("train knees --out run --grades 0-1 --set size=32 --set game.generator.channels=[8] --set game.critic.channels=[8] --kimg 0.032");
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
