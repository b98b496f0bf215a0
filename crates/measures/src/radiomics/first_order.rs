//! Statistics of the grey values without regard to place (IBSI section 3.3).

use super::{Binned, LEVELS, surprise};
use crate::estimate::quantile;

pub(super) const NAMES: [&str; 17] = [
    "firstorder_Energy",
    "firstorder_Entropy",
    "firstorder_Minimum",
    "firstorder_10Percentile",
    "firstorder_90Percentile",
    "firstorder_Maximum",
    "firstorder_Mean",
    "firstorder_Median",
    "firstorder_InterquartileRange",
    "firstorder_Range",
    "firstorder_MeanAbsoluteDeviation",
    "firstorder_RobustMeanAbsoluteDeviation",
    "firstorder_RootMeanSquared",
    "firstorder_Skewness",
    "firstorder_Kurtosis",
    "firstorder_Variance",
    "firstorder_Uniformity",
];

pub(super) fn features(pixels: &[f32], binned: &Binned) -> [f64; 17] {
    let mut sorted: Vec<f64> = pixels.iter().map(|v| f64::from(*v)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mean_of = |values: &[f64], of: &dyn Fn(f64) -> f64| {
        values.iter().map(|v| of(*v)).sum::<f64>() / values.len() as f64
    };
    let energy: f64 = sorted.iter().map(|v| v * v).sum();
    let mean = mean_of(&sorted, &|v| v);
    let moment = |k: i32| mean_of(&sorted, &|v| (v - mean).powi(k));
    let [p10, p25, p50, p75, p90] = [0.10, 0.25, 0.50, 0.75, 0.90].map(|q| quantile(&sorted, q));
    let robust: Vec<f64> = sorted.iter().copied().filter(|v| (p10..=p90).contains(v)).collect();
    let centre = mean_of(&robust, &|v| v);
    let variance = moment(2);
    let mut counts = [0.0; LEVELS];
    binned.levels.iter().for_each(|level| counts[*level] += 1.0 / n);
    let shape = |k: i32| if variance > 0.0 { moment(k) / variance.powf(f64::from(k) / 2.0) } else { 0.0 };
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    [
        energy,
        counts.iter().map(|p| surprise(*p)).sum(),
        low,
        p10,
        p90,
        high,
        mean,
        p50,
        p75 - p25,
        high - low,
        mean_of(&sorted, &|v| (v - mean).abs()),
        mean_of(&robust, &|v| (v - centre).abs()),
        (energy / n).sqrt(),
        shape(3),
        shape(4),
        variance,
        counts.iter().map(|p| p * p).sum(),
    ]
}
