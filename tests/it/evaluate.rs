//! An evaluation: what it writes, what it keeps, what it refuses.

use crate::fixture::Fixture;

/// Phantom knees of both kinds in `knees` and `fakes`.
fn lab(name: &str) -> Fixture {
    let lab = Fixture::new(name);
    lab.succeed("phantom --out knees --count 120 --size 48 --bits 8");
    lab.succeed("phantom --out fakes --count 60 --size 48 --bits 8 --seed 7");
    lab
}

fn report(lab: &Fixture, proof: &str) -> serde_json::Value {
    serde_json::from_str(&lab.text(&format!("{proof}/evaluate.json"))).unwrap()
}

#[test]
fn every_measure_is_an_estimate_with_a_floor_and_the_page_shows_them_all() {
    let lab = lab("every_measure_is_an_estimate_with_a_floor");
    lab.succeed("evaluate knees fakes --out proof --real-split train");
    let report = report(&lab, "proof");
    let overall = &report["spaces"]["bank"]["overall"];
    for measure in [
        "frechet",
        "kid",
        "precision",
        "recall",
        "density",
        "coverage",
        "authenticity",
        "vendi",
        "detectability",
    ] {
        let estimate = &overall[measure];
        let number = |key: &str| estimate[key].as_f64().unwrap_or_else(|| panic!("{measure}: {estimate}"));
        assert!(
            number("low") <= number("value") && number("value") <= number("high"),
            "{measure}: {estimate}"
        );
        assert!(number("floor").is_finite() && estimate["n"].as_u64().unwrap() > 0, "{measure}: {estimate}");
    }
    let spectrum = &report["spectrum"]["overall"];
    assert_eq!(spectrum["real"].as_array().unwrap().len(), 24);
    assert!(spectrum["distance"]["floor"].as_f64().unwrap() > 0.0);
    let page = lab.text("proof/evaluate.html");
    for name in
        ["Kernel distance", "Authenticity", "Vendi score", "Detectability", "Power by spatial frequency"]
    {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn a_second_evaluation_describes_no_image_again_and_finds_the_same() {
    let lab = lab("a_second_evaluation_describes_no_image");
    let first = lab.run("evaluate knees fakes --out proof");
    assert!(first.err.contains("describing images"), "{first:?}");
    let second = lab.run("evaluate knees fakes --out again");
    assert!(second.status == 0 && !second.err.contains("describing images"), "{second:?}");
    let measured = |proof| {
        let report = report(&lab, proof);
        (report["spaces"].clone(), report["spectrum"].clone(), report["likeness"].clone())
    };
    assert_eq!(measured("proof"), measured("again"));
    // Another split shares the file: its own images alone are described.
    let other = lab.run("evaluate knees fakes --out other --real-split train");
    assert!(other.status == 0 && other.err.contains("describing images"), "{other:?}");
}

#[test]
fn features_that_were_given_are_compared_and_those_of_other_images_refused() {
    let lab = lab("features_that_were_given_are_compared");
    let npy = |name: &str, rows: usize, width: usize, step: f32| {
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        let value = |i: usize| ((i * i % 101) as f32 * 0.1 + step).to_le_bytes();
        bytes.extend((0..rows * width).flat_map(value));
        lab.file(name, &bytes);
    };
    npy("real.npy", 120, 4, 0.0);
    npy("fakes.npy", 60, 4, 9.0);
    npy("wide.npy", 60, 5, 0.0);
    npy("short.npy", 7, 4, 0.0);
    npy("odd.npy", 60, 4, f32::NAN);
    lab.succeed("evaluate knees fakes --out proof --real-split train --features mine=real.npy,fakes.npy");
    let mine = &report(&lab, "proof")["spaces"]["mine"];
    assert_eq!(mine["width"], 4);
    assert!(mine["overall"]["frechet"]["value"].as_f64().unwrap() > 200.0, "{mine}");
    for (features, status, reason) in [
        ("mine=real.npy", 2, "two files are needed"),
        ("mine=real.npy,wide.npy", 1, "4 features an image, wide.npy 5"),
        ("mine=real.npy,short.npy", 1, "features of 7 images"),
        ("mine=real.npy,odd.npy", 1, "feature 0 of image 0 is not a finite number"),
        ("mine=real.npy,none.npy", 1, "none.npy"),
    ] {
        let said = lab.fail(status, &format!("evaluate knees fakes --out proof --features {features}"));
        assert!(said.contains(reason), "{features}: {said}");
    }
}

#[test]
fn a_proof_is_shown_on_one_page_unless_a_report_was_changed() {
    let lab = lab("a_proof_is_shown_on_one_page_unless_a_re");
    lab.succeed("evaluate knees fakes --out proof --real-split train");
    let said = lab.succeed("show proof");
    let verdict = report(&lab, "proof")["verdict"].as_str().unwrap().to_owned();
    assert!(said.contains(&verdict) && said.contains("Not asked yet: Do they give anybody away?"), "{said}");
    let page = lab.text("proof/index.html");
    assert!(page.contains("href=\"evaluate.html\"") && page.contains(&verdict), "{page}");
    lab.succeed("evaluate knees fakes --out proof --real-split train");
    let text = lab.text("proof/evaluate.json").replacen("\"count\": 60", "\"count\": 61", 1);
    lab.file("proof/evaluate.json", text.as_bytes());
    assert!(lab.fail(1, "show proof").contains("proof/evaluate.json: was changed after it was made"));
}
