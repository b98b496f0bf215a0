//! How well scores tell those who were trained on from those who were not.

use crate::audit::share::share;
use crate::distribution::normal_cdf;
use crate::estimate::{Estimate, quantile};
use crate::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};

/// The standard normal's 97.5% quantile.
const Z: f64 = 1.959_963_984_540_054;
/// Its 80% quantile: with [`Z`] the distance that is found four times in five.
const POWER: f64 = 0.841_621_233_572_914;
/// False-positive rates at which the true-positive rate is given.
const RATES: [f64; 2] = [0.01, 0.001];
/// Permutations of who was trained on.
const PERMUTATIONS: u64 = 200;

/// Scores of one group, one an image, and whose image each is: images of one unit are not independent.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Higher speaks for "was trained on". Finite.
    pub scores: Vec<f64>,
    /// Equal for images of one subject; the two groups share none.
    pub units: Vec<u32>,
}

/// Members against others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// The chance that a training image scores higher than one that was not trained on: 0.5 where the attack tells nothing.
    pub auc: Estimate,
    /// The same where lots are drawn who counts as trained on: what chance gives at these counts.
    pub by_chance: Estimate,
    /// One-sided probability of such an area or a larger one where the attack tells nothing.
    pub p: f64,
    /// The smallest area that these counts would find four times in five.
    pub detectable: f64,
    /// True-positive rates at low false-positive rates.
    pub operating: Vec<Operating>,
}

/// A threshold by the others' scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operating {
    /// The false-positive rate asked for.
    pub rate: f64,
    /// Whether there are enough others to resolve it; else the threshold is their largest score.
    pub resolved: bool,
    /// Share of members beyond the threshold; exact interval.
    pub true_positives: Estimate,
    /// Share of others at or beyond it; exact interval.
    pub false_positives: Estimate,
    /// Exact one-sided probability of so many members beyond it where the attack tells nothing.
    pub p: f64,
}

/// Compares two groups, each of at least 2 units.
///
/// The area is Wilcoxon's, its variance that of DeLong's placements summed by unit (Obuchowski 1997). The threshold at a
/// rate is the k-th largest score of the others, so if members and others are exchangeable the number of members above it
/// follows a negative hypergeometric law, whatever the scores' distribution; that gives the exact p. Rates and their p
/// count images as independent.
pub fn separate(members: &Group, others: &Group, seed: u64) -> Separation {
    let placements =
        [placements(&members.scores, &others.scores), placements(&others.scores, &members.scores)];
    let area = mean(&placements[0]);
    let variance =
        variance(&placements[0], &members.units, area) + variance(&placements[1], &others.units, 1.0 - area);
    let n = members.scores.len().min(others.scores.len());
    // Perfect separation has no spread of its own; so few units could show it by chance with 2.5%.
    let unseen = 1.0 - libm::pow(0.025, 1.0 / n as f64);
    let reach = (Z * variance.sqrt()).max(if area == 0.0 || area == 1.0 { unseen } else { 0.0 });
    let auc =
        Estimate { value: area, low: (area - reach).max(0.0), high: (area + reach).min(1.0), floor: None, n };
    let (by_chance, error) = by_chance(members, others, seed);
    Separation {
        auc,
        by_chance,
        p: 1.0 - normal_cdf((area - 0.5) / error.max(f64::MIN_POSITIVE)),
        detectable: (0.5 + (Z + POWER) * error).min(1.0),
        operating: RATES.iter().map(|rate| operating(*rate, &members.scores, &others.scores)).collect(),
    }
}

/// For each score the share of the others below it, ties by half.
fn placements(scores: &[f64], others: &[f64]) -> Vec<f64> {
    let mut sorted = others.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = |score: &f64| {
        let below = sorted.partition_point(|o| o < score);
        let up_to = sorted.partition_point(|o| o <= score);
        0.5 * (below + up_to) as f64 / sorted.len() as f64
    };
    scores.iter().map(place).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance of a mean of placements whose units are independent.
fn variance(placements: &[f64], units: &[u32], mean: f64) -> f64 {
    let mut sums = std::collections::BTreeMap::<u32, f64>::new();
    placements.iter().zip(units).for_each(|(p, u)| *sums.entry(*u).or_default() += p - mean);
    let count = sums.len() as f64;
    let squares: f64 = sums.values().map(|s| s * s).sum();
    squares * count / ((count - 1.0).max(1.0) * (placements.len() as f64).powi(2))
}

/// The area where units are called members by lot, and its standard deviation.
fn by_chance(members: &Group, others: &Group, seed: u64) -> (Estimate, f64) {
    let mut units = std::collections::BTreeMap::<(usize, u32), Vec<f64>>::new();
    for (side, group) in [members, others].into_iter().enumerate() {
        let pairs = group.units.iter().zip(&group.scores);
        pairs.for_each(|(unit, score)| units.entry((side, *unit)).or_default().push(*score));
    }
    let units: Vec<Vec<f64>> = units.into_values().collect();
    let permutation = |index| {
        let mut order: Vec<&Vec<f64>> = units.iter().collect();
        stream(seed, Purpose::Permutation, index).shuffle(&mut order);
        let (mut chosen, mut left) = (Vec::new(), Vec::new());
        for unit in order {
            if chosen.len() < members.scores.len() { chosen.extend(unit) } else { left.extend(unit) }
        }
        if left.is_empty() { 0.5 } else { mean(&placements(&chosen, &left)) }
    };
    let mut areas: Vec<f64> = (0..PERMUTATIONS).map(permutation).collect();
    areas.sort_unstable_by(f64::total_cmp);
    let value = mean(&areas);
    let spread = areas.iter().map(|a| (a - value) * (a - value)).sum::<f64>() / (areas.len() - 1) as f64;
    let (low, high) = (quantile(&areas, 0.025), quantile(&areas, 0.975));
    let n = members.scores.len().min(others.scores.len());
    (Estimate { value, low, high, floor: None, n }, spread.sqrt())
}

fn operating(rate: f64, members: &[f64], others: &[f64]) -> Operating {
    let mut sorted = others.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = (rate * others.len() as f64 + 1e-9) as usize;
    let k = allowed.max(1);
    let threshold = sorted[k - 1];
    let beyond = members.iter().filter(|score| **score > threshold).count();
    let at = others.iter().filter(|score| **score >= threshold).count();
    Operating {
        rate,
        resolved: allowed > 0,
        true_positives: share(beyond, members.len()),
        false_positives: share(at, others.len()),
        p: so_many_before(beyond, k, [members.len(), others.len()]),
    }
}

/// The chance that at least `beyond` members come before the `k`-th of the others in a random order of all: that among the
/// first `beyond + k - 1` fewer than `k` are others.
fn so_many_before(beyond: usize, k: usize, [members, others]: [usize; 2]) -> f64 {
    if beyond == 0 {
        return 1.0;
    }
    let first = beyond + k - 1;
    let choose = |n: usize, r: usize| {
        let [n, r] = [n as f64, r as f64];
        libm::lgamma(n + 1.0) - libm::lgamma(r + 1.0) - libm::lgamma(n - r + 1.0)
    };
    let all = choose(members + others, first);
    let with = |x: usize| match first - x <= members && x <= others {
        true => libm::exp(choose(others, x) + choose(members, first - x) - all),
        false => 0.0,
    };
    (0..k.min(first + 1)).map(with).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(seed: u64, n: usize, shift: f64) -> Group {
        let mut draws = stream(seed, Purpose::Bootstrap, 8);
        let scores = (0..n).map(|_| draws.normal() + shift).collect();
        Group { scores, units: (0..n as u32).collect() }
    }

    #[test]
    fn the_area_of_shifted_normals_is_what_the_normal_says() {
        let found = separate(&group(1, 2000, 1.0), &group(2, 1000, 0.0), 0);
        let expected = normal_cdf(1.0 / 2f64.sqrt());
        assert!((found.auc.value - expected).abs() < 0.02, "{found:?}");
        assert!(found.auc.low < expected && found.auc.high > expected && found.p < 1e-9);
        let one = found.operating[0];
        let power = 1.0 - normal_cdf(2.326_348 - 1.0);
        // The threshold is the tenth of 1,000 controls: it scatters by 0.12 and the rate by 0.02; four times that.
        assert!(one.resolved && (one.true_positives.value - power).abs() < 0.08 && one.p < 1e-9, "{one:?}");
    }

    #[test]
    fn nothing_to_tell_is_half_and_rarely_found() {
        let mut alarms = [0, 0];
        for seed in 0..100 {
            let found = separate(&group(2 * seed, 300, 0.0), &group(2 * seed + 1, 100, 0.0), seed);
            assert!((found.by_chance.value - 0.5).abs() < 0.02 && found.by_chance.low < 0.5);
            alarms[0] += usize::from(found.p < 0.05);
            alarms[1] += usize::from(found.operating[0].p < 0.05);
        }
        // 5 expected of each; 12 or more come with a chance of 0.4%.
        assert!(alarms.iter().all(|a| *a < 12), "{alarms:?}");
    }

    #[test]
    fn two_images_of_each_subject_widen_the_interval() {
        let pairs = |group: Group| Group {
            scores: group.scores.iter().flat_map(|s| [*s, *s]).collect(),
            units: group.units.iter().flat_map(|u| [*u, *u]).collect(),
        };
        let width = |s: &Separation| s.auc.high - s.auc.low;
        let single = separate(&group(1, 200, 0.5), &group(2, 200, 0.0), 0);
        let double = separate(&pairs(group(1, 200, 0.5)), &pairs(group(2, 200, 0.0)), 0);
        assert!((width(&double) / width(&single) - 1.0).abs() < 0.02);
        assert!((double.detectable / single.detectable - 1.0).abs() < 0.05);
    }

    #[test]
    fn perfect_separation_is_not_certain_and_a_small_control_does_not_resolve_the_rates() {
        let found = separate(&group(1, 30, 50.0), &group(2, 20, 0.0), 0);
        assert!(found.auc.value == 1.0 && found.auc.low < 0.9 && found.auc.high == 1.0);
        assert!(!found.operating[0].resolved && found.operating[0].false_positives.value == 0.05);
        assert!(found.detectable > 0.7);
    }

    #[test]
    fn the_exact_chance_is_that_of_drawing_without_looking() {
        // The first of all is a member: 3 of 5. Two members before the first other: 3/5 * 2/4.
        assert!((so_many_before(1, 1, [3, 2]) - 0.6).abs() < 1e-12);
        assert!((so_many_before(2, 1, [3, 2]) - 0.3).abs() < 1e-12);
        assert!((so_many_before(3, 2, [3, 2]) - 0.4).abs() < 1e-12);
    }
}
