//! The guide is true: each of its commands runs, in its order.

use std::path::Path;

use crate::fixture::Fixture;

#[test]
fn every_command_of_the_guide_runs() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide.md")).unwrap();
    let lab = Fixture::new("guide");
    for block in text.split("```toml\n# ").skip(1) {
        let (name, rest) = block.split_once('\n').expect("the file's name stands first");
        lab.file(name, rest.split_once("```").expect("a block ends").0.as_bytes());
    }
    let mut commands = 0;
    for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("$ doppelray ")) {
        let (command, remark) = line.split_once(" # ").unwrap_or((line, ""));
        match remark {
            "refused" => drop(lab.fail(1, command)),
            _ => drop(lab.succeed(command)),
        }
        commands += 1;
    }
    assert!(commands > 12, "{commands} commands");
    for made in [
        "knees.html",
        "run.html",
        "proof/index.html",
        "package/dicom",
        "package/shards",
        "again/manifest.csv",
    ] {
        assert!(lab.path(made).exists(), "{made} is made");
    }
}
