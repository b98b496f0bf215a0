//! How densely points lie where an image is, in a few whitened directions.

use faer::Mat;
use faer::linalg::matmul::matmul;
use faer::{Accum, Par, Side};
use rayon::prelude::*;

use crate::features::{FeatureError, Features};
use crate::moments::Moments;

/// Fixed points a block, and points of the stream a tile.
const BLOCK: usize = 256;

/// The directions in which a population varies most, each scaled to variance 1.
pub struct Basis {
    mean: Vec<f64>,
    /// `width` x directions.
    axes: Mat<f64>,
}

impl Basis {
    /// The `directions` of largest variance of a set of at least 2 images; fewer where it varies in fewer.
    pub fn of(set: &Features, directions: usize) -> Result<Self, FeatureError> {
        let moments = Moments::of(set)?;
        let covariance = moments.covariance();
        let eigen = covariance.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|_| FeatureError::Decomposition { size: set.width() })?;
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        // Ascending. What is a millionth of the largest is rounding.
        let least = 1e-6 * values[set.width() - 1];
        let kept: Vec<usize> = (0..set.width())
            .rev()
            .take(directions)
            .filter(|i| values[*i] > least && values[*i] > 0.0)
            .collect();
        let axes =
            Mat::from_fn(set.width(), kept.len(), |i, j| vectors[(i, kept[j])] / values[kept[j]].sqrt());
        Ok(Self { mean: moments.mean().to_vec(), axes })
    }

    /// Directions there are.
    pub fn directions(&self) -> usize {
        self.axes.ncols()
    }

    /// The images in these directions; `None` where there is no direction.
    pub fn project(&self, set: &Features) -> Result<Option<Features>, FeatureError> {
        if set.width() != self.mean.len() {
            return Err(FeatureError::Width { left: self.mean.len(), right: set.width() });
        }
        if self.directions() == 0 {
            return Ok(None);
        }
        let row = |at: usize| {
            let centred: Vec<f64> =
                set.row(at).iter().zip(&self.mean).map(|(v, m)| f64::from(*v) - m).collect();
            (0..self.directions()).map(move |j| {
                centred.iter().enumerate().map(|(i, v)| v * self.axes[(i, j)]).sum::<f64>() as f32
            })
        };
        let values = (0..set.len()).into_par_iter().flat_map_iter(row).collect();
        Features::new(self.directions(), values)?.with_units(set.units().to_vec()).map(Some)
    }
}

/// Scott's bandwidth for `count` points of variance 1 in `directions` dimensions (Scott 1992, eq. 6.42).
pub fn bandwidth(count: usize, directions: usize) -> f64 {
    libm::pow(count as f64, -1.0 / (directions as f64 + 4.0))
}

/// A Gaussian kernel density of a stream at fixed points, in logarithms. Memory: two numbers a fixed point.
pub struct Density<'a> {
    fixed: &'a Features,
    bandwidth: f64,
    sums: Vec<LogSum>,
    seen: usize,
}

/// The sum of exponentials as the largest exponent and the rest.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f64,
    sum: f64,
    count: usize,
}

impl LogSum {
    fn add(&mut self, exponent: f64) {
        if exponent > self.largest {
            self.sum = self.sum * libm::exp(self.largest - exponent) + 1.0;
            self.largest = exponent;
        } else {
            self.sum += libm::exp(exponent - self.largest);
        }
        self.count += 1;
    }
}

impl<'a> Density<'a> {
    /// Nothing has been seen yet.
    pub fn new(fixed: &'a Features, bandwidth: f64) -> Self {
        let none = LogSum { largest: f64::NEG_INFINITY, sum: 0.0, count: 0 };
        Self { fixed, bandwidth, sums: vec![none; fixed.len()], seen: 0 }
    }

    /// Takes in more of the stream, but for pairs that do not count: `skips(fixed, place in the stream)`.
    pub fn see_unless(
        &mut self,
        more: &Features,
        skips: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> Result<(), FeatureError> {
        self.fixed.same_space(more)?;
        let scale = -0.5 / (self.bandwidth * self.bandwidth);
        let (fixed, seen) = (self.fixed, self.seen);
        let columns = |set: &Features, first: usize, count: usize| {
            Mat::from_fn(set.width(), count, |i, j| f64::from(set.row(first + j)[i]))
        };
        let block = |(number, sums): (usize, &mut [LogSum])| {
            let first = number * BLOCK;
            let own = columns(fixed, first, sums.len());
            for start in (0..more.len()).step_by(BLOCK) {
                let others = columns(more, start, BLOCK.min(more.len() - start));
                let mut tile = Mat::<f64>::zeros(others.ncols(), own.ncols());
                matmul(&mut tile, Accum::Replace, others.transpose(), &own, -2.0, Par::Seq);
                let lengths: Vec<f64> =
                    (0..others.ncols()).map(|j| others.col(j).squared_norm_l2()).collect();
                for (i, sum) in sums.iter_mut().enumerate() {
                    let length = own.col(i).squared_norm_l2();
                    for (j, product) in tile.col_as_slice(i).iter().enumerate() {
                        if !skips(first + i, seen + start + j) {
                            sum.add(scale * (length + lengths[j] + product).max(0.0));
                        }
                    }
                }
            }
        };
        self.sums.par_chunks_mut(BLOCK).enumerate().for_each(block);
        self.seen += more.len();
        Ok(())
    }

    /// The log density at each fixed point, up to a constant that all densities of this bandwidth share; far from
    /// everything it is a large negative number, never an infinity once something was seen.
    pub fn logs(self) -> Vec<f64> {
        self.sums.iter().map(|s| s.largest + libm::log(s.sum) - libm::log(s.count.max(1) as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, width: usize) -> Features {
        Features::new(width, stream(seed, Purpose::Bootstrap, 6).normals(rows * width)).unwrap()
    }

    #[test]
    fn whitened_directions_have_variance_1_and_a_flat_set_has_none() {
        let mut values = stream(1, Purpose::Bootstrap, 0).normals(900);
        values.chunks_mut(3).for_each(|row| {
            row[0] *= 100.0;
            row[2] = row[0] + 0.01 * row[1];
        });
        let set = Features::new(3, values).unwrap();
        let projected = Basis::of(&set, 1).unwrap().project(&set).unwrap().unwrap();
        let moments = Moments::of(&projected).unwrap();
        assert!((moments.covariance()[(0, 0)] - 1.0).abs() < 1e-4 && moments.mean()[0].abs() < 1e-4);
        let flat = Features::new(3, vec![2.0; 30]).unwrap();
        assert!(Basis::of(&flat, 2).unwrap().project(&flat).unwrap().is_none());
    }

    #[test]
    fn the_density_of_normal_points_falls_as_the_normal_does() {
        let fixed = Features::new(1, vec![0.0, 2.0]).unwrap();
        let points = cloud(2, 20_000, 1);
        let mut density = Density::new(&fixed, bandwidth(20_000, 1));
        for start in [0, 10_000] {
            density
                .see_unless(&points.select(&(start..start + 10_000).collect::<Vec<_>>()), &|_, _| false)
                .unwrap();
        }
        let logs = density.logs();
        assert!((logs[0] - logs[1] - 2.0).abs() < 0.15, "{logs:?}");
    }
}
