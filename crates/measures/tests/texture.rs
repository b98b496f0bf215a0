//! Agreement with pyradiomics and SciPy; `bench/texture.py` writes the stored values.

use std::collections::BTreeMap;

use doppelray_measures::radiomics::{features, names};
use doppelray_measures::ssim::ms_ssim;

/// Everything is f64 on the same f32 pixels.
const TOLERANCE: f64 = 1e-6;

#[derive(serde::Deserialize)]
struct Stored {
    radiomics: Vec<Case>,
    likeness: Vec<Likeness>,
}

#[derive(serde::Deserialize)]
struct Case {
    seed: u64,
    height: usize,
    width: usize,
    features: BTreeMap<String, f64>,
}

/// Image 3 against a mix of it with image 4.
#[derive(serde::Deserialize)]
struct Likeness {
    height: usize,
    width: usize,
    share: f64,
    ms_ssim: f64,
}

fn stored() -> Stored {
    serde_json::from_str(include_str!("texture.json")).unwrap()
}

/// Steele, Lea and Flood 2014, as in `bench/golden.py`.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// As in `bench/texture.py`.
fn image(seed: u64, height: usize, width: usize) -> Vec<f32> {
    let mut state = seed;
    let wide = width + 2;
    let draws: Vec<f64> =
        (0..wide * (height + 2)).map(|_| (splitmix(&mut state) >> 40) as f64 / f64::from(1 << 24)).collect();
    let pixel = |i: usize| {
        let (x, y) = (i % width, i / width);
        let around = (0..9).map(|k| draws[(y + k / 3) * wide + x + k % 3]);
        (around.sum::<f64>() / 9.0) as f32
    };
    (0..width * height).map(pixel).collect()
}

#[test]
fn the_features_are_those_of_pyradiomics() {
    for case in &stored().radiomics {
        let ours = features(&image(case.seed, case.height, case.width), case.width);
        for (name, ours) in names().into_iter().zip(ours) {
            let theirs = case.features[name];
            let error = (ours - theirs).abs() / theirs.abs().max(1e-6);
            assert!(error < TOLERANCE, "{name}: {ours} where pyradiomics has {theirs}");
        }
    }
}

#[test]
fn the_likeness_is_that_of_scipys_filters() {
    for case in stored().likeness {
        let [a, b] = [3, 4].map(|seed| image(seed, case.height, case.width));
        let share = (case.share as f32, (1.0 - case.share) as f32);
        let mixed: Vec<f32> = a.iter().zip(&b).map(|(a, b)| share.0 * a + share.1 * b).collect();
        let ours = ms_ssim(&a, &mixed, case.width, case.height);
        assert!((ours - case.ms_ssim).abs() < TOLERANCE * case.ms_ssim, "{ours} {}", case.ms_ssim);
    }
}
