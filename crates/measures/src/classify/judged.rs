//! How good judgements are, and how sure that is.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::task::{DISEASED, GRADES, Task};
use crate::estimate::{Estimate, Resampling, Units, quantile, unseen};
use crate::rng::{Purpose, stream};

/// The figures, in their order. `right_G` is the share of the images of grade G whose answer is right; `brier` is half the
/// squared distance between probabilities and truth, so that two answers give the familiar number; `ece` is the
/// expected calibration error of the answer's probability in ten bins (Guo et al. 2017); `auc`, `sensitivity` and
/// `specificity` are for grade 2 and above, whatever the task; `kappa` has quadratic weights.
pub const METRICS: [&str; 14] = [
    "accuracy",
    "balanced_accuracy",
    "auc",
    "sensitivity",
    "specificity",
    "kappa",
    "mae",
    "ece",
    "brier",
    "right_0",
    "right_1",
    "right_2",
    "right_3",
    "right_4",
];
/// Where the shares of right answers by grade begin.
const RIGHT: usize = 9;
/// Bins of the calibration error.
const BINS: usize = 10;

/// A value for each of [`METRICS`]; NaN where it does not exist.
pub type Figures = [f64; METRICS.len()];

/// Judgements of images of known grade.
pub struct Judged {
    task: Task,
    grades: Vec<u8>,
    probabilities: Vec<[f64; GRADES]>,
    answers: Vec<usize>,
    /// Images by falling probability of osteoarthritis, and whether each begins a new value.
    ranked: Vec<(usize, bool)>,
}

/// The figures on all images and in resampled sets.
#[derive(Clone, Debug)]
pub struct Resampled {
    /// On all images.
    pub value: Figures,
    /// In each resampled set; equal positions are equal sets, so that differences are paired.
    pub draws: Vec<Figures>,
    /// Images and units that were judged.
    pub sizes: [usize; 2],
}

impl Judged {
    /// Of the probabilities that a task's answers were given.
    pub fn new(task: Task, grades: Vec<u8>, probabilities: Vec<[f64; GRADES]>) -> Self {
        let answers = probabilities.iter().map(|p| task.decide(p)).collect();
        let disease: Vec<f64> = probabilities.iter().map(|p| task.disease(p)).collect();
        let mut order: Vec<usize> = (0..grades.len()).collect();
        order.sort_by(|a, b| disease[*b].total_cmp(&disease[*a]).then(a.cmp(b)));
        let fresh =
            |(place, at): (usize, &usize)| (*at, place == 0 || disease[order[place - 1]] > disease[*at]);
        let ranked = order.iter().enumerate().map(fresh).collect();
        Self { task, grades, probabilities, answers, ranked }
    }

    /// How often each answer (columns) was given to each truth (rows).
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let classes = self.task.classes();
        let mut table = vec![vec![0; classes]; classes];
        let pairs = self.grades.iter().zip(&self.answers);
        pairs.for_each(|(grade, answer)| table[self.task.class(*grade)][*answer] += 1);
        table
    }

    /// The figures where each image counts as often as its weight says.
    pub fn figures(&self, weights: &[u32]) -> Figures {
        let mut counts = Counts::default();
        for (at, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0) {
            counts.add(self, at, f64::from(*weight));
        }
        counts.figures(self.task, self.area(weights))
    }

    /// Share of pairs of a diseased and a healthy image in which the diseased one has the higher probability; ties are half.
    fn area(&self, weights: &[u32]) -> f64 {
        let (mut diseased, mut healthy, mut won) = (0.0, 0.0, 0.0);
        let mut tied = [0.0; 2];
        for (at, fresh) in self.ranked.iter().chain(&[(0, true)]) {
            if *fresh {
                won += tied[0] * (diseased + 0.5 * tied[1]);
                healthy += tied[0];
                diseased += tied[1];
                tied = [0.0; 2];
            }
            tied[usize::from(self.grades[*at] >= DISEASED)] += f64::from(weights[*at]);
        }
        won / (diseased * healthy)
    }

    /// The figures on all images and in sets of units drawn with replacement.
    pub fn resampled(&self, units: &Units, resampling: Resampling) -> Resampled {
        let draw = |index| {
            let mut draws = stream(resampling.seed, Purpose::Bootstrap, index);
            self.figures(&units.weights(&mut draws))
        };
        Resampled {
            value: self.figures(&vec![1; self.grades.len()]),
            draws: (0..resampling.replicates as u64).into_par_iter().map(draw).collect(),
            sizes: [self.grades.len(), units.len()],
        }
    }
}

/// Weighted counts from which the figures follow.
#[derive(Default)]
struct Counts {
    confusion: [[f64; GRADES]; GRADES],
    /// Images, and right answers, by grade.
    grades: [[f64; 2]; GRADES],
    /// Images, right answers and the answers' probabilities, by bin of that probability.
    bins: [[f64; 3]; BINS],
    brier: f64,
}

impl Counts {
    fn add(&mut self, judged: &Judged, at: usize, weight: f64) {
        let (grade, answer, p) = (judged.grades[at], judged.answers[at], &judged.probabilities[at]);
        let truth = judged.task.class(grade);
        let right = f64::from(u8::from(answer == truth));
        self.confusion[truth][answer] += weight;
        let [images, hits] = &mut self.grades[usize::from(grade)];
        *images += weight;
        *hits += weight * right;
        let bin = ((p[answer] * BINS as f64) as usize).min(BINS - 1);
        for (sum, value) in self.bins[bin].iter_mut().zip([1.0, right, p[answer]]) {
            *sum += weight * value;
        }
        let target = |k: usize| f64::from(u8::from(k == truth));
        self.brier += weight * 0.5 * (0..GRADES).map(|k| (p[k] - target(k)).powi(2)).sum::<f64>();
    }

    fn figures(&self, task: Task, area: f64) -> Figures {
        let classes = task.classes();
        let cells = || (0..classes).flat_map(|t| (0..classes).map(move |a| (t, a)));
        let sum = |of: &dyn Fn(usize, usize) -> f64| {
            cells().map(|(t, a)| of(t, a) * self.confusion[t][a]).sum::<f64>()
        };
        let truths: Vec<f64> = (0..classes).map(|t| self.confusion[t].iter().sum()).collect();
        let answers: Vec<f64> =
            (0..classes).map(|a| (0..classes).map(|t| self.confusion[t][a]).sum()).collect();
        let n: f64 = truths.iter().sum();
        let recalls: Vec<f64> =
            (0..classes).filter(|t| truths[*t] > 0.0).map(|t| self.confusion[t][t] / truths[t]).collect();
        let cut = task.class(DISEASED);
        let side = |t: usize, a: usize, diseased: bool| {
            f64::from(u8::from((t >= cut) == diseased && (a >= cut) == diseased))
        };
        let squared = |t: usize, a: usize| (t as f64 - a as f64).powi(2);
        let expected: f64 = cells().map(|(t, a)| squared(t, a) * truths[t] * answers[a]).sum::<f64>() / n;
        let miscalibrated: f64 = self.bins.iter().map(|[_, right, sure]| (right - sure).abs()).sum();
        let mut figures = [f64::NAN; METRICS.len()];
        figures[..RIGHT].copy_from_slice(&[
            sum(&|t, a| f64::from(u8::from(t == a))) / n,
            recalls.iter().sum::<f64>() / recalls.len() as f64,
            area,
            sum(&|t, a| side(t, a, true)) / truths[cut..].iter().sum::<f64>(),
            sum(&|t, a| side(t, a, false)) / truths[..cut].iter().sum::<f64>(),
            1.0 - sum(&squared) / expected,
            sum(&|t, a| t.abs_diff(a) as f64) / n,
            miscalibrated / n,
            self.brier / n,
        ]);
        for (figure, [images, right]) in figures[RIGHT..].iter_mut().zip(&self.grades) {
            *figure = right / images;
        }
        // 0/0 is no figure, and neither is an infinite one.
        figures.map(|f| if f.is_finite() { f } else { f64::NAN })
    }
}

impl Resampled {
    /// The mean of several, set by set: of the seeds of one arm.
    pub fn mean(of: &[&Self]) -> Self {
        let count = of.len() as f64;
        let mean = |figures: &dyn Fn(&Self) -> Figures| {
            let mut sums = [0.0; METRICS.len()];
            of.iter().for_each(|r| sums.iter_mut().zip(figures(r)).for_each(|(s, f)| *s += f / count));
            sums
        };
        Self {
            value: mean(&|r| r.value),
            draws: (0..of[0].draws.len()).map(|i| mean(&|r| r.draws[i])).collect(),
            sizes: of[0].sizes,
        }
    }

    /// Each figure that exists with the 95% percentile interval over units (Efron and Tibshirani 1993, ch. 13). An
    /// accuracy of exactly 0 or 1, which has no spread to resample, gets the exact interval for as many draws as units.
    pub fn estimates(&self) -> BTreeMap<String, Estimate> {
        let there = METRICS.iter().enumerate().filter(|(at, _)| !self.value[*at].is_nan());
        there.map(|(at, name)| ((*name).to_owned(), self.estimate(at))).collect()
    }

    fn estimate(&self, at: usize) -> Estimate {
        let value = self.value[at];
        let draws = self.sorted(|figures| figures[at]);
        let (mut low, mut high) = (quantile(&draws, 0.025), quantile(&draws, 0.975));
        if at == 0 && low == high && value == 1.0 {
            low = 1.0 - unseen(self.sizes[1]);
        } else if at == 0 && low == high && value == 0.0 {
            high = unseen(self.sizes[1]);
        }
        Estimate { value, low, high, floor: None, n: self.sizes[0] }
    }

    /// A number of each resampled set in which it exists, sorted.
    fn sorted(&self, of: impl Fn(&Figures) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.draws.iter().map(of).filter(|v| !v.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::agreement::weighted_kappa;

    fn at(name: &str, figures: &Figures) -> f64 {
        figures[METRICS.iter().position(|m| *m == name).unwrap()]
    }

    /// Random grades and probabilities that know something of them.
    fn judged(task: Task, count: usize) -> Judged {
        let mut draws = stream(2, Purpose::Bootstrap, 9);
        let grades: Vec<u8> = (0..count).map(|_| draws.below(GRADES) as u8).collect();
        let outputs = |grade: &u8| {
            let mut row = [0.0; GRADES];
            row.iter_mut().for_each(|z| *z = draws.normal() as f32);
            row[task.class(*grade).min(task.outputs() - 1)] += 1.0;
            task.probabilities(&row, 1.0)
        };
        let probabilities = grades.iter().map(outputs).collect();
        Judged::new(task, grades, probabilities)
    }

    #[test]
    fn the_figures_are_those_of_their_definitions() {
        for task in [Task::Binary, Task::Grades, Task::Ordinal] {
            let j = judged(task, 300);
            let figures = j.figures(&[1; 300]);
            let truths: Vec<f64> = j.grades.iter().map(|g| task.class(*g) as f64).collect();
            let answers: Vec<f64> = j.answers.iter().map(|a| *a as f64).collect();
            let kappa = weighted_kappa(&truths, &answers).unwrap();
            assert!((at("kappa", &figures) - kappa).abs() < 1e-12);
            let apart = truths.iter().zip(&answers).map(|(t, a)| (t - a).abs()).sum::<f64>() / 300.0;
            assert!((at("mae", &figures) - apart).abs() < 1e-12);
            let p: Vec<f64> = j.probabilities.iter().map(|p| task.disease(p)).collect();
            let of = |ill: bool| {
                let pairs = p.iter().zip(&j.grades);
                pairs.filter(|(_, g)| (**g >= DISEASED) == ill).map(|(p, _)| *p).collect::<Vec<f64>>()
            };
            let (ill, well) = (of(true), of(false));
            let won = |a: &f64, b: &f64| if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
            let area = ill.iter().map(|a| well.iter().map(|b| won(a, b)).sum::<f64>()).sum::<f64>();
            let area = area / (ill.len() * well.len()) as f64;
            assert!((at("auc", &figures) - area).abs() < 1e-12);
        }
    }

    #[test]
    fn perfect_and_constant_answers_have_the_figures_they_must() {
        let one = |k: usize| [0, 1, 2, 3, 4].map(|i| f64::from(u8::from(i == k)));
        let grades: Vec<u8> = (0..50).map(|i| i % 5).collect();
        let perfect = grades.iter().map(|g| one(usize::from(*g))).collect();
        let figures = Judged::new(Task::Grades, grades.clone(), perfect).figures(&[1; 50]);
        for (name, value) in [("accuracy", 1.0), ("auc", 1.0), ("kappa", 1.0), ("ece", 0.0), ("brier", 0.0)] {
            assert_eq!(at(name, &figures), value, "{name}");
        }
        let figures = Judged::new(Task::Grades, grades, vec![one(0); 50]).figures(&[1; 50]);
        for (name, value) in [("accuracy", 0.2), ("auc", 0.5), ("kappa", 0.0), ("ece", 0.8), ("right_3", 0.0)]
        {
            assert!((at(name, &figures) - value).abs() < 1e-12, "{name}");
        }
    }

    #[test]
    fn a_weight_of_two_is_an_image_that_is_there_twice_and_an_absent_grade_has_no_figure() {
        let j = judged(Task::Ordinal, 60);
        let weights: Vec<u32> = j.grades.iter().map(|g| u32::from(*g != 3) * 2).collect();
        let rows: Vec<usize> = (0..60).filter(|at| j.grades[*at] != 3).collect();
        let pick = Judged::new(
            Task::Ordinal,
            rows.iter().map(|at| j.grades[*at]).collect(),
            rows.iter().map(|at| j.probabilities[*at]).collect(),
        );
        let (a, b) = (j.figures(&weights), pick.figures(&vec![1; rows.len()]));
        for (at, name) in METRICS.iter().enumerate() {
            let absent = a[at].is_nan() && b[at].is_nan();
            assert!(absent || (a[at] - b[at]).abs() <= 1e-12, "{name}");
        }
        assert!(at("right_3", &a).is_nan() && !at("right_2", &a).is_nan());
    }

    #[test]
    fn the_interval_of_the_accuracy_is_as_wide_as_the_binomial_says() {
        let j = judged(Task::Grades, 400);
        let units = Units::labelled(&(0..400).collect::<Vec<_>>());
        let resampled = j.resampled(&units, Resampling { seed: 0, replicates: 1000 });
        let e = resampled.estimates()["accuracy"];
        let reach = 1.96 * (e.value * (1.0 - e.value) / 400.0).sqrt();
        assert!((e.high - e.low - 2.0 * reach).abs() < 0.015, "{e:?} {reach}");
        assert_eq!(Resampled::mean(&[&resampled, &resampled]).estimates(), resampled.estimates());
    }
}
