//! Whether one way of training is better than another.

use serde::{Deserialize, Serialize};

use super::judged::Resampled;
use crate::distribution::{student_cdf, student_quantile};

/// The difference of two arms in one figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// The mean over seeds of the differences, on the same test subjects and with the same real subjects in training.
    pub value: f64,
    /// Lower end of the 95% interval for other test subjects and other seeds.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// What the difference is where there is none: nothing. Kept so that this reads as an estimate.
    pub floor: Option<f64>,
    /// Images judged.
    pub n: usize,
    /// Standard error by the test subjects that happened to be drawn.
    pub subjects_error: f64,
    /// Standard deviation of the difference between seeds; absent for one seed.
    pub seeds_deviation: Option<f64>,
    /// Seeds.
    pub seeds: usize,
    /// Probability of such a difference or a larger one where there is none; absent for one seed, whose luck is unknown.
    pub p: Option<f64>,
}

/// Compares two arms seed by seed in the figure at a position of [`super::METRICS`].
///
/// Two things make the difference uncertain: the subjects tested, whose part is the bootstrap variance of the mean
/// difference, and what was drawn in training, whose part is the variance between seeds over their number. The
/// interval and `p` are Student's, with the degrees of freedom of Satterthwaite (1946) where the subjects' part counts as
/// known. The seeds' variance holds some of the subjects' too, so both together are rather too wide than too narrow.
///
/// `None` where the figure does not exist. Panics where the arms differ in seeds.
pub fn contrast(arm: &[&Resampled], against: &[&Resampled], at: usize) -> Option<Contrast> {
    assert_eq!(arm.len(), against.len(), "arms are paired by seed");
    let seeds = arm.len();
    let apart = |of: &dyn Fn(&Resampled) -> f64| {
        arm.iter().zip(against).map(|(a, b)| of(a) - of(b)).collect::<Vec<f64>>()
    };
    let differences = apart(&|r| r.value[at]);
    let (value, spread) = moments(&differences);
    if value.is_nan() {
        return None;
    }
    let sets = (0..arm[0].draws.len()).map(|i| moments(&apart(&|r| r.draws[i][at])).0);
    let sets: Vec<f64> = sets.filter(|d| !d.is_nan()).collect();
    let by_subjects = moments(&sets).1;
    let by_seeds = if seeds > 1 { spread / seeds as f64 } else { 0.0 };
    let variance = by_subjects + by_seeds;
    let df = match by_seeds > 0.0 {
        true => variance * variance / (by_seeds * by_seeds / (seeds as f64 - 1.0)),
        false => f64::INFINITY,
    };
    let error = variance.sqrt();
    let reach = error * student_quantile(0.975, df);
    let p = match error > 0.0 {
        true => 2.0 * student_cdf(-(value / error).abs(), df),
        false => f64::from(u8::from(value == 0.0)),
    };
    Some(Contrast {
        value,
        low: value - reach,
        high: value + reach,
        floor: None,
        n: arm[0].sizes[0],
        subjects_error: by_subjects.sqrt(),
        seeds_deviation: (seeds > 1).then(|| spread.sqrt()),
        seeds,
        p: (seeds > 1).then_some(p),
    })
}

/// Mean and unbiased variance (0 for one value).
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (mean, if n > 1.0 { squares / (n - 1.0) } else { 0.0 })
}

/// Probabilities corrected for their number (Holm 1979): the chance of even one false claim among all stays below the
/// level that each is held to.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let (mut corrected, mut least) = (vec![1.0; p.len()], 0.0f64);
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(p[at] * (p.len() - rank) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::super::judged::METRICS;
    use super::*;
    use crate::rng::{Purpose, stream};

    /// Holm's procedure by R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    #[test]
    fn holm_is_rs() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(corrected.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{corrected:?}");
    }

    /// An arm of `seeds` seeds whose figures lie about `mean`: by chance of the seed and of the test set.
    fn arm(mean: f64, seeds: usize, key: u64) -> Vec<Resampled> {
        let seed = |s: usize| {
            let mut draws = stream(key, Purpose::Bootstrap, s as u64);
            // What the test set did is the same for all seeds of an arm.
            let by_subjects = 0.01 * stream(key, Purpose::Bootstrap, 1 << 40).normal();
            let value = mean + by_subjects + 0.02 * draws.normal();
            let mut sets = stream(key, Purpose::Floor, 0);
            let draws = (0..200).map(|_| [value + 0.01 * sets.normal(); METRICS.len()]).collect();
            Resampled { value: [value; METRICS.len()], draws, sizes: [100, 50] }
        };
        (0..seeds).map(seed).collect()
    }

    fn compare(shift: f64, key: u64) -> Contrast {
        let (a, b) = (arm(shift, 5, 2 * key), arm(0.0, 5, 2 * key + 1));
        contrast(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>(), 0).unwrap()
    }

    #[test]
    fn where_there_is_no_difference_one_in_twenty_intervals_misses_it_at_most() {
        let outside = |key: &u64| {
            let c = compare(0.0, *key);
            assert_eq!(c.p.unwrap() < 0.05, c.low > 0.0 || c.high < 0.0);
            c.low > 0.0 || c.high < 0.0
        };
        let missed = (0..400).filter(outside).count();
        // 20 are expected; 33 are three standard deviations more.
        assert!(missed < 33, "{missed}");
        let found = (0..100).filter(|key| compare(0.1, *key).low > 0.0).count();
        assert!(found > 90, "{found}");
    }

    #[test]
    fn one_seed_gives_an_interval_over_subjects_and_no_claim() {
        let (a, b) = (arm(0.5, 1, 1), arm(0.0, 1, 2));
        let c = contrast(&[&a[0]], &[&b[0]], 0).unwrap();
        assert!(c.p.is_none() && c.seeds_deviation.is_none() && c.high > c.low);
    }
}
