//! A linear probe without anything to tune: discriminant analysis with shrunk covariances.
//!
//! Each class's covariance, in units of its features' deviations, is shrunk toward a multiple of the identity as far as
//! Ledoit and Wolf (2004) find best; their mean is the common one, and all classes weigh alike. It is scikit-learn's
//! `LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")` with equal priors, and works for more features than
//! images.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

use crate::features::{FeatureError, Features};
use crate::moments::Moments;

/// The least that the identity is given, of the mean variance: equal images have none to shrink to.
const LEAST: f64 = 1e-9;

/// Linear scores of classes.
#[derive(Clone, Debug)]
pub struct Discriminant {
    /// `width` x classes.
    weights: Mat<f64>,
    offsets: Vec<f64>,
}

impl Discriminant {
    /// Fits to classes, each the rows of a set with weight 1 (weight 0 leaves a row out); two or more rows a class.
    pub fn fit(classes: &[(&Features, Vec<u32>)]) -> Result<Self, FeatureError> {
        let width = classes.first().map_or(0, |(set, _)| set.width());
        let mut common = Mat::<f64>::zeros(width, width);
        let mut means = Mat::<f64>::zeros(width, classes.len());
        for (class, (set, weights)) in classes.iter().enumerate() {
            let moments = Moments::weighted(set, weights)?;
            common += shrunk(set, weights, &moments) * faer::Scale(1.0 / classes.len() as f64);
            (0..width).for_each(|i| means[(i, class)] = moments.mean()[i]);
        }
        let trace: f64 = (0..width).map(|i| common[(i, i)]).sum();
        let least = LEAST * if trace > 0.0 { trace / width as f64 } else { 1.0 };
        (0..width).for_each(|i| common[(i, i)] = common[(i, i)].max(least));
        let cholesky = common.llt(Side::Lower);
        let cholesky = cholesky.map_err(|_| FeatureError::Decomposition { size: width })?;
        let weights = cholesky.solve(&means);
        let offset = |class| -0.5 * (0..width).map(|i| weights[(i, class)] * means[(i, class)]).sum::<f64>();
        let offsets = (0..classes.len()).map(offset).collect();
        Ok(Self { weights, offsets })
    }

    /// The score of each class for one image; differences are log odds.
    pub fn scores(&self, row: &[f32]) -> Vec<f64> {
        let score = |(class, offset): (usize, &f64)| {
            let products = row.iter().enumerate().map(|(i, v)| f64::from(*v) * self.weights[(i, class)]);
            offset + products.sum::<f64>()
        };
        self.offsets.iter().enumerate().map(score).collect()
    }

    /// The class with the highest score, the first of equals.
    pub fn class(&self, row: &[f32]) -> usize {
        let best = |best: (usize, f64), (class, score): (usize, f64)| {
            if score > best.1 { (class, score) } else { best }
        };
        self.scores(row).into_iter().enumerate().fold((0, f64::NEG_INFINITY), best).0
    }
}

/// One class's covariance (over n, not n - 1) after shrinkage.
fn shrunk(set: &Features, weights: &[u32], moments: &Moments) -> Mat<f64> {
    let (width, n) = (set.width(), moments.count());
    let covariance = moments.covariance() * faer::Scale((n - 1.0) / n);
    let deviation = |i: usize| if covariance[(i, i)] > 0.0 { covariance[(i, i)].sqrt() } else { 1.0 };
    let deviations: Vec<f64> = (0..width).map(deviation).collect();
    let correlation = Mat::from_fn(width, width, |i, j| covariance[(i, j)] / (deviations[i] * deviations[j]));
    let mu = (0..width).map(|i| correlation[(i, i)]).sum::<f64>() / width as f64;
    let share = intensity(&correlation, mu, fourth(set, weights, moments, &deviations), n);
    Mat::from_fn(width, width, |i, j| {
        let identity = if i == j { share * mu } else { 0.0 };
        ((1.0 - share) * correlation[(i, j)] + identity) * deviations[i] * deviations[j]
    })
}

/// How much of the identity is best for `n` rows (Ledoit and Wolf 2004, lemmas 3.2 to 3.4), 0..=1. `fourth` is the mean
/// fourth power of the rows' lengths.
fn intensity(covariance: &Mat<f64>, mu: f64, fourth: f64, n: f64) -> f64 {
    let squares = covariance.squared_norm_l2();
    let apart = squares - covariance.nrows() as f64 * mu * mu;
    let noise = ((fourth - squares) / n).min(apart);
    if noise > 0.0 { noise / apart } else { 0.0 }
}

/// The mean of `|z|^4` over standardised rows `z`.
fn fourth(set: &Features, weights: &[u32], moments: &Moments, deviations: &[f64]) -> f64 {
    let square = |row: &[f32]| -> f64 {
        let z = row.iter().zip(moments.mean()).zip(deviations).map(|((v, m), d)| (f64::from(*v) - m) / d);
        z.map(|z| z * z).sum()
    };
    let rows = weights.iter().enumerate().filter(|(_, w)| **w > 0);
    rows.map(|(row, w)| f64::from(*w) * square(set.row(row)).powi(2)).sum::<f64>() / moments.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_still_give_a_probe() {
        let at = |v: f32| Features::new(3, vec![v; 12]).unwrap();
        let (a, b) = (at(1.0), at(2.0));
        let probe = Discriminant::fit(&[(&a, vec![1; 4]), (&b, vec![1; 4])]).unwrap();
        assert_eq!((probe.class(a.row(0)), probe.class(b.row(0))), (0, 1));
        let none = Discriminant::fit(&[(&a, vec![1; 4]), (&a, vec![1; 4])]).unwrap().scores(a.row(0));
        assert_eq!(none[0], none[1]);
    }
}
