//! The Frechet distance between two Gaussians fitted to feature vectors.
//!
//! `d^2 = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)` (Dowson and Landau 1982, eq. 4; used for images by
//! Heusel et al. 2017). With any factors `S = F F^T`, the last trace is the nuclear norm of `F1^T F2`: no matrix root
//! is taken, singular covariances need no care, and with fewer images than features the centred images
//! themselves are the factor, so that the work is in the small Gram matrix.

use faer::{Mat, Side};

use crate::features::{FeatureError, Features};
use crate::moments::{Moments, centred_columns, total, weighted_mean};

/// A Gaussian as its mean and a factor of its covariance.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: Vec<f64>,
    /// `width` x rank; times its transpose it is the covariance.
    factor: Mat<f64>,
}

impl Gaussian {
    /// The Gaussian fitted to all rows (at least 2).
    pub fn of(set: &Features) -> Result<Self, FeatureError> {
        Self::weighted(set, &vec![1; set.len()])
    }

    /// The Gaussian fitted to rows taken `weights[row]` times each.
    pub fn weighted(set: &Features, weights: &[u32]) -> Result<Self, FeatureError> {
        let rows: Vec<usize> = (0..set.len()).filter(|r| weights[*r] > 0).collect();
        if rows.len() > set.width() {
            return Self::from_moments(&Moments::weighted(set, weights)?);
        }
        let mean = weighted_mean(set, weights)?;
        let mut factor = centred_columns(set, &rows, weights, &mean);
        factor *= faer::Scale((total(weights) - 1.0).sqrt().recip());
        Ok(Self { mean, factor })
    }

    /// The Gaussian of these moments.
    pub fn from_moments(moments: &Moments) -> Result<Self, FeatureError> {
        let covariance = moments.covariance();
        let factor = match covariance.llt(Side::Lower) {
            Ok(cholesky) => cholesky.L().to_owned(),
            Err(_) => singular_factor(&covariance)?,
        };
        Ok(Self { mean: moments.mean().to_vec(), factor })
    }
}

/// The squared Frechet distance between two Gaussians of one space, at least 0, in squared feature units.
pub fn frechet(a: &Gaussian, b: &Gaussian) -> Result<f64, FeatureError> {
    let (left, right) = (a.mean.len(), b.mean.len());
    if left != right {
        return Err(FeatureError::Width { left, right });
    }
    let apart: f64 = a.mean.iter().zip(&b.mean).map(|(x, y)| (x - y) * (x - y)).sum();
    let spread = a.factor.squared_norm_l2() + b.factor.squared_norm_l2();
    let shared = nuclear_norm(&(a.factor.transpose() * &b.factor))?;
    Ok((apart + spread - 2.0 * shared).max(0.0))
}

/// The sum of singular values.
fn nuclear_norm(matrix: &Mat<f64>) -> Result<f64, FeatureError> {
    let values = matrix.singular_values();
    let values = values.map_err(|_| FeatureError::Decomposition { size: matrix.nrows() })?;
    Ok(values.iter().sum())
}

/// A factor of a covariance that is not positive definite; what rounding made negative counts as 0.
fn singular_factor(covariance: &Mat<f64>) -> Result<Mat<f64>, FeatureError> {
    let eigen = covariance.self_adjoint_eigen(Side::Lower);
    let eigen = eigen.map_err(|_| FeatureError::Decomposition { size: covariance.nrows() })?;
    let (vectors, values) = (eigen.U(), eigen.S().column_vector());
    Ok(Mat::from_fn(vectors.nrows(), vectors.ncols(), |i, j| vectors[(i, j)] * values[j].max(0.0).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn gaussian(seed: u64, rows: usize, width: usize) -> Features {
        Features::new(width, stream(seed, Purpose::Bootstrap, 7).normals(rows * width)).unwrap()
    }

    fn distance(a: &Features, b: &Features) -> f64 {
        frechet(&Gaussian::of(a).unwrap(), &Gaussian::of(b).unwrap()).unwrap()
    }

    fn mapped(set: &Features, map: impl Fn(f32) -> f32) -> Features {
        let values = (0..set.len()).flat_map(|r| set.row(r)).map(|v| map(*v)).collect();
        Features::new(set.width(), values).unwrap()
    }

    #[test]
    fn a_set_is_at_no_distance_from_itself_with_few_images_or_many() {
        for rows in [5, 20, 200] {
            let set = gaussian(1, rows, 20);
            assert!(distance(&set, &set) < 1e-10, "{rows}");
        }
    }

    #[test]
    fn a_translation_costs_its_square() {
        for rows in [6, 60] {
            let set = gaussian(2, rows, 16);
            let moved = mapped(&set, |v| v + 0.5);
            // Adding 0.5 rounds in f32: 16 features of 2^-24 each.
            assert!((distance(&set, &moved) - 16.0 * 0.25).abs() < 1e-5, "{rows}");
        }
    }

    #[test]
    fn a_doubling_costs_the_trace_of_the_covariance_and_the_mean() {
        let set = gaussian(3, 100, 8);
        let doubled = mapped(&set, |v| v * 2.0);
        let moments = Moments::of(&set).unwrap();
        let mean: f64 = moments.mean().iter().map(|m| m * m).sum();
        let trace: f64 = (0..8).map(|i| moments.covariance()[(i, i)]).sum();
        assert!((distance(&set, &doubled) - mean - trace).abs() < 1e-10);
    }

    #[test]
    fn the_small_form_equals_the_large_one() {
        let (a, b) = (gaussian(4, 30, 12), gaussian(5, 9, 12));
        let large = Gaussian::from_moments(&Moments::of(&b).unwrap()).unwrap();
        let both = frechet(&Gaussian::of(&a).unwrap(), &large).unwrap();
        // The rank-deficient covariance has eigenvalues of rounding size, whose roots are 1e-8.
        assert!((distance(&a, &b) - both).abs() < 1e-6 * both);
        assert!((distance(&a, &b) - distance(&b, &a)).abs() < 1e-12 * both);
    }

    #[test]
    fn equal_images_are_a_point() {
        let point = Features::new(4, vec![1.0; 40]).unwrap();
        let other = Features::new(4, vec![2.0; 12]).unwrap();
        assert_eq!(distance(&point, &other), 4.0);
    }
}
