//! Features brought to one scale, so that one penalty fits them all.

use crate::features::Features;

/// The smallest deviation that a feature is divided by, as a share of the root of all features' mean variance. A feature
/// that is silent in a few images would otherwise shout in the next.
const LEAST: f64 = 0.1;

/// Mean and inverse deviation of each feature.
pub(super) struct Scale {
    mean: Vec<f64>,
    inverse: Vec<f64>,
}

impl Scale {
    /// Of the rows named.
    pub(super) fn of(features: &Features, rows: impl Iterator<Item = usize>) -> Self {
        let width = features.width();
        let (mut sum, mut squares, mut n) = (vec![0.0; width], vec![0.0; width], 0.0);
        for row in rows {
            for (at, value) in features.row(row).iter().enumerate() {
                let value = f64::from(*value);
                sum[at] += value;
                squares[at] += value * value;
            }
            n += 1.0;
        }
        let mean: Vec<f64> = sum.iter().map(|s| s / n).collect();
        let variance: Vec<f64> = squares.iter().zip(&mean).map(|(s, m)| (s / n - m * m).max(0.0)).collect();
        let usual = (variance.iter().sum::<f64>() / width as f64).sqrt();
        let least = (LEAST * usual).max(1e-6);
        let inverse = variance.iter().map(|v| 1.0 / v.sqrt().max(least)).collect();
        Self { mean, inverse }
    }

    /// The weights and bias that do to plain rows what these do to scaled ones.
    pub(super) fn folded(&self, weights: &[f64]) -> Vec<f64> {
        let mut folded = weights.to_vec();
        if let Some((bias, weights)) = folded.split_last_mut() {
            for ((w, m), i) in weights.iter_mut().zip(&self.mean).zip(&self.inverse) {
                *w *= i;
                *bias -= *w * m;
            }
        }
        folded
    }

    /// The gradient by scaled weights and bias, of that by plain rows' ones.
    pub(super) fn fold_gradient(&self, gradient: &mut [f64]) {
        if let Some((bias, gradient)) = gradient.split_last_mut() {
            for ((g, m), i) in gradient.iter_mut().zip(&self.mean).zip(&self.inverse) {
                *g = (*g - *bias * m) * i;
            }
        }
    }
}
