//! The reader study from its plan to its report.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::fixture::Fixture;

/// Real and "synthetic" knees: phantoms of two seeds.
fn collections(lab: &Fixture) {
    lab.succeed("phantom --out knees --count 80 --size 32 --bits 8 --seed 1");
    lab.succeed("phantom --out fakes --count 80 --size 32 --bits 8 --seed 2");
}

fn json(lab: &Fixture, name: &str) -> Value {
    serde_json::from_str(&lab.text(name)).unwrap()
}

#[test]
fn a_study_goes_from_its_plan_to_a_report_that_others_can_check() {
    let lab = Fixture::new("study_whole");
    collections(&lab);
    assert!(lab.succeed("study plan --readers 15").contains("equivalence"));
    let made = lab.succeed("study new knees fakes --out study --count 8 --repeats 2");
    assert!(made.contains("8 real and 8 synthetic images") && made.contains("study serve study"), "{made}");
    lab.succeed("study simulate study --readers 5 --ability 1.5");
    lab.succeed("study backup study --out copy.db");
    assert!(lab.fail(1, "study backup study --out copy.db").contains("is there already"));
    assert!(lab.fail(1, "study report study").contains("the study is blinded"));
    assert!(lab.fail(1, "study unblind study").contains("close the study first"));
    lab.succeed("study freeze study");
    lab.succeed("study unblind study");
    lab.succeed("study report study");
    let report = json(&lab, "study/report.json");
    assert_eq!((&report["readers"], &report["cases"]["real"]), (&5.into(), &8.into()));
    for key in ["fakes_taken_for_real", "reals_taken_for_fake", "accuracy", "auc"] {
        let [value, low, high] = ["value", "low", "high"].map(|k| report[key][k].as_f64().unwrap());
        assert!(low <= value && value <= high, "{key}: {}", report[key]);
    }
    assert!(report["grading"]["kinds"]["synthetic"]["kappa"]["value"].is_f64());
    let page = lab.text("study/report.html");
    assert!(page.contains("ROC curve") && page.contains("data:image/png"));
    assert_eq!(lab.text("study/answers.csv").lines().count(), 1 + 5 * 2 * 18);
    assert!(
        lab.text("study/study.imrmc").starts_with("Reading radiographs of the knee\nBEGIN DATA:\ntruth,case")
    );
    let before = lab.text("study/report.json");
    lab.succeed("study report study");
    assert_eq!(lab.text("study/report.json"), before);
}

#[test]
fn each_mistake_is_named_with_its_mend_and_leaves_nothing() {
    let lab = Fixture::new("study_mistakes");
    collections(&lab);
    lab.succeed("phantom --out small --count 20 --size 40 --bits 8");
    let before = lab.names();
    for (status, line, complaint) in [
        (
            2,
            "study new knees fakes --out s --design both",
            "choose one of two-phase, grading, real-or-fake, paired",
        ),
        (2, "study new knees fakes --out s --deadline soon", "is not a day like 2030-06-30"),
        (1, "study new knees fakes --out s --count 60", "ask for fewer with --count"),
        (1, "study new knees small --out s", "scale both down with --size below 32"),
        (1, "study new knees fakes --out knees --count 4", "is there already; choose another --out"),
        (1, "study serve knees", "not a study; make one with `doppelray study new"),
        (1, "study plan --auc 2", "an area lies between"),
    ] {
        let said = lab.fail(status, line);
        assert!(said.contains(complaint), "{line}: {said}");
        assert_eq!(lab.names(), before, "{line}");
    }
    lab.succeed("study new knees fakes --out s --count 4");
    let said = lab.fail(2, "study serve s --listen 0.0.0.0:0");
    assert!(said.contains("in the clear"), "{said}");
    assert!(lab.fail(2, "study invite s").contains("give --name or --count"));
    lab.succeed("study invite s --count 1");
    assert!(lab.fail(1, "study simulate s").contains("people were invited already"));
    let toml = lab.text("s/study.toml").replace("format = 1", "format = 2");
    lab.file("s/study.toml", toml.as_bytes());
    assert!(lab.fail(1, "study serve s").contains("made by a newer doppelray"));
}

#[test]
fn whoever_has_read_enough_of_the_output_closes_it() {
    let program = env!("CARGO_BIN_EXE_doppelray");
    let mut plan = Command::new(program)
        .args(["study", "plan"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(plan.stdout.take());
    let ended = plan.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// The real pages in Chromium, driven by `tests/browser/study.py`.
#[test]
fn readers_get_through_in_a_browser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".venv/bin/python");
    let there = |module: &str| {
        let tried = Command::new(&python).args(["-c", &format!("import {module}")]).output();
        tried.is_ok_and(|t| t.status.success())
    };
    if !there("playwright") || !Path::new("/usr/bin/chromium").exists() {
        println!("skipped: needs /usr/bin/chromium and playwright in .venv (pip install playwright)");
        return;
    }
    let script = root.join("tests/browser/study.py");
    let ran = Command::new(&python).arg(script).arg(env!("CARGO_BIN_EXE_doppelray")).output().unwrap();
    let [out, err] = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(ran.status.success(), "{out}\n{err}");
}
