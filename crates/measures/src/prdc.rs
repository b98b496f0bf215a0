//! Improved precision and recall (Kynkaanniemi et al. 2019, eq. 1-2), density and coverage (Naeem et al. 2020,
//! eq. 2-3) between real and synthetic feature vectors.
//!
//! What tiles of distances give is combined by minima and integer sums, so the result does not depend on threads.

use rayon::prelude::*;

use crate::features::{FeatureError, Features};
use crate::tiles::{Block, Tiles, part_of};

/// What each image contributes; the measures are means of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicators {
    /// Neighbours that define a ball.
    pub k: usize,
    /// For each synthetic image, in how many real balls it lies.
    pub balls: Vec<u32>,
    /// For each real image, whether it lies in a synthetic ball.
    pub recalled: Vec<bool>,
    /// For each real image, whether its own ball holds a synthetic image.
    pub covered: Vec<bool>,
}

/// The four measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of synthetic images inside the real manifold, 0..1.
    pub precision: f64,
    /// Share of real images inside the synthetic manifold, 0..1.
    pub recall: f64,
    /// Real balls that a synthetic image lies in, over k; 1 in expectation for equal distributions, no upper bound.
    pub density: f64,
    /// Share of real balls that hold a synthetic image, 0..1.
    pub coverage: f64,
}

impl Indicators {
    /// The means over all images.
    pub fn measures(&self) -> Prdc {
        let share = |of: &[bool]| of.iter().filter(|b| **b).count() as f64 / of.len() as f64;
        let synthetic = self.balls.len() as f64;
        let balls: u64 = self.balls.iter().map(|b| u64::from(*b)).sum();
        Prdc {
            precision: self.balls.iter().filter(|b| **b > 0).count() as f64 / synthetic,
            recall: share(&self.recalled),
            density: balls as f64 / (synthetic * self.k as f64),
            coverage: share(&self.covered),
        }
    }
}

/// Which images lie in whose ball: a ball reaches to its centre's `k`-th nearest neighbour of its own set, itself
/// left out, and holds its surface (Kynkaanniemi et al. 2019, eq. 1).
///
/// Needs `k` >= 1 and more than `k` images on either side.
pub fn indicators(real: &Features, synthetic: &Features, k: usize) -> Result<Indicators, FeatureError> {
    real.same_space(synthetic)?;
    let few = real.len().min(synthetic.len());
    if k == 0 || few <= k {
        return Err(FeatureError::TooFew { count: few, needed: k.max(1) + 1 });
    }
    let (real, synthetic) = (Tiles::new(real), Tiles::new(synthetic));
    let (real_radii, synthetic_radii) = (real.radii(k), synthetic.radii(k));
    let strips: Vec<Strip> = (0..real.blocks.len())
        .into_par_iter()
        .map(|block| {
            Strip::of(&real.blocks[block], &synthetic, part_of(block, &real_radii), &synthetic_radii)
        })
        .collect();
    let mut balls = vec![0u32; synthetic.count];
    for strip in &strips {
        balls.iter_mut().zip(&strip.balls).for_each(|(sum, part)| *sum += part);
    }
    let recalled = strips.iter().flat_map(|s| &s.recalled).copied().collect();
    let covered = strips.iter().flat_map(|s| &s.covered).copied().collect();
    Ok(Indicators { k, balls, recalled, covered })
}

/// One block of real images against all synthetic ones.
struct Strip {
    balls: Vec<u32>,
    recalled: Vec<bool>,
    covered: Vec<bool>,
}

impl Strip {
    fn of(real: &Block, synthetic: &Tiles, real_radii: &[f64], synthetic_radii: &[f64]) -> Self {
        let rows = real.len();
        let mut balls = Vec::with_capacity(synthetic.count);
        let (mut recalled, mut covered) = (vec![false; rows], vec![false; rows]);
        for (at, block) in synthetic.blocks.iter().enumerate() {
            let tile = real.distances(block);
            for (j, radius) in part_of(at, synthetic_radii).iter().enumerate() {
                let mut inside = 0;
                for (i, distance) in tile.col_as_slice(j).iter().enumerate() {
                    let held = *distance <= real_radii[i];
                    inside += u32::from(held);
                    covered[i] |= held;
                    recalled[i] |= distance <= radius;
                }
                balls.push(inside);
            }
        }
        Self { balls, recalled, covered }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, centre: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 9).normals(rows * 6);
        values.iter_mut().for_each(|v| *v += centre);
        Features::new(6, values).unwrap()
    }

    #[test]
    fn a_set_against_itself_is_perfect_even_if_its_images_are_equal() {
        for set in [cloud(1, 300, 1000.0), Features::new(6, vec![0.1; 60]).unwrap()] {
            let prdc = indicators(&set, &set, 5).unwrap().measures();
            assert_eq!((prdc.precision, prdc.recall, prdc.coverage), (1.0, 1.0, 1.0));
            assert!(prdc.density >= 1.0);
        }
    }

    #[test]
    fn sets_that_lie_apart_share_nothing() {
        let prdc = indicators(&cloud(1, 300, 0.0), &cloud(2, 40, 50.0), 5).unwrap().measures();
        assert_eq!(prdc, Prdc { precision: 0.0, recall: 0.0, density: 0.0, coverage: 0.0 });
    }

    #[test]
    fn density_of_equal_distributions_is_1() {
        let prdc = indicators(&cloud(1, 2000, 0.0), &cloud(2, 2000, 0.0), 5).unwrap().measures();
        // Each synthetic image lies in Binomial-like 5 of 2,000 balls: standard error about 0.02.
        assert!((prdc.density - 1.0).abs() < 0.1, "{prdc:?}");
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let (real, synthetic) = (cloud(1, 700, 0.0), cloud(2, 600, 0.3));
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| indicators(&real, &synthetic, 5).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn too_few_images_are_refused() {
        let error = indicators(&cloud(1, 5, 0.0), &cloud(2, 9, 0.0), 5).unwrap_err();
        assert_eq!(error, FeatureError::TooFew { count: 5, needed: 6 });
    }
}
