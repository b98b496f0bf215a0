//! Features brought to one scale, so that one rate fits them all.

use crate::features::Features;

/// The smallest deviation that a feature is divided by, as a share of the root of all features' mean variance. A feature
/// that is silent in a few images would otherwise shout in the next.
const LEAST: f64 = 0.1;

/// Mean and inverse deviation of each feature.
pub(super) struct Scale {
    mean: Vec<f32>,
    inverse: Vec<f32>,
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
        let inverse = variance.iter().map(|v| (1.0 / v.sqrt().max(least)) as f32).collect();
        Self { mean: mean.iter().map(|m| *m as f32).collect(), inverse }
    }

    /// A row on the common scale.
    pub(super) fn apply(&self, row: &[f32], scaled: &mut [f32]) {
        for (((s, x), m), i) in scaled.iter_mut().zip(row).zip(&self.mean).zip(&self.inverse) {
            *s = (x - m) * i;
        }
    }

    /// The weights and bias that do to plain rows what these do to scaled ones.
    pub(super) fn fold(&self, weights: &mut [f32], bias: &mut f32) {
        for ((w, m), i) in weights.iter_mut().zip(&self.mean).zip(&self.inverse) {
            *w *= i;
            *bias -= *w * m;
        }
    }
}
