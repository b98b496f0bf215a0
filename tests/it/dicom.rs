//! DICOM out and in: from phantoms with everything planted to a collection that tells nobody's name.

use std::io::Cursor;

use doppelray_images::Collection;
use doppelray_images::dicom::Film;
use doppelray_images::phantom_dicom::{DATE, WORD, ink};

use crate::fixture::Fixture;

/// Bytes of every file below a folder; of PNGs their pixels, which lie there compressed.
pub(crate) fn written(f: &Fixture, folder: &str) -> Vec<(String, Vec<u8>)> {
    let inflated = |name: &str| {
        let image = doppelray_images::png::load(&f.path(folder).join(name)).unwrap();
        let bytes = image.pixels().iter().flat_map(|p| p.to_be_bytes());
        bytes.collect::<Vec<u8>>()
    };
    let files = f.files(folder).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    files
        .flat_map(|(name, bytes)| {
            let pixels = name.ends_with(".png").then(|| (format!("{name} inflated"), inflated(&name)));
            [(name, bytes)].into_iter().chain(pixels)
        })
        .collect()
}

#[test]
fn nothing_that_is_planted_leaves_with_a_keyed_import() {
    let f = Fixture::new("dicom_planted");
    f.succeed("phantom --format dicom --phi planted --count 20 --size 64 --out ward");
    let planted =
        f.files("ward").values().filter(|b| b.windows(WORD.len()).any(|w| w == WORD.as_bytes())).count();
    // All but the deflated files show it in their bytes.
    assert!(planted >= 16, "{planted}");
    let said = f.succeed("import ward --new-key lab.key --out knees --size 64 --text mask");
    assert!(said.contains("20 images of 10 subjects, 64 x 64 pixels of 16 bits; 0 files refused"), "{said}");
    for (name, bytes) in written(&f, "knees") {
        for word in [WORD, DATE, "1947-11-03", "2.25.", "ward"] {
            let found = bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
            assert!(!found && !name.contains(word), "{word} in {name}");
        }
    }
    let rows = Collection::open(&f.path("knees")).unwrap().rows().to_vec();
    assert!(rows.iter().all(|row| row.side.is_some() && row.flags.contains("@detector")), "{rows:?}");
}

/// How much brighter planted ink is than what is between it, at most, in any image of a collection; 1 is white on black.
fn inked(f: &Fixture, name: &str, size: u32) -> f64 {
    let ink = ink(size);
    let [right, bottom] =
        [ink.iter().map(|(x, _)| *x).max().unwrap(), ink.iter().map(|(_, y)| *y).max().unwrap()];
    let film = |file: &str| {
        let image = doppelray_images::png::load(&f.path(name).join(file)).unwrap();
        let at = |(x, y): &(usize, usize)| f64::from(image.pixels()[y * size as usize + x]) / 65_535.0;
        let mean = |places: &[(usize, usize)]| places.iter().map(at).sum::<f64>() / places.len() as f64;
        let gaps: Vec<_> = (3..=bottom).flat_map(|y| (3..=right).map(move |x| (x, y))).collect();
        let gaps: Vec<_> = gaps.into_iter().filter(|place| !ink.contains(place)).collect();
        (mean(&ink) - mean(&gaps)).abs()
    };
    let rows = Collection::open(&f.path(name)).unwrap().rows().to_vec();
    rows.iter().map(|row| film(&row.file)).fold(0.0, f64::max)
}

#[test]
fn names_and_dates_in_the_pixels_are_painted_over_or_refuse_the_film() {
    let f = Fixture::new("dicom_burnt");
    f.succeed("phantom --format dicom --phi planted --count 10 --size 224 --out ward");
    f.succeed("import ward --subjects forget --out masked --split 100/0/0");
    let rows = Collection::open(&f.path("masked")).unwrap().rows().to_vec();
    assert!(
        rows.len() == 10 && rows.iter().all(|row| row.flags.split(' ').any(|flag| flag == "text")),
        "{rows:?}"
    );
    f.succeed("import ward --out kept --split 100/0/0");
    assert!(inked(&f, "kept", 224) > 0.2 && inked(&f, "masked", 224) < 0.05, "{}", inked(&f, "masked", 224));
    let said = f.fail(1, "import ward --new-key lab.key --text refuse --out none");
    assert!(said.contains("10 files refused") && said.contains("bears text"), "{said}");
}

#[test]
fn tables_go_by_accession_and_without_one_films_wait_for_their_grade() {
    let f = Fixture::new("dicom_labels");
    f.succeed("phantom --format dicom --count 8 --size 48 --out ward");
    std::fs::create_dir(f.path("flat")).unwrap();
    for (path, bytes) in f.files("ward") {
        // No folder, no ending: what stands in the header must do.
        if path.extension().is_some_and(|ending| ending == "dcm") {
            f.file(&format!("flat/{}", path.file_stem().unwrap().display()), &bytes);
        }
    }
    f.succeed("import flat --labels ward/labels.csv --out knees --size 48");
    let said = f.succeed("import ward --out sorted --size 48");
    assert!(said.contains("P000003R.dcm  JPEG-LS          48 x 48    12  images/"), "{said}");
    let rows = |name: &str| {
        let collection = Collection::open(&f.path(name)).unwrap();
        let rows = collection.rows().iter().map(|r| (r.subject.clone(), r.side, r.grade, r.sha256.clone()));
        rows.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(rows("knees"), rows("sorted"));
    let said = f.succeed("import flat --out ungraded --size 48");
    assert!(said.contains("ungraded") && said.contains("8 of 8 images have no grade"), "{said}");
    let again = f.run("import flat --out ungraded --size 48");
    assert!(again.err.contains("nothing to do"), "{again:?}");
}

#[test]
fn tables_go_by_study_subject_and_file_too() {
    let f = Fixture::new("dicom_joins");
    f.succeed("phantom --format dicom --count 8 --size 48 --out ward");
    f.succeed("import ward --out sorted --size 48");
    let known = |path: &std::path::Path, bytes: &[u8]| {
        let film = Film::open(Box::new(Cursor::new(bytes.to_vec()))).unwrap().person();
        let grade = path.parent().unwrap().display().to_string();
        (film, grade, path.file_name().unwrap().display().to_string())
    };
    let films = f.files("ward").into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "dcm"));
    let mut tables =
        [String::from("study_uid,side,grade"), "patient_id,side,grade".into(), "file,grade".into()];
    for (path, bytes) in films {
        let (person, grade, name) = known(&path, &bytes);
        let side = person.side.unwrap();
        tables[0] += &format!("\n{},{side},{grade}", person.study.unwrap());
        tables[1] += &format!("\n{},{side},{grade}", person.subject.unwrap());
        tables[2] += &format!("\n{name},{grade}");
        // No folder tells a grade any more.
        f.file(&format!("flat/{name}"), &bytes);
    }
    for (at, table) in tables.iter().enumerate() {
        f.file("labels.csv", table.as_bytes());
        f.succeed(&format!("import flat --labels labels.csv --out by{at} --size 48"));
        assert_eq!(f.text(&format!("by{at}/manifest.csv")), f.text("sorted/manifest.csv"), "{table}");
    }
}

#[test]
fn phantoms_are_valid_objects() {
    let f = Fixture::new("dicom_valid");
    f.succeed("phantom --format dicom --count 10 --size 48 --out plain/ward");
    f.succeed("phantom --format dicom --count 10 --size 48 --phi planted --out planted/ward");
    let films = [f.files("plain"), f.files("planted")].into_iter().zip(["plain", "planted"]);
    let films = films.flat_map(|(files, name)| files.into_keys().map(|path| f.path(name).join(path)));
    let mut checked = 0;
    for path in films.filter(|path| path.extension().is_some_and(|e| e == "dcm")) {
        let Ok(said) = std::process::Command::new("dciodvfy").arg(&path).output() else {
            println!("skipped: dciodvfy is not there; install Debian's dicom3tools");
            return;
        };
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        // It does not inflate, and knows no JPEG XL.
        if said.contains("Dicom dataset read failed") {
            continue;
        }
        assert!(!said.lines().any(|line| line.starts_with("Error")), "{}: {said}", path.display());
        checked += 1;
    }
    assert_eq!(checked, 16);
}
