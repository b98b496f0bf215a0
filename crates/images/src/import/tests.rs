//! Imports of small folders made here.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::archive::tests::packed;
use crate::collection::Kind;
use crate::dicom::{Tag, Written};
use crate::files::write_whole;
use crate::look::Look;
use crate::progress::silent;
use crate::source::Origin;
use crate::{phantom_dicom, png};

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
            sources: vec![self.path("src").into()],
            labels: None,
            columns: Columns::default(),
            pattern: Pattern::default(),
            subjects: Subjects::AsGiven,
            split: split.parse().unwrap(),
            earlier: None,
            lookalikes: Lookalikes::Join,
            text: Text::Keep,
            look: Look::default(),
            depth: Some(Depth::Sixteen),
            refusals: Refusals::LeftOut,
            ungraded: false,
            listed: None,
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
        format!("{:?} {}", account.outcome, account.detail)
    };
    assert!(outcome("201L.png").starts_with("Duplicate") && outcome("201L.png").ends_with("200L.png"));
    assert_eq!(
        outcome("300L.png"),
        "Refused grade `7` is not one of 0..4; correct it or leave the image out"
    );
    assert!(outcome("text.png").contains("is neither DICOM nor PNG nor JPEG"));
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
    (0..40).for_each(|i| {
        ["L", "R"]
            .iter()
            .enumerate()
            .for_each(|(s, side)| f.image(&format!("src/1/{i}{side}.png"), i * 4 + 2 * s as u16))
    });
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
    assert_eq!(
        report.files.iter().find(|f| f.outcome == Outcome::Refused).unwrap().detail,
        "the label file has no line for it; add one"
    );
    f.file("labels.csv", b"path,patient\na.png,p1\n");
    let message = run(&plan, &f.path("out2"), &silent).unwrap_err().to_string();
    assert!(message.contains("labels.csv: has no column `grade`, only path, patient"), "{message}");
}

#[test]
fn the_same_import_again_does_nothing_and_an_empty_folder_says_what_to_give() {
    let f = Folder::new();
    fs::create_dir_all(f.path("src")).unwrap();
    let message = f.run(&f.plan("70/10/20")).unwrap_err().to_string();
    assert!(message.contains("give a folder that holds GRADE/*.png"), "{message}");
    f.image("src/0/1L.png", 5);
    f.run(&f.plan("70/10/20")).unwrap();
    assert_eq!(f.run(&f.plan("70/10/20")).unwrap().0.rows().len(), 1);
}

#[test]
fn every_kind_of_bad_file_is_refused_with_its_reason_and_strict_makes_nothing() {
    let f = Folder::new();
    f.image("src/1/1000L.png", 10);
    f.file("src/1/1001L.png", b"");
    f.file("src/1/1002L.png", b"text");
    f.file("src/1/1003L.png", &fs::read(f.path("src/1/1000L.png")).unwrap()[..40]);
    f.file("src/1/1004L.tif", b"II*");
    f.image("src/1005L.png", 20);
    f.image("src/left/1006L.png", 30);
    let (collection, report) = f.run(&f.plan("70/10/20")).unwrap();
    assert_eq!((collection.rows().len(), report.refused, report.read), (1, 6, 1));
    for (name, reason) in [
        ("1001L.png", "is empty"),
        ("1002L.png", "is neither DICOM nor PNG nor JPEG"),
        ("1003L.png", "not a readable PNG"),
        ("1004L.tif", "convert it to PNG"),
        ("1005L.png", "stands in no folder"),
        ("1006L.png", "its folder `left` is no grade"),
    ] {
        let account = report.files.iter().find(|a| a.file.ends_with(name)).unwrap();
        assert!(account.detail.contains(reason), "{account:?}");
    }
    let free = Plan { ungraded: true, ..f.plan("0/0/100") };
    let (all, _) = run(&free, &f.path("free"), &silent).unwrap();
    assert_eq!(all.rows().iter().filter(|row| row.grade.is_none()).count(), 2);
    let strict = Plan { refusals: Refusals::Fatal, ..f.plan("70/10/20") };
    let message = run(&strict, &f.path("strict"), &silent).unwrap_err().to_string();
    assert!(message.contains("6 files cannot be used"), "{message}");
    assert!(!f.path("strict").exists() && !f.path(".strict.part").exists());
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let f = Folder::new();
    f.image("src/1/1000L.png", 10);
    std::os::unix::fs::symlink(f.path("src/1/1000L.png"), f.path("src/1/1001L.png")).unwrap();
    std::os::unix::fs::symlink(f.path("src"), f.path("src/1/loop")).unwrap();
    let (collection, report) = f.run(&f.plan("70/10/20")).unwrap();
    assert_eq!((collection.rows().len(), report.refused), (1, 2));
}

#[test]
fn subjects_who_share_a_picture_come_into_one_split_and_count_as_one() {
    let f = Folder::new();
    for subject in 1000..1040 {
        f.image(&format!("src/1/{subject}L.png"), subject - 950);
    }
    // The same right knee under all of twenty names, and under one other grade.
    (1000..1020).for_each(|subject| f.image(&format!("src/1/{subject}R.png"), 7));
    f.image("src/2/1020R.png", 7);
    let (collection, report) = f.run(&f.plan("40/30/30")).unwrap();
    assert_eq!((report.read, report.duplicates, report.subjects), (41, 20, 20));
    let joined: Vec<_> = collection.rows().iter().filter(|r| r.subject.as_deref() == Some("1000")).collect();
    assert_eq!(joined.len(), 22);
    assert!(joined.iter().all(|r| r.split == joined[0].split));
    assert_eq!(joined.iter().filter(|r| r.flags.contains("joined")).count(), 20);
    let contradiction = report.files.iter().find(|a| a.file.ends_with("1020R.png")).unwrap();
    assert!(contradiction.detail.ends_with("1000R.png, which has grade 1 instead of 2"), "{contradiction:?}");
    collection.rows().iter().for_each(|row| collection.verify(row).unwrap());
    let kept: usize = walk(&f.path("out/images"));
    assert_eq!(kept, 41, "what is not in the manifest is not in the folder");
}

#[test]
fn one_picture_in_two_given_splits_under_two_names_with_other_pictures_is_refused() {
    let f = Folder::new();
    f.image("src/train/0/1000L.png", 10);
    f.image("src/train/0/1000R.png", 20);
    f.image("src/val/0/2000L.png", 10);
    f.image("src/val/0/2000R.png", 30);
    let message = f.run(&f.plan("from-folders")).unwrap_err().to_string();
    assert!(message.contains("1000") && message.contains("taken for one person"), "{message}");
    assert!(!f.path("out").exists() && !f.path(".out.part").exists());
}

#[test]
fn an_import_that_was_killed_goes_on_to_the_very_same_collection() {
    let f = Folder::new();
    (0..9).for_each(|i| f.image(&format!("src/{}/100{i}L.png", i % 5), 5 * i));
    let plan = f.plan("70/10/20");
    let (whole, _) = run(&plan, &f.path("whole"), &silent).unwrap();
    let mut survey = survey::survey(&plan).unwrap();
    survey::tell_apart(&mut survey.candidates);
    let Begun::Open(writer) = Writer::begin(&f.path("out"), about(&plan, &survey)).unwrap() else {
        panic!("not begun")
    };
    convert_all((&plan, 4, Depth::Sixteen), &writer, &survey.candidates[..4], &silent).unwrap();
    // A kill leaves some images and perhaps a part of one, but no manifest.
    let (resumed, report) = f.run(&plan).unwrap();
    assert_eq!((resumed.hash(), report.read), (whole.hash(), 9));
    assert!(
        f.run(&Plan {
            look: Look { crop: Some(3), ..Look::default() },
            about: About { size: 8, ..plan.about.clone() },
            ..plan
        })
        .is_err()
    );
    assert_eq!(Collection::open(&f.path("out")).unwrap().hash(), whole.hash());
}

#[test]
fn the_depth_is_that_of_the_sources_unless_said() {
    let f = Folder::new();
    f.image("src/1/1000L.png", 10);
    let plan = |depth| Plan { depth, ..f.plan("70/10/20") };
    let depth = |depth, out: &str| run(&plan(depth), &f.path(out), &silent).unwrap().0.about().depth;
    assert_eq!(depth(None, "eight"), Depth::Eight);
    let mut bytes = Vec::new();
    png::encode(&Image::new(4, 4, Depth::Sixteen, (0..16).map(|i| i * 4000).collect()), &mut bytes).unwrap();
    f.file("src/1/1001L.png", &bytes);
    assert_eq!(depth(None, "sixteen"), Depth::Sixteen);
    assert_eq!(depth(Some(Depth::Eight), "said"), Depth::Eight);
}

#[test]
fn a_rehearsal_counts_and_writes_nothing() {
    let f = Folder::new();
    f.image("src/train/1/1000L.png", 10);
    f.image("src/val/2/1001L.png", 10);
    let report = rehearse(&f.plan("70/10/20")).unwrap();
    assert_eq!((report.read, report.subjects), (2, 2));
    assert!(report.notes.iter().any(|n| n.contains("--split from-folders would keep")), "{:?}", report.notes);
    assert_eq!(fs::read_dir(f.path("")).unwrap().count(), 1);
}

#[test]
fn a_full_disk_names_the_file_and_the_mend_and_leaves_no_collection() {
    let f = Folder::new();
    (0..400).for_each(|i| f.image(&format!("src/1/{}L.png", 1000 + i), i % 200));
    let small = f.path("small");
    fs::create_dir(&small).unwrap();
    let mount = |command: &str, args: &[&str]| {
        std::process::Command::new(command)
            .args(args)
            .arg(&small)
            .stderr(std::process::Stdio::null())
            .status()
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=100k", "tmpfs"]).is_ok_and(|s| s.success()) {
        println!("skipped: a small tmpfs needs root");
        return;
    }
    let failed = run(&f.plan("70/10/20"), &small.join("out"), &silent);
    let there = small.join("out").exists();
    mount("umount", &[]).unwrap();
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("small/out") && message.contains("free some space"), "{message}");
    assert!(!there);
}

fn walk(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[test]
fn label_files_are_read_whatever_wrote_them() {
    let f = Folder::new();
    f.image("src/Müller.png", 1);
    let text = "file,grade,subject\nMüller.png,3,Jörg\n";
    let wide = |of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
    let with = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
    let latin: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for (name, bytes, guessed) in [
        ("UTF-8", text.into(), false),
        ("UTF-8 with its mark", with(b"\xEF\xBB\xBF", text.into()), false),
        ("UTF-16, little", with(b"\xFF\xFE", wide(u16::to_le_bytes)), false),
        ("UTF-16, big", with(b"\xFE\xFF", wide(u16::to_be_bytes)), false),
        ("UTF-16 without its mark", wide(u16::to_le_bytes), true),
        ("Latin-1", latin, true),
        ("semicolons", text.replace(',', ";").into(), false),
        ("tabs and carriage returns", text.replace(',', "\t").replace('\n', "\r\n").into(), false),
    ] {
        f.file("labels.csv", &bytes);
        let plan = Plan { labels: Some(f.path("labels.csv")), ..f.plan("70/10/20") };
        let (collection, report) =
            run(&plan, &f.path(name), &silent).unwrap_or_else(|e| panic!("{name}: {e}"));
        let row = &collection.rows()[0];
        assert_eq!((row.grade, row.subject.as_deref()), (Some(3), Some("Jörg")), "{name}");
        assert_eq!(
            report.notes.iter().any(|note| note.contains("no mark of its encoding")),
            guessed,
            "{name}"
        );
    }
}

#[test]
fn films_of_two_names_that_look_alike_are_joined_or_refused_with_a_gallery() {
    let f = Folder::new();
    let film = |name: &str, subject: u64, size: u32| {
        let knee = crate::phantom::render(8, subject, Side::Left, 160).image;
        let mut bytes = Vec::new();
        png::encode(&resize::square(&knee, size).at(Depth::Eight), &mut bytes).unwrap();
        f.file(name, &bytes);
    };
    (0..6).for_each(|i| film(&format!("src/1/{}L.png", 2000 + i), i, 160));
    film("src/1/3000L.png", 4, 150);
    let plan = |lookalikes| Plan {
        lookalikes,
        about: About { size: 160, ..f.plan("50/25/25").about },
        depth: Some(Depth::Eight),
        ..f.plan("50/25/25")
    };
    let (joined, report) = run(&plan(Lookalikes::Join), &f.path("joined"), &silent).unwrap();
    let of = |id: &str| joined.rows().iter().find(|r| r.id == id).unwrap();
    assert_eq!((of("3000L").subject.as_deref(), &of("3000L").split), (Some("2004"), &of("2004L").split));
    assert_eq!((report.lookalikes.len(), report.subjects), (1, 6));
    assert!(report.lookalikes[0].likeness > 0.65 && f.path("joined/lookalikes.png").is_file());
    let (refused, report) = run(&plan(Lookalikes::Refuse), &f.path("refused"), &silent).unwrap();
    assert_eq!((refused.rows().len(), report.refused), (6, 1));
    assert!(f.path("refused/lookalikes.png").is_file());
    let (_, report) = run(&plan(Lookalikes::Keep), &f.path("kept"), &silent).unwrap();
    assert_eq!((report.subjects, report.lookalikes.len()), (7, 0));
}

/// Phantoms as DICOM files in `name`, by their paths there.
fn phantoms(f: &Folder, name: &str) -> Vec<(String, Vec<u8>)> {
    let plan = phantom_dicom::Plan { seed: 2, count: 4, size: 32, phi: phantom_dicom::Phi::Sparse };
    phantom_dicom::write(&plan, &f.path(name), &silent).unwrap();
    let found = find::of(&f.path(name).into()).unwrap();
    let read = |origin: &Origin| {
        let inside = origin.path().strip_prefix(f.path(name)).unwrap().display().to_string();
        (inside, fs::read(origin.path()).unwrap())
    };
    found.images.iter().map(read).collect()
}

#[test]
fn a_zip_is_read_like_the_folder_it_was_made_of_and_what_leaves_it_is_refused() {
    let f = Folder::new();
    let films = phantoms(&f, "films");
    let mut members: Vec<(&str, &[u8])> =
        films.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    let inner = packed(&members);
    members.extend([("../out.dcm", films[0].1.as_slice()), ("inner.zip", &inner), ("readme.txt", b"hello")]);
    f.file("src/export.zip", &packed(&members));
    let (collection, report) = f.run(&f.plan("70/10/20")).unwrap();
    let (plain, _) =
        run(&Plan { sources: vec![f.path("films").into()], ..f.plan("70/10/20") }, &f.path("plain"), &silent)
            .unwrap();
    assert_eq!(collection.hash(), plain.hash());
    assert_eq!((report.read, report.refused, report.ignored), (4, 2, 1));
    for (name, why) in [("out.dcm", "its name leaves the archive"), ("inner.zip", "a zip within a zip")] {
        let account = report.files.iter().find(|a| a.file.ends_with(name)).unwrap();
        assert!(account.detail.contains(why), "{account:?}");
    }
    // The zip itself is a source, too.
    let alone = Plan { sources: vec![f.path("src/export.zip").into()], ..f.plan("70/10/20") };
    assert_eq!(run(&alone, &f.path("alone"), &silent).unwrap().0.hash(), plain.hash());
}

#[test]
fn a_medium_is_read_by_its_index_and_what_it_lacks_is_refused() {
    let f = Folder::new();
    for (at, (_, bytes)) in phantoms(&f, "films").iter().enumerate() {
        f.file(&format!("disc/FILMS/IM{at}"), bytes);
    }
    let record = |path: &str| {
        Written::default().text(Tag(4, 0x1430), b"CS", "IMAGE").text(Tag(4, 0x1500), b"CS", path)
    };
    let index =
        |paths: &[&str]| Written::default().items(Tag(4, 0x1220), paths.iter().map(|p| record(p)).collect());
    let little = "1.2.840.10008.1.2.1";
    f.file("disc/DICOMDIR", &index(&["FILMS\\IM0", "FILMS\\IM2", "FILMS\\GONE"]).file(little));
    let plan = |name: &str| Plan { sources: vec![f.path(name).into()], ..f.plan("70/10/20") };
    let (listed, report) = run(&plan("disc/DICOMDIR"), &f.path("listed"), &silent).unwrap();
    assert_eq!((listed.rows().len(), report.refused), (2, 1));
    assert!(report.files.iter().any(|a| a.detail.contains("is named by DICOMDIR and is not there")));
    assert!(report.notes.iter().any(|note| note == "DICOMDIR names 3 images, 2 of them there"));
    // The folder holds more than its index says.
    assert_eq!(run(&plan("disc"), &f.path("all"), &silent).unwrap().0.rows().len(), 4);
    f.file("evil/DICOMDIR", &index(&["..\\films\\0\\P000000L.dcm"]).file(little));
    let said = run(&plan("evil/DICOMDIR"), &f.path("none"), &silent).unwrap_err().to_string();
    assert!(said.contains("(0004,1500) Referenced File ID: names no file of the medium"), "{said}");
}
