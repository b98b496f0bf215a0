//! Mean and covariance of feature vectors, in sums that merge.

use faer::linalg::matmul::triangular::{BlockStructure, matmul};
use faer::{Accum, Mat, Par};

use crate::features::{FeatureError, Features};

/// Rows centred and multiplied at a time: bounds the memory in f64.
const BLOCK: usize = 256;

/// Count, mean and scatter (the sum of outer products about the mean) of weighted rows.
#[derive(Clone, Debug)]
pub struct Moments {
    count: f64,
    mean: Vec<f64>,
    /// Lower triangle only.
    scatter: Mat<f64>,
}

impl Moments {
    /// The moments of all rows.
    pub fn of(set: &Features) -> Result<Self, FeatureError> {
        Self::weighted(set, &vec![1; set.len()])
    }

    /// The moments of rows taken `weights[row]` times each; at least 2 in all.
    pub fn weighted(set: &Features, weights: &[u32]) -> Result<Self, FeatureError> {
        let mean = weighted_mean(set, weights)?;
        let rows: Vec<usize> = (0..set.len()).filter(|r| weights[*r] > 0).collect();
        let width = set.width();
        let mut scatter = Mat::zeros(width, width);
        for block in rows.chunks(BLOCK) {
            let centred = centred_columns(set, block, weights, &mean);
            let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
            let (left, right) = (centred.as_ref(), centred.transpose());
            let accum = Accum::Add;
            matmul(scatter.as_mut(), lower, accum, left, whole, right, whole, 1.0, Par::Seq);
        }
        Ok(Self { count: total(weights), mean, scatter })
    }

    /// Rows, repeated ones counted.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// The mean, one value a feature.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The unbiased covariance (divided by count - 1), symmetric.
    pub fn covariance(&self) -> Mat<f64> {
        let scale = 1.0 / (self.count - 1.0);
        Mat::from_fn(self.mean.len(), self.mean.len(), |i, j| self.scatter[(i.max(j), i.min(j))] * scale)
    }

    /// The moments of both sets together (Chan, Golub and LeVeque 1979).
    pub fn merge(&self, other: &Self) -> Result<Self, FeatureError> {
        let (left, right) = (self.mean.len(), other.mean.len());
        if left != right {
            return Err(FeatureError::Width { left, right });
        }
        let count = self.count + other.count;
        let step: Vec<f64> = self.mean.iter().zip(&other.mean).map(|(a, b)| b - a).collect();
        let share = other.count / count;
        let mean = self.mean.iter().zip(&step).map(|(m, s)| m + s * share).collect();
        let between = self.count * share;
        let scatter = Mat::from_fn(left, left, |i, j| {
            self.scatter[(i, j)] + other.scatter[(i, j)] + between * step[i] * step[j]
        });
        Ok(Self { count, mean, scatter })
    }
}

/// The sum of weights.
pub(crate) fn total(weights: &[u32]) -> f64 {
    weights.iter().map(|w| f64::from(*w)).sum()
}

/// The mean row; an error when the weights sum to less than 2, where no covariance exists.
pub(crate) fn weighted_mean(set: &Features, weights: &[u32]) -> Result<Vec<f64>, FeatureError> {
    let count = total(weights);
    if count < 2.0 {
        return Err(FeatureError::TooFew { count: count as usize, needed: 2 });
    }
    let mut mean = vec![0.0; set.width()];
    for (row, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0) {
        let weight = f64::from(*weight);
        mean.iter_mut().zip(set.row(row)).for_each(|(m, v)| *m += weight * f64::from(*v));
    }
    mean.iter_mut().for_each(|m| *m /= count);
    Ok(mean)
}

/// `width` x `rows.len()`: each row less the mean, times the root of its weight.
pub(crate) fn centred_columns(set: &Features, rows: &[usize], weights: &[u32], mean: &[f64]) -> Mat<f64> {
    let roots: Vec<f64> = rows.iter().map(|r| f64::from(weights[*r]).sqrt()).collect();
    Mat::from_fn(set.width(), rows.len(), |i, j| (f64::from(set.row(rows[j])[i]) - mean[i]) * roots[j])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn set(seed: u64, rows: usize) -> Features {
        Features::new(3, stream(seed, Purpose::Bootstrap, 0).normals(rows * 3)).unwrap()
    }

    fn close(a: &Moments, b: &Moments) {
        let (x, y) = (a.covariance(), b.covariance());
        assert_eq!(a.count(), b.count());
        for i in 0..3 {
            assert!((a.mean()[i] - b.mean()[i]).abs() < 1e-12);
            (0..3).for_each(|j| assert!((x[(i, j)] - y[(i, j)]).abs() < 1e-12));
        }
    }

    #[test]
    fn merged_parts_equal_the_whole() {
        let whole = set(1, 700);
        let part =
            |range: std::ops::Range<usize>| Moments::of(&whole.select(&range.collect::<Vec<_>>())).unwrap();
        close(&part(0..300).merge(&part(300..700)).unwrap(), &Moments::of(&whole).unwrap());
    }

    #[test]
    fn a_weight_is_a_repetition() {
        let few = set(2, 4);
        let weighted = Moments::weighted(&few, &[2, 0, 1, 3]).unwrap();
        close(&weighted, &Moments::of(&few.select(&[0, 0, 2, 3, 3, 3])).unwrap());
    }

    #[test]
    fn one_row_has_no_covariance() {
        assert!(matches!(Moments::of(&set(3, 1)), Err(FeatureError::TooFew { count: 1, needed: 2 })));
    }
}
