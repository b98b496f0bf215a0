//! Do drawn points lie nearer to those who were trained on than to others like them?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::estimate::{Estimate, Resampling, Units, mean_estimate, quantile};
use crate::rng::{Purpose, stream};

/// Times that lots are drawn who counts as trained on: enough to see a probability of 0.0005.
const LOTS: u64 = 4000;
/// Resampled sets for the share's interval.
const REPLICATES: usize = 500;

/// The share of drawn points whose nearest real point is of someone trained on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearness {
    /// A half where nothing is remembered and both groups are equally many. Points that are nearest to one unit are not
    /// independent: the interval resamples units.
    pub share: Estimate,
    /// The same where lots are drawn which units count as trained on.
    pub by_chance: Estimate,
    /// One-sided probability of such a share or a larger one by lot.
    pub p: f64,
}

/// Of each drawn point the place of the nearest real one, among `units.len()` places of which the first `members` were
/// trained on; `units` tells whose each is.
///
/// A few real points are often nearest to most drawn ones, so that a share far from a half says little: drawing lots by unit
/// keeps that.
pub fn nearness(nearest: &[usize], members: usize, units: &[u32], seed: u64) -> Nearness {
    let trained: Vec<f64> = nearest.iter().map(|at| f64::from(u8::from(*at < members))).collect();
    let owners: Vec<u32> = nearest.iter().map(|at| units[*at]).collect();
    let resampling = Resampling { seed, replicates: REPLICATES };
    let share = mean_estimate(&trained, &Units::labelled(&owners), resampling);
    let mut each = BTreeMap::<u32, [usize; 2]>::new();
    units.iter().for_each(|unit| each.entry(*unit).or_default()[0] += 1);
    owners.iter().for_each(|unit| each.entry(*unit).or_default()[1] += 1);
    let mut each: Vec<[usize; 2]> = each.into_values().collect();
    let mut lots = stream(seed, Purpose::Permutation, u64::MAX);
    let mut shares: Vec<f64> = (0..LOTS)
        .map(|_| {
            lots.shuffle(&mut each);
            let (mut points, mut hits) = (0, 0);
            for [own, near] in &each {
                if points >= members {
                    break;
                }
                points += own;
                hits += near;
            }
            hits as f64 / nearest.len() as f64
        })
        .collect();
    shares.sort_unstable_by(f64::total_cmp);
    let beyond = LOTS as usize - shares.partition_point(|by_lot| *by_lot < share.value - 1e-12);
    let value = shares.iter().sum::<f64>() / shares.len() as f64;
    let (low, high) = (quantile(&shares, 0.025), quantile(&shares, 0.975));
    let by_chance = Estimate { value, low, high, floor: None, n: nearest.len() };
    Nearness { share, by_chance, p: (1 + beyond) as f64 / (1 + LOTS) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 units of one point each, the first half trained on.
    const UNITS: usize = 200;

    fn of(nearest: &[usize]) -> Nearness {
        nearness(nearest, UNITS / 2, &(0..UNITS as u32).collect::<Vec<_>>(), 0)
    }

    #[test]
    fn points_spread_evenly_are_no_nearer_and_those_about_members_are() {
        let even: Vec<usize> = (0..300).map(|i| i * 7 % UNITS).collect();
        let found = of(&even);
        assert!((found.share.value - 0.5).abs() < 0.05 && found.p > 0.01, "{found:?}");
        assert!((found.by_chance.value - 0.5).abs() < 0.01);
        let near: Vec<usize> =
            (0..300).map(|i| if i % 4 == 0 { i % UNITS } else { i % (UNITS / 2) }).collect();
        let found = of(&near);
        assert!(found.p < 1e-3 && found.share.low > 0.6, "{found:?}");
    }

    #[test]
    fn one_person_who_is_nearest_to_all_says_nothing() {
        let found = of(&[3; 300]);
        assert_eq!(found.share.value, 1.0);
        assert!((found.p - 0.5).abs() < 0.05 && found.by_chance.low == 0.0, "{found:?}");
    }

    #[test]
    fn false_alarms_come_as_often_as_they_say() {
        let alarms = (0..60).filter(|seed| {
            let mut draws = stream(*seed, Purpose::Bootstrap, 99);
            // Popular people: the square of a uniform number piles up at one end, by lot which.
            let mut order: Vec<usize> = (0..UNITS).collect();
            draws.shuffle(&mut order);
            let nearest: Vec<usize> =
                (0..200).map(|_| order[(draws.uniform().powi(3) * UNITS as f64) as usize]).collect();
            of(&nearest).p < 0.05
        });
        // 3 expected; 9 or more come with a chance of 0.3%.
        assert!(alarms.count() < 9);
    }
}
