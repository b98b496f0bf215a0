//! Images in: import and phantom.

use std::thread::sleep;
use std::time::Duration;

use doppelray_images::Collection;

use crate::fixture::Fixture;

/// Forty knees of twenty people in train and val, all grades.
fn knees(f: &Fixture) {
    for person in 0..20 {
        let split = if person < 14 { "train" } else { "val" };
        for (at, side) in ["L", "R"].iter().enumerate() {
            f.picture(
                &format!("src/{split}/{}/{}{side}.png", person % 5, 1000 + person),
                2 * person + at as u16,
            );
        }
    }
}

#[test]
fn graded_folders_become_a_collection_with_a_summary_a_person_reads() {
    let f = Fixture::new("import_folders");
    knees(&f);
    f.file("src/train/2/9999L.png", b"no picture");
    f.file("src/manifest.csv", b"no image");
    let said = f.succeed("import src --out knees --split from-folders --size 32");
    assert!(said.contains("40 images of 20 subjects, 32 x 32 pixels of 8 bits; 1 files refused"), "{said}");
    assert!(said.contains("refused: src/train/2/9999L.png: is neither DICOM nor PNG nor JPEG"), "{said}");
    let collection = Collection::open(&f.path("knees")).unwrap();
    assert_eq!((collection.split("train").len(), collection.split("val").len()), (28, 12));
    let again = f.succeed("import src --out knees --split from-folders --size 32 --json");
    assert_eq!(again.trim(), f.text("knees/import.json").trim());
}

#[test]
fn each_mistake_is_named_with_its_mend_and_leaves_nothing() {
    let f = Fixture::new("import_mistakes");
    knees(&f);
    f.file("empty/readme.txt", b"");
    f.file("taken/notes.txt", b"mine");
    f.file("labels.csv", b"path,patient\na.png,1\n");
    f.picture("straddling/train/1/1000L.png", 1);
    f.picture("straddling/val/1/1000R.png", 2);
    let before = f.names();
    for (status, arguments, complaint) in [
        (2, "import nowhere --out c", "nowhere: is not there; give folders"),
        (2, "import src --out c --split 70/20", "is not from-folders, from-column, or shares like 70/10/20"),
        (2, "import src --out c --bits 12", "bit depth 12 is neither 8 nor 16"),
        (2, "import src --out c --pattern (x)", "has no group (?<subject>...)"),
        (1, "import empty --out c", "empty: no image to import"),
        (
            1,
            "import src --out taken",
            "taken: is there already and holds something else; choose another --out",
        ),
        (
            1,
            "import src --out c --labels labels.csv",
            "labels.csv: has no column `grade`, only path, patient",
        ),
        (1, "import straddling --out c --split from-folders", "more than one split (1000"),
        (1, "import src/train --out c --split from-folders", "no split is given"),
        (1, "import src --out /proc/c", "cannot be written"),
    ] {
        let said = f.fail(status, arguments);
        assert!(said.contains(complaint), "{arguments}: {said}");
        assert_eq!(f.names(), before, "{arguments}");
    }
    assert_eq!(f.text("taken/notes.txt"), "mine");
}

#[test]
fn a_rehearsed_import_writes_nothing() {
    let f = Fixture::new("import_rehearsed");
    knees(&f);
    let said = f.succeed("import src --out knees --dry-run");
    assert!(said.contains("40 images of 20 subjects") && said.contains("Nothing was written"), "{said}");
    assert_eq!(f.names(), ["src"]);
}

#[test]
fn killed_phantoms_go_on_to_the_same_bytes() {
    let f = Fixture::new("phantom_killed");
    let whole = f.succeed("phantom --out whole --count 60 --size 64");
    assert!(whole.contains("grade 0:"), "{whole}");
    for wait in [150, 300] {
        let mut child = f.command("phantom --out knees --count 60 --size 64 --quiet").spawn().unwrap();
        sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    f.succeed("phantom --out knees --count 60 --size 64");
    for name in ["manifest.csv", "truth.csv", "collection.toml"] {
        assert_eq!(f.text(&format!("knees/{name}")), f.text(&format!("whole/{name}")), "{name}");
    }
    let collection = Collection::open(&f.path("knees")).unwrap();
    collection.rows().iter().for_each(|row| collection.verify(row).unwrap());
    assert_eq!(f.names(), ["knees", "whole"]);
}

/// Fails where any file below a folder, or its name, holds one of these.
fn nowhere(f: &Fixture, folder: &str, words: &[&str]) {
    for (path, bytes) in f.files(folder) {
        for word in words {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found && !path.display().to_string().contains(word), "{word} in {}", path.display());
        }
    }
}

/// Subjects of the ward, whole: fewer digits stand in some pseudonym by chance.
const WARD: [&str; 8] =
    ["8312700", "8312701", "8312702", "8312703", "8312704", "8312705", "8312998", "8312999"];

#[test]
fn with_a_key_nothing_that_leaves_names_a_subject_and_every_import_gives_one_name() {
    let f = Fixture::new("import_keyed");
    for person in 0..6 {
        f.picture(&format!("ward/{}/8312{}L.png", person % 5, 700 + person), 3 * person);
    }
    f.file("ward/1/8312999L.png", b"no picture");
    f.file("ward/DOE_JANE/8312998L.png", b"no grade");
    f.file(
        "labels.csv",
        b"file;grade;subject;sex\n8312700L.png;1;MRN-5511;F\n8312701L;2;MRN-5512;M\ngone.png;1;MRN-5513;M\n",
    );
    f.succeed("import ward --out a --new-key lab.key --size 32");
    f.succeed("import ward --out b --key lab.key --size 32 --account full.json");
    assert_eq!(f.text("a/manifest.csv"), f.text("b/manifest.csv"));
    nowhere(&f, "a", &WARD);
    nowhere(&f, "a", &["DOE_JANE", "ward"]);
    assert!(f.text("full.json").contains("ward/DOE_JANE/8312998L.png"));
    let [a, b] = ["a", "b"].map(|name| Collection::open(&f.path(name)).unwrap());
    let subject = a.rows()[0].subject.clone().unwrap();
    assert!(subject.len() == 19 && b.rows()[0].subject.as_deref() == Some(subject.as_str()));
    f.succeed("import ward --out c --key lab.key --labels labels.csv --size 32");
    nowhere(&f, "c", &WARD);
    nowhere(&f, "c", &["MRN", "gone"]);
    let again = f.run("import ward --out b --key lab.key --size 32 --account full.json");
    assert!(again.status == 0 && again.err.contains("nothing to do"), "{again:?}");
    assert!(f.fail(1, "import ward --out d --new-key lab.key").contains("use it with --key"));
    assert!(f.fail(2, "import ward --out d --key none.key").contains("make a key with --new-key"));
}

#[test]
fn a_forgotten_key_leaves_no_way_back_and_the_same_import_again_does_nothing() {
    let f = Fixture::new("import_forgotten");
    knees(&f);
    let said = f.succeed("import src --out a --subjects forget --split from-folders --size 32");
    assert!(said.contains("a key that was drawn and not kept"), "{said}");
    f.succeed("import src --out b --subjects forget --split from-folders --size 32");
    assert_ne!(f.text("a/manifest.csv"), f.text("b/manifest.csv"));
    assert_eq!(f.text("a/collection.toml"), f.text("b/collection.toml"));
    // Digits alone may be part of a pseudonym by chance.
    nowhere(&f, "a", &["src", "/1007", ",1007", "\"1007", "doppelray-key"]);
    assert!(
        f.run("import src --out a --subjects forget --split from-folders --size 32")
            .err
            .contains("nothing to do")
    );
    assert_eq!(f.names(), ["a", "b", "src"]);
}

#[test]
fn a_collection_is_shown_on_one_page_that_needs_nothing_else() {
    let f = Fixture::new("import_shown");
    knees(&f);
    f.file("src/train/2/9999L.png", b"no picture");
    f.succeed("import src --out knees --split from-folders --size 32 --equalize hist");
    let said = f.succeed("show knees");
    assert!(said.contains("40 images of 20 subjects: 28 train, 12 val\nThe page: knees.html"), "{said}");
    let page = f.text("knees.html");
    for part in ["Grade 4", "Before and after", "Refused: 1", "src/train/2/9999L.png", "equalize"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("src=\"images/") && !page.contains("http://"));
    f.succeed("phantom --out phantoms --count 6 --size 32");
    f.succeed("show phantoms --out page.html --quiet");
    assert!(f.text("page.html").contains("6 images of 3 subjects"));
    assert!(f.fail(1, "show src").contains("src: is neither a collection nor a run nor a proof"));
    assert!(f.fail(1, "show nowhere").contains("nowhere: is not there"));
}
