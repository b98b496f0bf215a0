//! What comes after a first training: choosing, going on from a model, looking at a run.

use std::path::PathBuf;

use crate::fixture::Fixture;

/// A tiny run with a snapshot every thousand images.
const SMALL: &str = "--set size=32 --set game.generator.channels=[8,8] --set game.critic.channels=[8,8] \
                     --set tick_kimg=1 --set snapshot_ticks=1";

/// Phantoms, enough of them in `val` to choose by, and a run that has hardly begun.
fn begun(name: &str) -> Fixture {
    let lab = Fixture::new(name);
    lab.succeed("phantom --out knees --count 400 --size 32 --bits 8");
    lab.succeed(&format!("train knees --out run {SMALL} --kimg 0.08"));
    lab
}

#[test]
fn the_model_is_the_snapshot_that_came_nearest_to_val() {
    let lab = begun("the_model_is_the_snapshot_that_came_nea");
    lab.succeed(&format!("train knees --out run {SMALL} --kimg 2"));
    let distance = |line: &str| {
        let tick: serde_json::Value = serde_json::from_str(line).unwrap();
        tick["frechet"].as_f64().unwrap()
    };
    let distances: Vec<f64> = lab.text("run/log.jsonl").lines().map(distance).collect();
    assert_eq!(distances.len(), 2);
    let nearest = (0..2).min_by(|a, b| distances[*a].total_cmp(&distances[*b])).unwrap();
    let snapshot = format!("run/snapshots/{:06}.safetensors", nearest + 1);
    let read = |name: &str| std::fs::read(lab.path(name)).unwrap();
    assert!(read("run/model.safetensors") == read(&snapshot), "{distances:?}");
    lab.client("events.py", "run");
    lab.succeed(&format!(
        "train knees --out rated {SMALL} --set game.adam.rate=1e-9 --set patience=1 --kimg 4"
    ));
    let ticks = lab.text("rated/log.jsonl").lines().count();
    assert!(ticks < 4, "patience ended nothing: {ticks} ticks");
}

#[test]
fn a_run_begins_as_another_model_and_says_so() {
    let lab = begun("a_run_begins_as_another_model_and_says_s");
    let line = format!("train knees --out on --from run {SMALL} --kimg 0.4");
    lab.succeed(&line);
    assert!(lab.text("on/config.toml").contains("rest_steps = 100"));
    // 400 images are 50 steps, in which the generator rests: it still is the other's.
    lab.succeed("sample run --out a --seeds 0-3");
    lab.succeed("sample on --out b --seeds 0-3");
    assert!(lab.files("a/images") == lab.files("b/images"));
    let said = lab.fail(1, &line.replace(" --from run", " --set rest_steps=100"));
    assert!(said.contains("began from another model"), "{said}");
    let other = format!(
        "train knees --out other --from run {SMALL} --kimg 0.08 --set game.generator.channels=[8,16]"
    );
    assert!(lab.fail(1, &other).contains("has shape"));
}

#[test]
fn a_run_goes_on_elsewhere_with_other_settings_or_with_the_same() {
    let lab = begun("a_run_goes_on_elsewhere");
    std::fs::copy(lab.path("run/checkpoint/newest.safetensors"), lab.path("begin.safetensors")).unwrap();
    let on =
        |folder: &str| format!("train knees --out {folder} {SMALL} --kimg 1.04 --from begin.safetensors");
    lab.succeed(&on("same"));
    lab.succeed(&format!("{} --set game.adam.rate=1e-6", on("slower")));
    lab.succeed(&format!("train knees --out run {SMALL} --kimg 1.04"));
    // What the same seeds look like after 1,000 images.
    let is_grid = |path: &PathBuf| path.starts_with("samples");
    let grid = |run: &str| lab.files(run).into_iter().rfind(|(path, _)| is_grid(path));
    assert!(grid("run").is_some() && grid("same") == grid("run") && grid("slower") != grid("run"));
    assert_eq!(lab.text("same/log.jsonl").lines().count(), 1);
    assert!(lab.text("same/log.jsonl").contains("\"images\":1000"));
    let said = lab.fail(1, &on("same").replace(" --from begin.safetensors", ""));
    assert!(said.contains("began from another model"), "{said}");
    let wider = format!("{} --set game.generator.channels=[8,16]", on("wider"));
    assert!(lab.fail(1, &wider).contains("has shape"));
}

#[test]
fn images_that_find_no_room_in_memory_wait_in_a_file_and_nothing_else_changes() {
    let lab = begun("begun_without_room");
    lab.succeed(&format!("train knees --out tight {SMALL} --kimg 0.08 --cache 0"));
    let model = |run: &str| std::fs::read(lab.path(run).join("model.safetensors")).unwrap();
    assert!(model("tight") == model("run"));
    let events = |path: &PathBuf| path.to_string_lossy().contains("tfevents");
    let names = |run: &str| lab.files(run).into_keys().filter(|path| !events(path)).collect::<Vec<_>>();
    assert_eq!(names("tight"), names("run"));
}

#[test]
fn images_are_drawn_surer_and_deeper_on_request() {
    let lab = begun("images_are_drawn_surer_and_deeper_on_req");
    lab.succeed("sample run --out sure --seeds 0-3 --grades 0 --truncation 0");
    let images: Vec<_> = lab.files("sure/images").into_values().collect();
    assert!(images.windows(2).all(|pair| pair[0] == pair[1]), "no latent, yet several knees");
    lab.succeed("sample run --out deep --seeds 0-3 --bits 16");
    assert!(lab.text("deep/collection.toml").contains("depth = 16"));
    assert!(
        lab.fail(2, "sample run --out x --seeds 0-3 --truncation 2").contains("sampling.truncation: 0..=1")
    );
    assert!(lab.fail(2, "sample run --out x --seeds 0-3 --guidance=-1").contains("sampling.guidance: 0..=4"));
}

#[test]
fn a_model_is_drawn_as_its_settings_say_and_a_run_goes_on_when_they_change() {
    let lab = begun("a_model_is_drawn_as_its_settings_say");
    let images = |name: &str| lab.files(&format!("{name}/images")).into_values().collect::<Vec<_>>();
    lab.succeed("sample run --out plain --seeds 0-3 --grades 4");
    lab.succeed("sample run --out guided --seeds 0-3 --grades 4 --guidance 3");
    assert_ne!(images("plain"), images("guided"));
    let said = "--set sampling.guidance=3 --set sampling.truncation=0.5";
    lab.succeed(&format!("train knees --out run {SMALL} --kimg 1 {said}"));
    let snapshot = "run/snapshots/000001.safetensors";
    lab.succeed(&format!("sample {snapshot} --out silent --seeds 0-3 --grades 4"));
    lab.succeed(&format!(
        "sample {snapshot} --out spoken --seeds 0-3 --grades 4 --guidance 3 --truncation 0.5"
    ));
    assert_eq!(images("silent"), images("spoken"));
    lab.succeed(&format!("sample {snapshot} --out other --seeds 0-3 --grades 4 --guidance 1"));
    assert_ne!(images("silent"), images("other"));
}

#[test]
fn sides_are_learned_where_asked_and_drawn_as_such() {
    let lab = begun("sides_are_learned");
    lab.succeed(&format!("train knees --out sided {SMALL} --kimg 0.08 --set side=true"));
    lab.succeed("sample sided --out both --seeds 0-19");
    lab.succeed("sample sided --out left --seeds 0-19 --side left");
    let sides = |name: &str| {
        let rows = lab.text(&format!("{name}/manifest.csv"));
        rows.lines().skip(1).map(|row| row.split(',').nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let right = sides("both").iter().filter(|side| *side == "R").count();
    assert!((4..=16).contains(&right), "{right} of 20 are right knees");
    assert_eq!(sides("left"), ["L"; 20]);
    // The lot of a side is the seed's: what is left among both is the same image among left ones.
    let (both, left) = (lab.files("both/images"), lab.files("left/images"));
    let same = both.iter().filter(|(path, bytes)| left.get(*path) == Some(bytes)).count();
    assert_eq!(same, 20 - right);
    let said = lab.fail(1, "sample run --out x --seeds 0-3 --side left");
    assert!(said.contains("--set side=true"), "{said}");
    let sideless = lab.text("knees/manifest.csv").replace(",L,", ",,");
    lab.file("knees/manifest.csv", sideless.as_bytes());
    let said = lab.fail(1, &format!("train knees --out other {SMALL} --kimg 0.08 --set side=true"));
    assert!(said.contains("have no side"), "{said}");
}

#[test]
fn the_page_of_a_run_shows_its_samples_curves_and_nearest_training_images() {
    let lab = begun("the_page_of_a_run_shows_its_samples_curv");
    lab.succeed("show run");
    let page = lab.text("run.html");
    for part in [
        "Samples through time",
        "No grid has been drawn yet",
        "One knee, grade by grade",
        "Nearest training images",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http"));
    std::fs::rename(lab.path("knees"), lab.path("gone")).unwrap();
    lab.succeed("show run");
    assert!(lab.text("run.html").contains("Nothing is compared with the training images"));
    assert!(lab.fail(1, "show gone --live").contains("does not change"));
    let events = std::fs::read_dir(lab.path("run")).unwrap();
    let events = events.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("tfevents"));
    assert_eq!(events.count(), 1);
}

#[test]
fn a_sweep_trains_each_configuration_and_names_the_nearest() {
    let lab = Fixture::new("a_sweep_trains_each_configuration_and_na");
    lab.succeed("phantom --out knees --count 400 --size 32 --bits 8");
    let runs = "time = \"1h\"\n[[runs]]\nname = \"still\"\nset = [\"game.adam.rate=1e-9\"]\n[[runs]]\nname = \"usual\"\n";
    lab.file("sweep.toml", runs.as_bytes());
    let line = format!("train knees --out sweep --sweep sweep.toml {SMALL} --kimg 1");
    let said = lab.succeed(&line);
    assert!(said.contains("nearest to `val` after 1h each: usual"), "{said}");
    let found: serde_json::Value = serde_json::from_str(&lab.text("sweep/sweep.json")).unwrap();
    assert_eq!(found["runs"][1]["name"], "still");
    assert_eq!(found["runs"][0]["images"], 1000);
    lab.file("bad.toml", runs.replace("still", "a/b").as_bytes());
    assert!(lab.fail(1, &line.replace("sweep.toml", "bad.toml")).contains("cannot be a folder's name"));
}

#[test]
fn the_model_that_comes_with_the_program_is_drawn_from_by_name() {
    let lab = Fixture::new("the_model_that_comes_with_the_program_is");
    lab.succeed("sample knee --out named --seeds 0-1");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/models/knee/model.safetensors");
    lab.succeed(&format!("sample {file} --out read --seeds 0-1"));
    assert_eq!(lab.files("named/images").len(), 2);
    assert!(lab.files("named/images") == lab.files("read/images"));
    // What the user calls so goes before.
    std::fs::create_dir(lab.path("knee")).unwrap();
    assert!(lab.fail(1, "sample knee --out other --seeds 0-1").contains("knee: neither a run nor a model"));
}
