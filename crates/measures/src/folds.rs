//! Folds of a cross-validation that keep units together.

use crate::features::Features;
use crate::rng::{Purpose, stream};

/// Folds that probes are validated by.
pub const FOLDS: usize = 5;

/// The fold of each row, 0..[`FOLDS`]: units in random order, those of one label (their first row's) spread evenly.
///
/// `place` tells the sets of one comparison apart.
pub fn folds(set: &Features, labels: &[usize], (seed, place): (u64, u64)) -> Vec<usize> {
    let mut units = set.by_unit();
    stream(seed, Purpose::Fold, place).shuffle(&mut units);
    units.sort_by_key(|unit| labels[unit[0]]);
    let mut folds = vec![0; set.len()];
    for (at, unit) in units.iter().enumerate() {
        unit.iter().for_each(|row| folds[*row] = at % FOLDS);
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_stay_whole_and_labels_are_spread() {
        let set =
            Features::new(1, vec![0.0; 80]).unwrap().with_units((0..80).map(|i| i / 2).collect()).unwrap();
        let labels: Vec<usize> = (0..80).map(|i| usize::from(i < 20)).collect();
        let folds = folds(&set, &labels, (0, 0));
        assert!((0..40).all(|u| folds[2 * u] == folds[2 * u + 1]));
        for fold in 0..FOLDS {
            let of = |label| (0..80).filter(|i| folds[*i] == fold && labels[*i] == label).count();
            assert_eq!((of(0), of(1)), (12, 4));
        }
    }
}
