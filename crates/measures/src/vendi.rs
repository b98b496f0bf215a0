//! The Vendi score (Friedman and Dieng 2023): how many different images a set amounts to.
//!
//! `exp(-sum l log l)` over the eigenvalues `l` of the images' similarities over their count, with the cosine of feature
//! vectors as similarity. They are also those of the mean outer product of unit vectors, so that the work is in the
//! smaller of both matrices, and no similarity of all pairs is held.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par, Side};

use crate::estimate::{Estimate, Units, Z};
use crate::features::{FeatureError, Features};

/// Images taken into the sum at a time.
const BLOCK: usize = 1024;
/// Below this an eigenvalue is what rounding left: it adds nothing.
const NOTHING: f64 = 1e-14;

/// The score, 1..=count, with its 95% interval.
///
/// The entropy's influence function at an image `x` is `-x' log(S) x - entropy`; the interval is `value +- 1.96` standard
/// errors by its spread over the set's units (the infinitesimal jackknife, Efron 1982, ch. 6). It is for sets of
/// this size: fewer images amount to fewer different ones.
pub fn vendi(set: &Features) -> Result<Estimate, FeatureError> {
    let (value, surprises) = scored(set)?;
    let entropy = value.ln();
    let n = set.len() as f64;
    let parts = Units::of(set).sums(&surprises.iter().map(|s| (s - entropy) / n).collect::<Vec<_>>());
    let groups = parts.len() as f64;
    let variance = parts.iter().map(|p| p * p).sum::<f64>() * groups / (groups - 1.0).max(1.0);
    let reach = Z * value * variance.sqrt();
    let (low, high) = ((value - reach).max(1.0), (value + reach).min(n));
    Ok(Estimate { value, low, high, floor: None, n: set.len() })
}

/// The score alone.
pub fn vendi_value(set: &Features) -> Result<f64, FeatureError> {
    Ok(scored(set)?.0)
}

/// The score, and each image's `-x' log(S) x`, whose mean is the entropy.
fn scored(set: &Features) -> Result<(f64, Vec<f64>), FeatureError> {
    if set.is_empty() {
        return Err(FeatureError::TooFew { count: 0, needed: 1 });
    }
    let lengths: Vec<f64> = (0..set.len()).map(|i| length(set.row(i))).collect();
    let surprises =
        if set.len() <= set.width() { by_images(set, &lengths) } else { by_features(set, &lengths) };
    let surprises = surprises?;
    let entropy = surprises.iter().sum::<f64>() / set.len() as f64;
    // Below 0 only by rounding.
    Ok((libm::exp(entropy.max(0.0)), surprises))
}

/// Through the images' similarities, which are fewer.
fn by_images(set: &Features, lengths: &[f64]) -> Result<Vec<f64>, FeatureError> {
    let n = set.len();
    let unit = units(set, lengths, 0..n);
    let mut gram = Mat::zeros(n, n);
    matmul(&mut gram, Accum::Replace, unit.transpose(), &unit, 1.0 / n as f64, Par::Seq);
    let (vectors, values) = eigen(&gram)?;
    let image =
        |i: usize| (0..n).map(|k| n as f64 * values[k] * vectors[(i, k)].powi(2) * -log(values[k])).sum();
    Ok((0..n).map(image).collect())
}

/// Through the mean outer product.
fn by_features(set: &Features, lengths: &[f64]) -> Result<Vec<f64>, FeatureError> {
    let (n, width) = (set.len(), set.width());
    let blocks = || (0..n).step_by(BLOCK).map(|first| first..n.min(first + BLOCK));
    let mut mean = Mat::zeros(width, width);
    for block in blocks() {
        let unit = units(set, lengths, block);
        matmul(&mut mean, Accum::Add, &unit, unit.transpose(), 1.0 / n as f64, Par::Seq);
    }
    let (vectors, values) = eigen(&mean)?;
    let mut surprises = Vec::with_capacity(n);
    for block in blocks() {
        let along = vectors.transpose() * units(set, lengths, block);
        let image = |j: usize| (0..width).map(|k| along[(k, j)].powi(2) * -log(values[k])).sum::<f64>();
        surprises.extend((0..along.ncols()).map(image));
    }
    Ok(surprises)
}

/// Images of length 1 as columns; one without any direction stays 0, as in scikit-learn's `normalize`.
fn units(set: &Features, lengths: &[f64], rows: std::ops::Range<usize>) -> Mat<f64> {
    let scale = |i: usize| if lengths[i] > 0.0 { lengths[i].recip() } else { 0.0 };
    Mat::from_fn(set.width(), rows.len(), |i, j| {
        f64::from(set.row(rows.start + j)[i]) * scale(rows.start + j)
    })
}

fn length(row: &[f32]) -> f64 {
    row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt()
}

fn eigen(matrix: &Mat<f64>) -> Result<(Mat<f64>, Vec<f64>), FeatureError> {
    let eigen = matrix.self_adjoint_eigen(Side::Lower);
    let eigen = eigen.map_err(|_| FeatureError::Decomposition { size: matrix.nrows() })?;
    Ok((eigen.U().to_owned(), eigen.S().column_vector().iter().copied().collect()))
}

fn log(value: f64) -> f64 {
    if value > NOTHING { libm::log(value) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 31).normals(rows * 8);
        values.iter_mut().enumerate().for_each(|(i, v)| *v = *v / (1.0 + (i % 8) as f32) + 0.5);
        Features::new(8, values).unwrap()
    }

    #[test]
    fn it_counts_the_directions() {
        let rows = |of: &[usize]| {
            of.iter().flat_map(|k| (0..6).map(move |i| f32::from(u8::from(i == *k)))).collect()
        };
        for (of, score) in [(vec![0, 0, 0], 1.0), (vec![0, 1, 2], 3.0), ([0, 1, 2, 3].repeat(5), 4.0)] {
            let value = vendi(&Features::new(6, rows(&of)).unwrap()).unwrap().value;
            assert!((value - score).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn both_forms_agree() {
        let set = cloud(1, 7);
        let lengths: Vec<f64> = (0..7).map(|i| length(set.row(i))).collect();
        let (a, b) = (by_images(&set, &lengths).unwrap(), by_features(&set, &lengths).unwrap());
        a.iter().zip(&b).for_each(|(x, y)| assert!((x - y).abs() < 1e-9, "{x} {y}"));
    }

    #[test]
    fn the_interval_holds_the_expected_score_as_often_as_it_says() {
        let studies: Vec<Estimate> = (0..300).map(|s| vendi(&cloud(s + 10, 120)).unwrap()).collect();
        let truth = studies.iter().map(|e| e.value).sum::<f64>() / 300.0;
        let held = studies.iter().filter(|e| e.low <= truth && truth <= e.high).count() as f64 / 300.0;
        println!("{:.1}%", 100.0 * held);
        assert!(held > 0.90, "{held}");
    }
}
