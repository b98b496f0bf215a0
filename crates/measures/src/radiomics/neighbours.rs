//! Neighbourhood grey tone differences (IBSI section 3.10; Amadasun and King 1989).

use super::{Binned, LEVELS};

pub(super) const NAMES: [&str; 5] =
    ["ngtdm_Coarseness", "ngtdm_Contrast", "ngtdm_Busyness", "ngtdm_Complexity", "ngtdm_Strength"];

pub(super) fn features(image: &Binned) -> [f64; 5] {
    // Of each level: pixels with a neighbour, and the sum of their distances from their neighbours' mean.
    let (mut counts, mut sums) = ([0.0; LEVELS], [0.0; LEVELS]);
    for (x, y, level) in image.places() {
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))).filter(|d| *d != (0, 0));
        let levels: Vec<f64> =
            around.filter_map(|(dx, dy)| image.at(x + dx, y + dy)).map(|level| level as f64).collect();
        if !levels.is_empty() {
            counts[level] += 1.0;
            sums[level] += (level as f64 - levels.iter().sum::<f64>() / levels.len() as f64).abs();
        }
    }
    let total: f64 = counts.iter().sum();
    if total == 0.0 {
        return [0.0; 5];
    }
    let present: Vec<(f64, f64, f64)> = (0..LEVELS)
        .filter(|level| counts[*level] > 0.0)
        .map(|level| ((level + 1) as f64, counts[level] / total, sums[level]))
        .collect();
    let pairs = || present.iter().flat_map(|a| present.iter().map(move |b| (a, b)));
    let kinds = present.len() as f64;
    let weighted: f64 = present.iter().map(|(_, p, s)| p * s).sum();
    let all: f64 = present.iter().map(|(_, _, s)| s).sum();
    let spread: f64 = pairs().map(|(a, b)| a.1 * b.1 * (a.0 - b.0).powi(2)).sum();
    let contrast = if kinds > 1.0 { spread * all / (kinds * (kinds - 1.0) * total) } else { 0.0 };
    let apart: f64 = pairs().map(|(a, b)| (a.0 * a.1 - b.0 * b.1).abs()).sum();
    let complexity: f64 =
        pairs().map(|(a, b)| (a.0 - b.0).abs() * (a.1 * a.2 + b.1 * b.2) / (a.1 + b.1)).sum();
    let strength: f64 = pairs().map(|(a, b)| (a.1 + b.1) * (a.0 - b.0).powi(2)).sum();
    [
        // An image without any difference is as coarse as can be; pyradiomics ends there too.
        if weighted > 0.0 { 1.0 / weighted } else { 1e6 },
        contrast,
        if apart > 0.0 { weighted / apart } else { 0.0 },
        complexity / total,
        if all > 0.0 { strength / all } else { 0.0 },
    ]
}
