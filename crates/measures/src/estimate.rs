//! Estimates: a value with its 95% interval and what real images give against each other.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::rng::{Purpose, Stream, stream};

/// The tail left out on either side of a 95% interval.
const TAIL: f64 = 0.025;
/// The standard normal's 97.5% quantile.
pub(crate) const Z: f64 = 1.959_963_984_540_054;

/// A value with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The measure on all images.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// The same measure between two disjoint halves of the real images, where there are enough.
    pub floor: Option<f64>,
    /// Images the value is a mean over; for a distance the smaller side's.
    pub n: usize,
}

impl Estimate {
    /// The same on another, increasing scale; nothing where the value or an end of the interval has no place there.
    pub fn through(&self, scale: impl Fn(f64) -> Option<f64>) -> Option<Self> {
        let [value, low, high] = [self.value, self.low, self.high].map(&scale);
        Some(Self { value: value?, low: low?, high: high?, floor: self.floor.and_then(scale), ..*self })
    }
}

/// How an interval is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// Of the streams.
    pub seed: u64,
    /// Resampled sets.
    pub replicates: usize,
}

/// A set as what is resampled: units, with replacement, each with all its images.
pub struct Units(Vec<Vec<usize>>);

impl Units {
    /// The units of a set.
    pub fn of(set: &Features) -> Self {
        Self(set.by_unit())
    }

    /// `n` images, each its own unit.
    pub fn single(n: usize) -> Self {
        Self((0..n).map(|row| vec![row]).collect())
    }

    /// Images of equal label are one unit.
    pub fn labelled(labels: &[u32]) -> Self {
        let mut units = std::collections::BTreeMap::<u32, Vec<usize>>::new();
        labels.iter().enumerate().for_each(|(row, label)| units.entry(*label).or_default().push(row));
        Self(units.into_values().collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often each image is in one resampled set.
    pub fn weights(&self, stream: &mut Stream) -> Vec<u32> {
        let mut weights = vec![0; self.0.iter().map(Vec::len).sum()];
        for _ in 0..self.0.len() {
            self.0[stream.below(self.0.len())].iter().for_each(|row| weights[*row] += 1);
        }
        weights
    }

    /// The sum of one value an image over each unit.
    pub(crate) fn sums(&self, values: &[f64]) -> Vec<f64> {
        self.0.iter().map(|rows| rows.iter().map(|row| values[*row]).sum()).collect()
    }
}

/// The mean of one value an image with its percentile interval (Efron and Tibshirani 1993, ch. 13).
///
/// `values` of the images of `units`. A share that came out as exactly 0 or 1 has no spread to resample: its
/// interval then is the exact one for as many independent draws as there are units (Clopper and Pearson 1934).
pub fn mean_estimate(values: &[f64], units: &Units, resampling: Resampling) -> Estimate {
    let n = values.len();
    let value = values.iter().sum::<f64>() / n as f64;
    let constant = values.iter().all(|v| *v == values[0]);
    let sums = |rows: &Vec<usize>| (rows.iter().map(|r| values[*r]).sum::<f64>(), rows.len());
    let sums: Vec<(f64, usize)> = units.0.iter().map(sums).collect();
    let (low, high) = match value {
        0.0 if constant => (0.0, unseen(sums.len())),
        1.0 if constant => (1.0 - unseen(sums.len()), 1.0),
        _ => percentiles(&sums, resampling),
    };
    Estimate { value, low, high, floor: None, n }
}

/// The largest rate at which `n` draws still show nothing with probability 2.5%.
pub(crate) fn unseen(n: usize) -> f64 {
    1.0 - libm::pow(TAIL, 1.0 / n as f64)
}

/// The 2.5% and 97.5% percentiles of the resampled mean of units given as (sum, count).
fn percentiles(sums: &[(f64, usize)], resampling: Resampling) -> (f64, f64) {
    let replicate = |index| {
        let mut draws = stream(resampling.seed, Purpose::Bootstrap, index);
        let add = |(sum, count): (f64, usize), _| {
            let (more, by) = sums[draws.below(sums.len())];
            (sum + more, count + by)
        };
        let (sum, count) = (0..sums.len()).fold((0.0, 0), add);
        sum / count as f64
    };
    let mut means: Vec<f64> = (0..resampling.replicates as u64).into_par_iter().map(replicate).collect();
    means.sort_unstable_by(f64::total_cmp);
    (quantile(&means, TAIL), quantile(&means, 1.0 - TAIL))
}

/// The interval of a distance that finite sets bias upward: the resampled distances' spread, laid about the value.
///
/// A resampled set repeats images, which adds to the distance about as much again as drawing the set in the first
/// place did; so resampled distances lie above the value and their percentiles would not even hold it. Their
/// standard deviation is sound, and the interval is `value +- 1.96 sd` (Efron and Tibshirani 1993, ch. 13, the
/// standard interval), cut at 0. It is an interval for the expected distance between sets of these sizes, which is
/// what a floor at equal count is compared with, not for that between the populations.
pub fn distance_estimate(value: f64, resampled: &[f64], n: usize) -> Estimate {
    let count = resampled.len() as f64;
    let mean = resampled.iter().sum::<f64>() / count;
    let variance = resampled.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / (count - 1.0);
    let reach = Z * variance.sqrt();
    Estimate { value, low: (value - reach).max(0.0), high: value + reach, floor: None, n }
}

/// The `q` quantile of sorted values, interpolated linearly.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (below, part) = (place as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESAMPLING: Resampling = Resampling { seed: 0, replicates: 1000 };

    fn units(labels: &[u32]) -> Units {
        let set = Features::new(1, vec![0.0; labels.len()]).unwrap();
        Units::of(&set.with_units(labels.to_vec()).unwrap())
    }

    #[test]
    fn the_interval_of_a_share_is_as_wide_as_the_binomial_says() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
        let estimate = mean_estimate(&values, &units(&(0..400).collect::<Vec<_>>()), RESAMPLING);
        let reach = Z * (0.25f64 * 0.75 / 400.0).sqrt();
        assert_eq!((estimate.value, estimate.n), (0.25, 400));
        assert!((estimate.low - (0.25 - reach)).abs() < 0.008, "{estimate:?}");
        assert!((estimate.high - (0.25 + reach)).abs() < 0.008, "{estimate:?}");
    }

    #[test]
    fn images_of_one_subject_widen_it() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(u8::from((i / 2) % 4 == 0))).collect();
        let width = |labels: Vec<u32>| {
            let estimate = mean_estimate(&values, &units(&labels), RESAMPLING);
            estimate.high - estimate.low
        };
        let ratio = width((0..400).map(|i| i / 2).collect()) / width((0..400).collect());
        assert!((ratio - 2f64.sqrt()).abs() < 0.12, "{ratio}");
    }

    #[test]
    fn a_share_of_0_or_1_is_not_certain() {
        let all = mean_estimate(&[1.0; 30], &units(&(0..30).collect::<Vec<_>>()), RESAMPLING);
        let none = mean_estimate(&[0.0; 30], &units(&(0..30).collect::<Vec<_>>()), RESAMPLING);
        // Clopper-Pearson at 30 of 30: 0.884.
        assert!((all.low - 0.884).abs() < 1e-3 && all.high == 1.0, "{all:?}");
        assert!((none.high - 0.116).abs() < 1e-3 && none.low == 0.0, "{none:?}");
    }

    #[test]
    fn an_estimate_is_these_five_keys() {
        let estimate = Estimate { value: 1.0, low: 0.5, high: 2.0, floor: None, n: 3 };
        let text = serde_json::to_string(&estimate).unwrap();
        assert_eq!(text, r#"{"value":1.0,"low":0.5,"high":2.0,"floor":null,"n":3}"#);
    }
}
