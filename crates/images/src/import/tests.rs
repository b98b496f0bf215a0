//! Imports of small folders made here.

use std::fs;
use std::io::Write;

use tempfile::TempDir;

use super::*;
use crate::collection::Kind;
use crate::files::write_whole;
use crate::progress::silent;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn image(&self, name: &str, value: u16) {
        let image = Image::new(6, 4, Depth::Eight, (0..24).map(|i| value + i).collect());
        let mut bytes = Vec::new();
        png::encode(&image, &mut bytes).unwrap();
        self.file(name, &bytes);
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_whole(&path, |f| f.write_all(bytes)).unwrap();
    }

    fn plan(&self, split: &str) -> Plan {
        Plan {
            sources: vec![self.path("src")],
            labels: None,
            pattern: Regex::new(PATTERN).unwrap(),
            split: split.parse().unwrap(),
            crop: None,
            about: About {
                kind: Kind::Real,
                title: "t".into(),
                size: 4,
                depth: Depth::Sixteen,
                licence: String::new(),
                source: String::new(),
                made_by: "0".into(),
                settings: toml::Table::new(),
            },
        }
    }

    fn run(&self, plan: &Plan) -> Result<(Collection, Report)> {
        run(plan, &self.path("out"), &silent)
    }
}

#[test]
fn class_folders_become_a_collection_and_every_bad_file_is_accounted_for() {
    let f = Folder::new();
    f.image("src/train/0/100L.png", 10);
    f.image("src/train/3/100R.png", 20);
    f.image("src/val/1/200L.png", 30);
    f.image("src/val/1/201L.png", 30);
    f.image("src/val/7/300L.png", 40);
    f.file("src/val/2/text.png", b"not an image");
    f.file("src/manifest.csv", b"left alone");
    let (collection, report) = f.run(&f.plan("from-folders")).unwrap();
    let row = collection.rows().iter().find(|r| r.id == "100R").unwrap();
    assert_eq!((row.file.as_str(), row.grade), ("images/train/3/100R.png", Some(3)));
    assert_eq!((row.subject.as_deref(), row.side.unwrap().to_string()), (Some("100"), "R".into()));
    assert_eq!(collection.load(row).unwrap().depth(), Depth::Sixteen);
    assert_eq!((collection.rows().len(), report.subjects), (3, 2));
    let outcome = |name: &str| {
        let account = report.files.iter().find(|a| a.file.ends_with(name)).unwrap();
        format!("{} {}", account.outcome, account.detail)
    };
    assert!(outcome("201L.png").starts_with("duplicate") && outcome("201L.png").ends_with("200L.png"));
    assert_eq!(outcome("300L.png"), "refused grade `7` is not one of 0..4");
    assert!(outcome("text.png").contains("not a readable PNG"));
    assert!(f.path("out/import.json").is_file());
}

#[test]
fn a_subject_in_two_split_folders_is_refused_and_nothing_is_written() {
    let f = Folder::new();
    f.image("src/train/0/100L.png", 10);
    f.image("src/val/0/100R.png", 20);
    let message = f.run(&f.plan("from-folders")).unwrap_err().to_string();
    assert!(message.contains("1 subjects are in more than one split (100"), "{message}");
    assert!(!f.path("out").exists());
}

#[test]
fn drawn_splits_keep_both_knees_together_and_stay_when_subjects_are_added() {
    let f = Folder::new();
    (0..40).for_each(|i| ["L", "R"].iter().enumerate().for_each(|(s, side)| f.image(&format!("src/1/{i}{side}.png"), i * 4 + 2 * s as u16)));
    let plan = f.plan("50/25/25");
    let (before, _) = f.run(&plan).unwrap();
    assert_eq!(before.splits().len(), 3);
    (40..50).for_each(|i| f.image(&format!("src/2/{i}L.png"), i * 4));
    let (after, _) = run(&plan, &f.path("out2"), &silent).unwrap();
    let split = |c: &Collection, id: &str| c.rows().iter().find(|r| r.id == id).unwrap().split.clone();
    for row in before.rows() {
        assert_eq!(row.split, split(&after, &row.id));
    }
}

#[test]
fn a_label_file_names_grade_and_split_and_a_missing_column_is_named() {
    let f = Folder::new();
    f.image("src/a.png", 1);
    f.image("src/b.png", 2);
    f.file("labels.csv", b"\xEF\xBB\xBFpath,KL,patient,laterality,set\na.png,4,p1,left,train\n");
    let plan = Plan { labels: Some(f.path("labels.csv")), ..f.plan("from-column") };
    let (collection, report) = f.run(&plan).unwrap();
    let row = &collection.rows()[0];
    assert_eq!((row.grade, row.subject.as_deref(), row.split.as_str()), (Some(4), Some("p1"), "train"));
    assert_eq!(report.files[1].detail, "the label file has no line for it");
    f.file("labels.csv", b"path,patient\na.png,p1\n");
    let message = run(&plan, &f.path("out2"), &silent).unwrap_err().to_string();
    assert!(message.contains("labels.csv: has no column `grade`, only path, patient"), "{message}");
}

#[test]
fn the_same_import_again_does_nothing_and_an_empty_folder_says_what_to_give() {
    let f = Folder::new();
    fs::create_dir_all(f.path("src")).unwrap();
    let message = f.run(&f.plan("70/10/20")).unwrap_err().to_string();
    assert!(message.contains("give folders named by grade"), "{message}");
    f.image("src/0/1L.png", 5);
    f.run(&f.plan("70/10/20")).unwrap();
    assert_eq!(f.run(&f.plan("70/10/20")).unwrap().0.rows().len(), 1);
}
