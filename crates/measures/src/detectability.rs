//! Detectability: how well a linear probe that has seen others of both kinds tells a synthetic image from a real one
//! (a classifier two-sample test; Lopez-Paz and Oquab 2017).

use rayon::prelude::*;

use crate::discriminant::Discriminant;
use crate::estimate::{Estimate, Units, Z, unseen};
use crate::features::{FeatureError, Features};
use crate::folds::{FOLDS, folds};

/// The probe's area under the ROC curve with its 95% interval: 0.5 is chance, 1 tells every pair apart.
///
/// A probe ([`Discriminant`]) of four fifths of both sets scores the last fifth, five times, units kept whole; the area is
/// over all pairs within a fold (Wilcoxon). The interval is by the placements of DeLong, DeLong and Clarke-Pearson (1988),
/// summed over units, on the logit scale; it takes the probes as they are. Two units a fold on either side at least.
pub fn detectability(real: &Features, synthetic: &Features, seed: u64) -> Result<Estimate, FeatureError> {
    let [a, b] = &placements(real, synthetic, seed)?;
    let value = area(a);
    let variance = a.variance(&Units::of(real)) + b.variance(&Units::of(synthetic));
    let n = real.len().min(synthetic.len());
    let (low, high) = interval(value, variance, real.by_unit().len().min(synthetic.by_unit().len()));
    Ok(Estimate { value, low, high, floor: None, n })
}

/// The area alone.
pub fn detectability_value(real: &Features, synthetic: &Features, seed: u64) -> Result<f64, FeatureError> {
    Ok(area(&placements(real, synthetic, seed)?[0]))
}

/// The interval of an area by its variance, on the logit scale. Near 0 and 1, where hardly a pair varies, it reaches as far
/// as that of a share of `units` draws that all came out the same.
fn interval(value: f64, variance: f64, units: usize) -> (f64, f64) {
    let (spread, unseen) = (value * (1.0 - value), unseen(units));
    let (low, high) = if spread > 0.0 {
        let (centre, reach) = (libm::log(value / (1.0 - value)), Z * variance.sqrt() / spread);
        let back = |logit: f64| 1.0 / (1.0 + libm::exp(-logit));
        (back(centre - reach), back(centre + reach))
    } else {
        (value, value)
    };
    (
        if value > 1.0 - unseen { low.min(1.0 - unseen) } else { low },
        if value < unseen { high.max(unseen) } else { high },
    )
}

/// What each image of one kind adds to the area: its fold's weight times its placement, and the fold's area.
struct Placements {
    weighted: Vec<f64>,
    centred: Vec<f64>,
}

/// The area is the sum over the images of either kind.
fn area(side: &Placements) -> f64 {
    side.weighted.iter().sum::<f64>().clamp(0.0, 1.0)
}

impl Placements {
    fn variance(&self, units: &Units) -> f64 {
        let sums = units.sums(&self.centred);
        let n = sums.len() as f64;
        sums.iter().map(|s| s * s).sum::<f64>() * n / (n - 1.0)
    }
}

fn placements(real: &Features, synthetic: &Features, seed: u64) -> Result<[Placements; 2], FeatureError> {
    real.same_space(synthetic)?;
    let sets = [real, synthetic];
    let fewest = sets.map(|set| set.by_unit().len()).into_iter().min().unwrap_or(0);
    if fewest < 2 * FOLDS {
        return Err(FeatureError::TooFew { count: fewest, needed: 2 * FOLDS });
    }
    let fold_of = [0, 1].map(|at| folds(sets[at], &vec![0; sets[at].len()], (seed, at as u64)));
    let scored = |fold: usize| -> Result<[Vec<(usize, f64)>; 2], FeatureError> {
        let others = |at: usize| fold_of[at].iter().map(|f| u32::from(*f != fold)).collect();
        let probe = Discriminant::fit(&[(real, others(0)), (synthetic, others(1))])?;
        let score = |at: usize, row: usize| {
            let scores = probe.scores(sets[at].row(row));
            (row, scores[1] - scores[0])
        };
        let of = |at: usize| {
            let rows = (0..sets[at].len()).filter(|row| fold_of[at][*row] == fold);
            rows.map(|row| score(at, row)).collect()
        };
        Ok([0, 1].map(of))
    };
    let folds = (0..FOLDS).into_par_iter().map(scored).collect::<Result<Vec<_>, _>>()?;
    let pairs: usize = folds.iter().map(|[a, b]| a.len() * b.len()).sum();
    let mut sides =
        sets.map(|set| Placements { weighted: vec![0.0; set.len()], centred: vec![0.0; set.len()] });
    for [a, b] in &folds {
        let [sorted_a, sorted_b] = [a, b].map(|scores| sorted(scores));
        let share = |by: usize| by as f64 / pairs as f64;
        let above = a.iter().map(|(row, s)| (*row, 1.0 - below(&sorted_b, *s), share(b.len())));
        let under = b.iter().map(|(row, s)| (*row, below(&sorted_a, *s), share(a.len())));
        fill(&mut sides[0], above.collect());
        fill(&mut sides[1], under.collect());
    }
    Ok(sides)
}

/// Placements of one fold: row, placement, weight.
fn fill(side: &mut Placements, fold: Vec<(usize, f64, f64)>) {
    let mean = fold.iter().map(|(_, placement, _)| placement).sum::<f64>() / fold.len() as f64;
    for (row, placement, weight) in fold {
        side.weighted[row] = weight * placement;
        side.centred[row] = weight * (placement - mean);
    }
}

fn sorted(scores: &[(usize, f64)]) -> Vec<f64> {
    let mut sorted: Vec<f64> = scores.iter().map(|(_, score)| *score).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The share of sorted values below `value`, equal ones counted half.
fn below(sorted: &[f64], value: f64) -> f64 {
    let under = sorted.partition_point(|v| *v < value);
    let up_to = sorted.partition_point(|v| *v <= value);
    (under + up_to) as f64 / (2 * sorted.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, shift: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 41).normals(rows * 10);
        values.iter_mut().step_by(10).for_each(|v| *v += shift);
        Features::new(10, values).unwrap()
    }

    #[test]
    fn the_area_is_that_of_the_gaussians() {
        // One feature of ten is shifted by 1: the best area is Phi(1 / sqrt 2) = 0.760.
        let shifted = detectability(&cloud(1, 2000, 0.0), &cloud(2, 3000, 1.0), 0).unwrap();
        assert!((shifted.value - 0.760).abs() < 0.02, "{shifted:?}");
        assert!(
            shifted.low < 0.760 && 0.760 < shifted.high && shifted.high - shifted.low < 0.06,
            "{shifted:?}"
        );
        let same = detectability(&cloud(3, 500, 0.0), &cloud(4, 500, 0.0), 0).unwrap();
        assert!(same.low < 0.5 && 0.45 < same.value && same.value < 0.55, "{same:?}");
    }

    #[test]
    fn sets_that_lie_apart_are_told_apart_but_not_with_certainty() {
        let apart = detectability(&cloud(1, 40, 0.0), &cloud(2, 50, 60.0), 0).unwrap();
        assert_eq!((apart.value, apart.high), (1.0, 1.0));
        assert!((apart.low - 0.912).abs() < 1e-3, "{apart:?}");
    }

    #[test]
    fn nearly_perfect_is_no_surer_than_perfect() {
        let (low, high) = interval(0.9999, 1e-12, 40);
        assert!((low - 0.912).abs() < 1e-3 && high > 0.9999, "{low} {high}");
        let middle = interval(0.5, 0.0025, 40);
        assert!((middle.0 - 0.403).abs() < 1e-3 && (middle.1 - 0.597).abs() < 1e-3, "{middle:?}");
    }

    #[test]
    fn a_subject_in_both_folds_would_betray_itself() {
        // Pairs of nearly equal images, labels at random: a probe that has seen one of a pair knows the other's.
        let twins = |seed| {
            let set = cloud(seed, 20, 0.0);
            let values: Vec<f32> = (0..20).flat_map(|i| set.row(i).repeat(2)).collect();
            Features::new(10, values).unwrap()
        };
        let units = |set: Features| set.with_units((0..40).map(|i| i / 2).collect()).unwrap();
        let mean = |of: &dyn Fn(u64) -> Estimate| (0..40).map(|s| of(2 * s).value).sum::<f64>() / 40.0;
        let kept = mean(&|s| detectability(&units(twins(s)), &units(twins(s + 1)), 0).unwrap());
        let split = mean(&|s| detectability(&twins(s), &twins(s + 1), 0).unwrap());
        assert!(kept < 0.55 && split > kept + 0.1, "{kept} {split}");
    }

    #[test]
    fn the_interval_holds_the_expected_area_as_often_as_it_says() {
        let studies: Vec<Estimate> = (0..200)
            .map(|s| detectability(&cloud(1000 + 2 * s, 60, 0.0), &cloud(1001 + 2 * s, 80, 1.0), s).unwrap())
            .collect();
        let truth = studies.iter().map(|e| e.value).sum::<f64>() / 200.0;
        let held = studies.iter().filter(|e| e.low <= truth && truth <= e.high).count() as f64 / 200.0;
        println!("{:.1}%", 100.0 * held);
        assert!(held > 0.88, "{held}");
    }
}
