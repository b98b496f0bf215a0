//! DICOM out and in: from phantoms with everything planted to a collection that tells nobody's name.

use doppelray_images::Collection;
use doppelray_images::phantom_dicom::{DATE, WORD};

use crate::fixture::Fixture;

/// Bytes of every file below a folder; of PNGs their pixels, which lie there compressed.
fn written(f: &Fixture, folder: &str) -> Vec<(String, Vec<u8>)> {
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
    f.succeed("import ward --out sorted --size 48");
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
fn phantoms_are_valid_objects() {
    let f = Fixture::new("dicom_valid");
    f.succeed("phantom --format dicom --count 10 --size 48 --out ward");
    let mut checked = 0;
    for path in f.files("ward").into_keys().filter(|path| path.extension().is_some_and(|e| e == "dcm")) {
        let path = f.path("ward").join(path);
        let Ok(said) = std::process::Command::new("dciodvfy").arg(&path).output() else {
            println!("skipped: dciodvfy is not there; install Debian's dicom3tools");
            return;
        };
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        // It does not inflate.
        if said.contains("Dicom dataset read failed") {
            continue;
        }
        assert!(!said.lines().any(|line| line.starts_with("Error")), "{}: {said}", path.display());
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");
}
