//! Grade consistency: does a probe that was trained on real images read the grade that a synthetic one was meant to have?

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::discriminant::Discriminant;
use crate::estimate::{Estimate, Resampling, quantile};
use crate::features::{FeatureError, Features};
use crate::folds::{FOLDS, folds};
use crate::rng::{Purpose, Stream, stream};

/// Real subjects below which a grade is left out: two a fold.
pub const FEWEST_UNITS: usize = 2 * FOLDS;

/// Features with the grade of each image, where it has one.
#[derive(Clone, Copy, Debug)]
pub struct Graded<'a> {
    /// The images.
    pub set: &'a Features,
    /// As many as images.
    pub grades: &'a [Option<u8>],
}

/// How the probe reads real images that it has not seen, and synthetic ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// The grades that it knows, ascending: the rows and columns of the confusions.
    pub grades: Vec<u8>,
    /// Held-out real images.
    pub real: Reading,
    /// Synthetic ones; the floors are the real images' values.
    pub synthetic: Reading,
    /// The synthetic images' kappa less the real ones'.
    pub kappa_difference: Estimate,
}

/// What was read of one kind of image. Kappa and accuracy are for an even mix of the grades, so that they compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Images by intended grade (rows) and read grade (columns).
    pub confusion: Vec<Vec<usize>>,
    /// Cohen's kappa with quadratic weights between intended and read grade.
    pub kappa: Estimate,
    /// The mean over the grades of the share that is read as intended.
    pub accuracy: Estimate,
}

/// Reads both kinds with the same probes, or gives nothing where fewer than two grades have enough of both kinds.
///
/// Real images are cut into five folds by unit; the probe of four of them ([`Discriminant`]) reads the fifth and a fifth of
/// the synthetic images, so that either kind is read by probes of equal training. Intervals are 95% percentile ones over
/// resampled units of either kind; they take the probes as they are.
pub fn consistency(
    real: Graded,
    synthetic: Graded,
    resampling: Resampling,
) -> Result<Option<Consistency>, FeatureError> {
    real.set.same_space(synthetic.set)?;
    let grades = shared_grades(real, synthetic);
    if grades.len() < 2 {
        return Ok(None);
    }
    let (real, synthetic) = (Known::new(real, &grades), Known::new(synthetic, &grades));
    let fold_of = [(0, &real), (1, &synthetic)]
        .map(|(at, known)| folds(&known.set, &known.classes, (resampling.seed, 2 + at)));
    let read = |fold: usize| -> Result<[Vec<(usize, usize)>; 2], FeatureError> {
        let training = |class: usize| {
            let chosen = |row: usize| fold_of[0][row] != fold && real.classes[row] == class;
            (&real.set, (0..real.set.len()).map(|row| u32::from(chosen(row))).collect())
        };
        let probe = Discriminant::fit(&(0..grades.len()).map(training).collect::<Vec<_>>())?;
        let of = |known: &Known, folds: &[usize]| {
            let rows = (0..known.set.len()).filter(|row| folds[*row] == fold);
            rows.map(|row| (row, probe.class(known.set.row(row)))).collect()
        };
        Ok([of(&real, &fold_of[0]), of(&synthetic, &fold_of[1])])
    };
    let read = (0..FOLDS).into_par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let tables = [&real, &synthetic].map(|known| known.set.by_unit());
    let [a, b] = [0, 1].map(|at| {
        let known = [&real, &synthetic][at];
        let mut cells = vec![(0, 0); known.set.len()];
        read.iter().flat_map(|r| &r[at]).for_each(|(row, class)| cells[*row] = (known.classes[*row], *class));
        tables[at].iter().map(|unit| unit.iter().map(|row| cells[*row]).collect()).collect::<Units>()
    });
    Ok(judged(&grades, [&a, &b], resampling))
}

/// (intended, read) of each unit's images, as places among the grades.
type Units = Vec<Vec<(usize, usize)>>;

/// The images whose grade the probe can know.
struct Known {
    set: Features,
    classes: Vec<usize>,
}

impl Known {
    fn new(of: Graded, grades: &[u8]) -> Self {
        let place = |grade: &Option<u8>| grade.and_then(|g| grades.iter().position(|known| *known == g));
        let places = of.grades.iter().map(place).enumerate();
        let (rows, classes): (Vec<usize>, Vec<usize>) =
            places.filter_map(|(row, class)| class.map(|class| (row, class))).unzip();
        Self { set: of.set.select(&rows), classes }
    }
}

/// Grades with enough real units and synthetic images.
fn shared_grades(real: Graded, synthetic: Graded) -> Vec<u8> {
    let enough = |of: Graded, grade: u8| {
        let rows = of.grades.iter().enumerate().filter(|(_, g)| **g == Some(grade));
        let units: std::collections::BTreeSet<u32> = rows.map(|(row, _)| of.set.units()[row]).collect();
        units.len() >= FEWEST_UNITS
    };
    (0..=u8::MAX).filter(|grade| enough(real, *grade) && enough(synthetic, *grade)).collect()
}

/// Kappa and accuracy of both kinds with their intervals.
fn judged(grades: &[u8], kinds: [&Units; 2], resampling: Resampling) -> Option<Consistency> {
    let figures = |[a, b]: [&Confusion; 2]| {
        let (k, l) = (a.kappa(grades)?, b.kappa(grades)?);
        Some([k, a.accuracy()?, l, b.accuracy()?, l - k])
    };
    let counts = kinds.map(|kind| Confusion::of(grades.len(), kind.iter()));
    let values = figures([&counts[0], &counts[1]])?;
    let replicate = |index| {
        let mut draws = stream(resampling.seed, Purpose::Bootstrap, index);
        let [a, b] = kinds.map(|kind| Confusion::resampled(grades.len(), kind, &mut draws));
        figures([&a, &b])
    };
    let drawn: Vec<[f64; 5]> =
        (0..resampling.replicates as u64).into_par_iter().filter_map(replicate).collect();
    let estimate = |at: usize, n: usize, floor: Option<f64>| {
        let mut sorted: Vec<f64> = drawn.iter().map(|d| d[at]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (low, high) = match sorted.is_empty() {
            true => (values[at], values[at]),
            false => (quantile(&sorted, 0.025), quantile(&sorted, 0.975)),
        };
        Estimate { value: values[at], low, high, floor, n }
    };
    let [n, m] = [0, 1].map(|at| counts[at].total());
    let [real, synthetic] = counts.map(|count| count.cells);
    Some(Consistency {
        grades: grades.to_vec(),
        real: Reading { confusion: real, kappa: estimate(0, n, None), accuracy: estimate(1, n, None) },
        synthetic: Reading {
            confusion: synthetic,
            kappa: estimate(2, m, Some(values[0])),
            accuracy: estimate(3, m, Some(values[1])),
        },
        kappa_difference: estimate(4, n.min(m), None),
    })
}

/// Images by intended and read grade.
struct Confusion {
    cells: Vec<Vec<usize>>,
}

impl Confusion {
    fn of<'a>(grades: usize, units: impl Iterator<Item = &'a Vec<(usize, usize)>>) -> Self {
        let mut cells = vec![vec![0; grades]; grades];
        units.flatten().for_each(|(intended, read)| cells[*intended][*read] += 1);
        Self { cells }
    }

    fn resampled(grades: usize, units: &Units, draws: &mut Stream) -> Self {
        Self::of(grades, (0..units.len()).map(|_| &units[draws.below(units.len())]))
    }

    fn total(&self) -> usize {
        self.cells.iter().flatten().sum()
    }

    /// Shares of each intended grade; nothing where one has no image.
    fn shares(&self) -> Option<Vec<Vec<f64>>> {
        let row = |row: &Vec<usize>| {
            let all: usize = row.iter().sum();
            (all > 0).then(|| row.iter().map(|n| *n as f64 / all as f64).collect())
        };
        self.cells.iter().map(row).collect()
    }

    fn accuracy(&self) -> Option<f64> {
        let shares = self.shares()?;
        Some((0..shares.len()).map(|i| shares[i][i]).sum::<f64>() / shares.len() as f64)
    }

    /// Quadratic kappa (Cohen 1968) as if there were as many images of each intended grade.
    fn kappa(&self, grades: &[u8]) -> Option<f64> {
        let shares = self.shares()?;
        let n = shares.len();
        let square = |i: usize, j: usize| (f64::from(grades[i]) - f64::from(grades[j])).powi(2);
        let pairs = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let read = |j: usize| shares.iter().map(|row| row[j]).sum::<f64>() / n as f64;
        let observed: f64 = pairs().map(|(i, j)| shares[i][j] * square(i, j)).sum();
        let expected: f64 = pairs().map(|(i, j)| read(j) * square(i, j)).sum();
        (expected > 0.0).then(|| 1.0 - observed / expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::agreement::weighted_kappa;

    const RESAMPLING: Resampling = Resampling { seed: 0, replicates: 300 };

    /// Images whose first feature is `gain` times their grade, among noise.
    fn graded(seed: u64, counts: &[usize], gain: f32) -> (Features, Vec<Option<u8>>) {
        let grades = counts.iter().zip(0..).flat_map(|(n, grade)| std::iter::repeat_n(Some(grade), *n));
        let grades: Vec<Option<u8>> = grades.collect();
        let mut values = stream(seed, Purpose::Bootstrap, 51).normals(grades.len() * 6);
        let first = values.iter_mut().step_by(6);
        first.zip(&grades).for_each(|(v, g)| *v += gain * f32::from(g.unwrap_or(0)));
        (Features::new(6, values).unwrap(), grades)
    }

    fn compare(
        real: &(Features, Vec<Option<u8>>),
        fake: &(Features, Vec<Option<u8>>),
    ) -> Option<Consistency> {
        let [a, b] = [real, fake].map(|(set, grades)| Graded { set, grades });
        consistency(a, b, RESAMPLING).unwrap()
    }

    #[test]
    fn equal_images_read_as_well_as_real_ones_whatever_the_mix() {
        let found = compare(&graded(1, &[400, 300, 60], 2.0), &graded(2, &[200, 200, 200], 2.0)).unwrap();
        assert!(found.real.kappa.value > 0.6, "{found:?}");
        assert!(found.kappa_difference.low < 0.0 && 0.0 < found.kappa_difference.high, "{found:?}");
        assert_eq!(found.synthetic.kappa.floor, Some(found.real.kappa.value));
        assert_eq!(found.synthetic.confusion.iter().flatten().sum::<usize>(), 600);
    }

    #[test]
    fn grades_that_cannot_be_seen_are_not_read() {
        let found = compare(&graded(1, &[200, 200, 200], 2.0), &graded(2, &[200, 200, 200], 0.0)).unwrap();
        assert!(found.synthetic.kappa.value.abs() < 0.15, "{found:?}");
        assert!(found.kappa_difference.high < -0.4, "{found:?}");
    }

    #[test]
    fn a_rare_grade_is_left_out_and_one_grade_is_nothing_to_read() {
        let found = compare(&graded(1, &[50, 50, 9], 2.0), &graded(2, &[50, 50, 50], 2.0)).unwrap();
        assert_eq!(found.grades, [0, 1]);
        assert_eq!(compare(&graded(1, &[50, 3], 2.0), &graded(2, &[50, 50], 2.0)), None);
    }

    #[test]
    fn kappa_of_an_even_mix_is_cohens() {
        let units = [vec![(0, 0), (0, 1), (1, 1), (1, 0), (2, 2), (2, 1)]];
        let confusion = Confusion::of(3, units.iter());
        let list = |f: fn(&(usize, usize)) -> usize| units[0].iter().map(|c| f(c) as f64).collect::<Vec<_>>();
        let cohen = weighted_kappa(&list(|c| c.0), &list(|c| c.1)).unwrap();
        assert!((confusion.kappa(&[0, 1, 2]).unwrap() - cohen).abs() < 1e-12);
    }
}
