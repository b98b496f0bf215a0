//! Whitening: features to their leading principal components, each of mean 0 and variance 1.

use faer::Side;

use crate::features::{FeatureError, Features};
use crate::moments::Moments;

/// A linear map that whitens the set it was made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    /// Row-major, a row a feature, a column a component; `x . map + offset` is white.
    pub map: Vec<f32>,
    /// One value a component.
    pub offset: Vec<f32>,
}

/// A feature that varies less than this share of the mean variance is left out: it is constant but for rounding.
const LEAST: f64 = 1e-9;
/// A component that varies less than this share of the first is left out: few or equal images span no more.
const SMALLEST: f64 = 1e-4;

impl Whitening {
    /// The `components` directions of largest variance, after each feature is brought to variance 1 so that no unit of
    /// measurement counts for more than another. A component along which the set does not vary maps to 0.
    pub fn of(set: &Features, components: usize) -> Result<Self, FeatureError> {
        let width = set.width();
        if components > width {
            return Err(FeatureError::Width { left: width, right: components });
        }
        let moments = Moments::of(set)?;
        let mut covariance = moments.covariance();
        let least = LEAST * (0..width).map(|i| covariance[(i, i)]).sum::<f64>() / width as f64;
        let scale = |variance: f64| if variance > least { variance.sqrt().recip() } else { 0.0 };
        let scales: Vec<f64> = (0..width).map(|i| scale(covariance[(i, i)])).collect();
        for (column, right) in scales.iter().enumerate() {
            for (row, left) in scales.iter().enumerate() {
                covariance[(row, column)] *= left * right;
            }
        }
        let eigen = covariance.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|_| FeatureError::Decomposition { size: width })?;
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        // Ascending.
        let variance = |component: usize| values[width - 1 - component];
        let there = |component: usize| variance(component) > SMALLEST * variance(0);
        let entry = |feature: usize, component: usize| match there(component) {
            true => vectors[(feature, width - 1 - component)] * scales[feature] / variance(component).sqrt(),
            false => 0.0,
        };
        let map = (0..width * components).map(|i| entry(i / components, i % components) as f32).collect();
        let offset = |component| {
            let centre = moments.mean().iter().enumerate().map(|(i, mean)| mean * entry(i, component));
            -centre.sum::<f64>() as f32
        };
        Ok(Self { map, offset: (0..components).map(offset).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// Five features of very different units, two of them nearly the same.
    fn mixed(rows: usize) -> Features {
        let mut draws = stream(4, Purpose::Bootstrap, 0);
        let row = |_| {
            let [a, b, c] = [0; 3].map(|_| draws.normal());
            [a * 1000.0 + 7.0, b * 1e-3, c, a + 0.1 * b, 5.0].map(|v| v as f32)
        };
        Features::new(5, (0..rows).flat_map(row).collect()).unwrap()
    }

    #[test]
    fn components_have_mean_0_variance_1_and_no_correlation() {
        let set = mixed(400);
        let white = Whitening::of(&set, 3).unwrap();
        let row = |r: usize| {
            let of = |k: usize| (0..5).map(|i| set.row(r)[i] * white.map[i * 3 + k]).sum::<f32>();
            [0, 1, 2].map(|k| of(k) + white.offset[k])
        };
        let moments = Moments::of(&Features::new(3, (0..400).flat_map(row).collect()).unwrap()).unwrap();
        let covariance = moments.covariance();
        for i in 0..3 {
            assert!(moments.mean()[i].abs() < 1e-3);
            (0..3).for_each(|j| assert!((covariance[(i, j)] - f64::from(i == j)).abs() < 1e-3));
        }
    }

    #[test]
    fn a_constant_feature_has_no_part() {
        let white = Whitening::of(&mixed(100), 3).unwrap();
        assert!(white.map[4 * 3..].iter().all(|v| *v == 0.0));
    }

    #[test]
    fn components_that_three_images_do_not_span_are_0() {
        let white = Whitening::of(&mixed(3), 3).unwrap();
        assert!((0..5).all(|feature| white.map[feature * 3 + 2] == 0.0));
        assert!((0..5).any(|feature| white.map[feature * 3 + 1] != 0.0));
        assert_eq!(white.offset[2], 0.0);
    }

    #[test]
    fn more_components_than_features_are_refused() {
        assert!(matches!(Whitening::of(&mixed(9), 6), Err(FeatureError::Width { left: 5, right: 6 })));
    }
}
