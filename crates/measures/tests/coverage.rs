//! The Frechet distance's 95% interval holds the expected distance about as often as it says.
//!
//! Gaussians with a known distance; the truth is the mean over the simulated sets. Prints the shares with
//! `--nocapture`.

use doppelray_measures::compare::{Measure, Settings, compare};
use doppelray_measures::rng::{Purpose, stream};
use doppelray_measures::{Features, estimate::Estimate};

/// Simulated studies; the standard error of a coverage near 95% is 1.5%.
const STUDIES: u64 = 200;

struct Case {
    width: usize,
    real: usize,
    synthetic: usize,
    shift: f64,
}

fn cloud(rows: usize, width: usize, (index, shift): (u64, f64)) -> Features {
    let mut draws = stream(99, Purpose::Gallery, index);
    let value = |i: usize, x: f64| (x * (1.0 + (i % width) as f64).recip().sqrt() + shift) as f32;
    let values = (0..rows * width).map(|i| value(i, draws.normal())).collect();
    Features::new(width, values).unwrap()
}

fn coverage(case: &Case) -> f64 {
    let settings = Settings { halvings: 0, k: 1, replicates: 2, ..Settings::default() };
    let estimate = |study| {
        let real = cloud(case.real, case.width, (2 * study, 0.0));
        let synthetic = cloud(case.synthetic, case.width, (2 * study + 1, case.shift));
        compare(&real, &synthetic, &settings).unwrap().measures[Measure::Frechet].unwrap()
    };
    let studies: Vec<Estimate> = (0..STUDIES).map(estimate).collect();
    let truth = studies.iter().map(|e| e.value).sum::<f64>() / STUDIES as f64;
    let held = studies.iter().filter(|e| e.low <= truth && truth <= e.high).count();
    held as f64 / STUDIES as f64
}

#[test]
fn the_frechet_interval_holds_what_it_should() {
    let cases = [
        Case { width: 8, real: 200, synthetic: 300, shift: 0.5 },
        Case { width: 8, real: 200, synthetic: 300, shift: 0.0 },
        Case { width: 32, real: 60, synthetic: 100, shift: 0.2 },
        Case { width: 64, real: 40, synthetic: 60, shift: 0.2 },
    ];
    for case in cases {
        let share = coverage(&case);
        let Case { width, real, synthetic, shift } = case;
        println!("width {width}, {real} x {synthetic}, shift {shift}: {:.1}%", 100.0 * share);
        // At no distance the resampled spread is wider than the true one: too much is held, never too little.
        assert!(share >= 0.90, "{share}");
    }
}
