//! Two groups made alike in what is known of them.

use std::collections::BTreeMap;

use crate::rng::Stream;

/// Places in two groups such that every stratum has the same share in both; as few as possible are left out, by lot.
///
/// A stratum that one group lacks is left out of the other. Sorted.
pub fn matched<S: Ord>(members: &[S], others: &[S], mut lot: Stream) -> [Vec<usize>; 2] {
    let mut strata: BTreeMap<&S, [Vec<usize>; 2]> = BTreeMap::new();
    for (group, labels) in [members, others].into_iter().enumerate() {
        labels.iter().enumerate().for_each(|(at, label)| strata.entry(label).or_default()[group].push(at));
    }
    strata.retain(|_, [a, b]| !a.is_empty() && !b.is_empty());
    let total = |group: usize| strata.values().map(|s| s[group].len()).sum::<usize>() as f64;
    // How many members there are for one of the others: the ratio that every stratum is brought to.
    let ratio = total(0) / total(1);
    let mut kept = [Vec::new(), Vec::new()];
    for both in strata.values_mut() {
        let [a, b] = [both[0].len() as f64, both[1].len() as f64];
        let sizes = if a > ratio * b { [ratio * b, b] } else { [a, a / ratio] };
        for ((places, size), kept) in both.iter_mut().zip(sizes).zip(&mut kept) {
            lot.shuffle(places);
            kept.extend(&places[..(size.round() as usize).min(places.len())]);
        }
    }
    kept.iter_mut().for_each(|places| places.sort_unstable());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn shares_become_equal_and_little_is_lost() {
        let labels = |counts: [usize; 3]| -> Vec<usize> {
            counts.iter().enumerate().flat_map(|(label, count)| vec![label; *count]).collect()
        };
        let (members, others) = (labels([300, 100, 7]), labels([50, 50, 0]));
        let [a, b] = matched(&members, &others, stream(0, Purpose::Matching, 0));
        let share = |labels: &[usize], places: &[usize]| {
            places.iter().filter(|p| labels[**p] == 0).count() as f64 / places.len() as f64
        };
        assert!((share(&members, &a) - share(&others, &b)).abs() < 0.01);
        assert!(a.iter().all(|place| members[*place] != 2), "the others have none of it");
        assert!(a.len() >= 290 && b.len() >= 70, "{} {}", a.len(), b.len());
        assert_eq!([a, b], matched(&members, &others, stream(0, Purpose::Matching, 0)));
    }

    #[test]
    fn groups_with_nothing_in_common_leave_nobody() {
        let [a, b] = matched(&[1, 1], &[2], stream(0, Purpose::Matching, 0));
        assert!(a.is_empty() && b.is_empty());
    }
}
