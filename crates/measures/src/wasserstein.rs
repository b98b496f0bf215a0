//! How far apart two distributions of one number lie.

use rayon::prelude::*;

use crate::estimate::{Estimate, Units, distance_estimate};
use crate::features::{FeatureError, Features};
use crate::rng::{Purpose, stream};

/// Resampled sets for an interval, and random halvings for a floor.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Of all streams.
    pub seed: u64,
    /// Resampled sets.
    pub replicates: usize,
    /// Halvings of the real values.
    pub halvings: usize,
}

/// Fewer values on a side carry no distance.
pub const FEWEST: usize = 10;

/// The first Wasserstein distance: the area between the two distribution functions, in the values' unit, with the interval of
/// resampling by unit and the floor of random real halves that share no unit. Sets of width 1.
pub fn compare(real: &Features, other: &Features, effort: Effort) -> Result<Estimate, FeatureError> {
    let few = real.len().min(other.len());
    if few < FEWEST {
        return Err(FeatureError::TooFew { count: few, needed: FEWEST });
    }
    let value = distance(real, &vec![1; real.len()], other, &vec![1; other.len()]);
    let units = [Units::of(real), Units::of(other)];
    let replicate = |index| {
        let mut draws = stream(effort.seed, Purpose::Bootstrap, index);
        let [a, b] = [&units[0], &units[1]].map(|units| units.weights(&mut draws));
        distance(real, &a, other, &b)
    };
    let replicates = effort.replicates.max(2) as u64;
    let resampled: Vec<f64> = (0..replicates).into_par_iter().map(replicate).collect();
    Ok(Estimate { floor: floor(real, effort), ..distance_estimate(value, &resampled, few) })
}

/// The mean distance of random halves; `None` where a half is too small.
fn floor(real: &Features, effort: Effort) -> Option<f64> {
    if real.len() / 2 < FEWEST || effort.halvings == 0 {
        return None;
    }
    let halving = |index| {
        let mut units = real.by_unit();
        stream(effort.seed, Purpose::Floor, index).shuffle(&mut units);
        let mut weights = vec![0; real.len()];
        let mut taken = 0;
        for unit in units.iter().take_while(|unit| {
            taken += unit.len();
            2 * taken <= real.len() + 1
        }) {
            unit.iter().for_each(|row| weights[*row] = 1);
        }
        let rest: Vec<u32> = weights.iter().map(|w| 1 - w).collect();
        distance(real, &weights, real, &rest)
    };
    let halvings = effort.halvings as u64;
    Some((0..halvings).map(halving).sum::<f64>() / halvings as f64)
}

/// The area between the distribution functions of weighted values.
fn distance(a: &Features, a_weights: &[u32], b: &Features, b_weights: &[u32]) -> f64 {
    let share = |set: &Features, weights: &[u32], sign: f64| -> Vec<(f64, f64)> {
        let total = weights.iter().sum::<u32>().max(1);
        let value = |(row, weight): (usize, &u32)| {
            (f64::from(set.row(row)[0]), sign * f64::from(*weight) / f64::from(total))
        };
        weights.iter().enumerate().filter(|(_, w)| **w > 0).map(value).collect()
    };
    let mut steps = share(a, a_weights, 1.0);
    steps.extend(share(b, b_weights, -1.0));
    steps.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut apart, mut area) = (0.0f64, 0.0);
    for pair in steps.windows(2) {
        apart += pair[0].1;
        area += apart.abs() * (pair[1].0 - pair[0].0);
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    const EFFORT: Effort = Effort { seed: 0, replicates: 200, halvings: 10 };

    fn normal(seed: u64, n: usize, shift: f32) -> Features {
        let values = stream(seed, Purpose::Bootstrap, 1).normals(n).iter().map(|v| v + shift).collect();
        Features::new(1, values).unwrap()
    }

    /// scipy.stats.wasserstein_distance([0, 1, 3], [5, 6, 8]) and ([0, 1, 3], [1, 1.5]).
    #[test]
    fn it_is_scipys() {
        let of = |values: &[f32]| Features::new(1, values.to_vec()).unwrap();
        let apart = |a: &[f32], b: &[f32]| distance(&of(a), &vec![1; a.len()], &of(b), &vec![1; b.len()]);
        assert!((apart(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]) - 5.0).abs() < 1e-12);
        assert!((apart(&[0.0, 1.0, 3.0], &[1.0, 1.5]) - 0.916_666_666_666_666_6).abs() < 1e-12);
    }

    #[test]
    fn a_shift_costs_itself_and_equal_distributions_come_near_the_floor() {
        let moved = compare(&normal(1, 400, 0.0), &normal(2, 400, 0.8), EFFORT).unwrap();
        assert!(moved.low < 0.8 && moved.high > 0.8 && (moved.value - 0.8).abs() < 0.2, "{moved:?}");
        let same = compare(&normal(1, 400, 0.0), &normal(3, 400, 0.0), EFFORT).unwrap();
        assert!(same.value < 2.5 * same.floor.unwrap(), "{same:?}");
        assert!(compare(&normal(1, 9, 0.0), &normal(2, 400, 0.0), EFFORT).is_err());
    }
}
