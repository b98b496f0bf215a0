//! Agreement with scipy, mpmath and the prdc package; `bench/golden.py` writes the stored values.

use doppelray_measures::Features;
use doppelray_measures::frechet::{Gaussian, frechet};
use doppelray_measures::prdc::indicators;

/// Everything is f64 on the same f32 features: what is left is rounding in scipy's matrix root.
const TOLERANCE: f64 = 1e-6;

#[derive(serde::Deserialize)]
struct Case {
    real: usize,
    synthetic: usize,
    width: usize,
    shift: f64,
    k: usize,
    by: String,
    frechet: f64,
    precision: f64,
    recall: f64,
    density: f64,
    coverage: f64,
}

/// Steele, Lea and Flood 2014, as in `bench/golden.py`.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn cloud(rows: usize, width: usize, (seed, shift): (u64, f64)) -> Features {
    let mut state = seed;
    let mut uniform = || (splitmix(&mut state) >> 40) as f64 / f64::from(1 << 24);
    let mut value = |i: usize| {
        let bell = uniform() + uniform() + uniform() - 1.5;
        (bell / (1.0 + (i % width) as f64) + shift) as f32
    };
    let values = (0..rows * width).map(&mut value).collect();
    Features::new(width, values).unwrap()
}

#[test]
fn the_measures_agree_with_independent_implementations() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    for case in &cases {
        let real = cloud(case.real, case.width, (case.real as u64, 0.0));
        let synthetic = cloud(case.synthetic, case.width, (case.synthetic as u64 + 1, case.shift));
        let distance = frechet(&Gaussian::of(&real).unwrap(), &Gaussian::of(&synthetic).unwrap()).unwrap();
        let prdc = indicators(&real, &synthetic, case.k).unwrap().measures();
        let pairs = [
            (distance, case.frechet),
            (prdc.precision, case.precision),
            (prdc.recall, case.recall),
            (prdc.density, case.density),
            (prdc.coverage, case.coverage),
        ];
        let errors = pairs.map(|(ours, theirs)| (ours - theirs).abs() / theirs.abs().max(1e-9));
        let sizes = (case.real, case.synthetic, case.width);
        println!("{sizes:?} by {}: frechet {:.1e}, prdc {:.1?}", case.by, errors[0], &errors[1..]);
        assert!(errors.iter().all(|e| *e < TOLERANCE), "{errors:?}");
    }
}
