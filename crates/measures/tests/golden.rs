//! Agreement with scipy, mpmath, scikit-learn and the packages prdc, vendi-score and frd-score; `bench/golden.py` writes the stored values.

use doppelray_measures::Features;
use doppelray_measures::authenticity::authentic;
use doppelray_measures::discriminant::Discriminant;
use doppelray_measures::frechet::{Gaussian, frechet};
use doppelray_measures::kid::kid;
use doppelray_measures::prdc::indicators;
use doppelray_measures::radiomics::frechet_radiomics;
use doppelray_measures::vendi::vendi;

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
    frechet_radiomics: Option<f64>,
    precision: f64,
    recall: f64,
    density: f64,
    coverage: f64,
    kid: f64,
    authenticity: f64,
    vendi: f64,
    probe: [f64; 5],
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

/// Relative to theirs, and for what is near 0 to 1e-3: a difference of means of about 1.
fn error(ours: f64, theirs: f64) -> f64 {
    (ours - theirs).abs() / theirs.abs().max(1e-3)
}

/// As radiomics are compared.
fn in_deviations(real: &Features, synthetic: &Features) -> f64 {
    let moments = |set: &Features| Gaussian::of(&set.standardised_by(real).unwrap()).unwrap();
    frechet_radiomics(frechet(&moments(real), &moments(synthetic)).unwrap()).unwrap()
}

#[test]
fn the_measures_agree_with_independent_implementations() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    for case in &cases {
        let real = cloud(case.real, case.width, (case.real as u64, 0.0));
        let synthetic = cloud(case.synthetic, case.width, (case.synthetic as u64 + 1, case.shift));
        let distance = frechet(&Gaussian::of(&real).unwrap(), &Gaussian::of(&synthetic).unwrap()).unwrap();
        let prdc = indicators(&real, &synthetic, case.k).unwrap().measures();
        let authentic = authentic(&real, &synthetic).unwrap();
        let share = authentic.iter().filter(|a| **a).count() as f64 / authentic.len() as f64;
        let pairs = [
            ("frechet", distance, case.frechet),
            ("precision", prdc.precision, case.precision),
            ("recall", prdc.recall, case.recall),
            ("density", prdc.density, case.density),
            ("coverage", prdc.coverage, case.coverage),
            ("kid", kid(&real, &synthetic).unwrap().value, case.kid),
            ("authenticity", share, case.authenticity),
            ("vendi", vendi(&synthetic).unwrap().value, case.vendi),
        ];
        let radiomics = case
            .frechet_radiomics
            .map(|theirs| ("frechet_radiomics", in_deviations(&real, &synthetic), theirs));
        let errors: Vec<(&str, f64)> = pairs
            .into_iter()
            .chain(radiomics)
            .map(|(name, ours, theirs)| (name, error(ours, theirs)))
            .collect();
        let shown =
            errors.iter().map(|(name, error)| format!("{name} {error:.1e}")).collect::<Vec<_>>().join(", ");
        println!("{:?} by {}: {shown}", (case.real, case.synthetic, case.width), case.by);
        assert!(errors.iter().all(|(_, e)| *e < TOLERANCE), "{errors:?}");
    }
}

#[test]
fn the_probe_is_scikit_learns() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden.json")).unwrap();
    for case in &cases {
        let real = cloud(case.real, case.width, (case.real as u64, 0.0));
        let synthetic = cloud(case.synthetic, case.width, (case.synthetic as u64 + 1, case.shift));
        let all = |set: &Features| vec![1; set.len()];
        let probe = Discriminant::fit(&[(&real, all(&real)), (&synthetic, all(&synthetic))]).unwrap();
        for (row, theirs) in case.probe.iter().enumerate() {
            let scores = probe.scores(synthetic.row(row));
            let error = error(scores[1] - scores[0], *theirs);
            assert!(error < TOLERANCE, "{error:e}");
        }
    }
}
