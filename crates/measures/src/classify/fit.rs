//! The training of a linear head: its loss with a penalty is minimised for each of several penalties, of which a validation
//! set chooses, as it chooses the temperature.
//!
//! The loss is convex, so a head is the answer to its images and penalty alone, not to a rate, an order of images or a
//! number of steps: arms of an experiment with few images and with many are all trained to the end.

use serde::{Deserialize, Serialize};

use super::descent::{Valley, descend};
use super::scale::Scale;
use super::task::{GRADES, Task};
use crate::features::Features;

/// How a head is trained; the same in every arm of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What is tried: half of each, times the squared length of the weights of features on one scale, is added to the mean
    /// loss of an image. From large to small, each beginning where the one before ended.
    pub penalties: Vec<f64>,
    /// Steps of L-BFGS at most for each penalty.
    pub steps: usize,
    /// How errors on rare grades weigh.
    pub weighting: Weighting,
}

/// How errors on rare classes weigh: by a power of how rare they are; the mean weight of the images is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// All images alike.
    None,
    /// By the root of the inverse frequency.
    Root,
    /// By the inverse frequency: all classes alike.
    Full,
}

/// One image to learn from or to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The first of its rows in the table of features; its changed copies, where there are any, follow.
    pub row: u32,
    /// Its Kellgren-Lawrence grade.
    pub grade: u8,
}

/// What a head is trained on.
pub struct Lesson<'a> {
    /// The table of features.
    pub features: &'a Features,
    /// Images to learn from, phase after phase; from the second phase on the penalty draws weights to where the best head
    /// of the phase before had them, not to 0.
    pub phases: &'a [Vec<Example>],
    /// Images that choose the penalty and the temperature.
    pub val: &'a [Example],
    /// Rows that an image of the phases is learned from as: 1 is the image itself alone.
    pub copies: usize,
}

/// A trained head.
#[derive(Clone, Debug, PartialEq)]
pub struct Grader {
    task: Task,
    width: usize,
    /// Outputs x (features and a bias).
    weights: Vec<f32>,
    /// What outputs are divided by.
    pub temperature: f64,
    /// The penalty that was best on the validation set.
    pub penalty: f64,
    /// Steps over all phases and penalties.
    pub steps: usize,
    /// Whether each of them came to the bottom before it ran out of steps.
    pub converged: bool,
    /// Negative log-likelihood an image of the validation set, before calibration.
    pub val_loss: f64,
}

/// How far above its minimum the mean loss of an image may be left: by the bound for functions that bend at least as much
/// as the penalty does, which the bias alone escapes.
const GAP: f64 = 1e-5;
/// Rows whose gradients are added up in single precision.
const BLOCK: usize = 64;

/// Trains a head. Panics where a phase, the validation set or the list of penalties is empty.
pub fn fit(task: Task, recipe: &Recipe, lesson: &Lesson) -> Grader {
    assert!(lesson.phases.iter().all(|p| !p.is_empty()) && !lesson.val.is_empty(), "checked by the plan");
    let rows = lesson.phases.iter().flatten().map(|e| e.row as usize);
    let scale = Scale::of(lesson.features, rows);
    let zeros = vec![0.0; task.outputs() * (lesson.features.width() + 1)];
    let (mut anchor, mut best, mut steps, mut converged) = (zeros, None::<Grader>, 0, true);
    for examples in lesson.phases {
        let weights = recipe.weighting.weights(task, examples);
        let mut slope = Slope {
            task,
            features: lesson.features,
            scale: &scale,
            examples,
            copies: lesson.copies,
            weights,
            penalty: 0.0,
            anchor: anchor.clone(),
        };
        let (mut at, mut kept) = (anchor.clone(), anchor);
        for penalty in &recipe.penalties {
            slope.penalty = *penalty;
            let bottom = descend(&slope, at, (2.0 * penalty * GAP).sqrt(), recipe.steps);
            at = bottom.at;
            steps += bottom.steps;
            converged &= bottom.reached;
            let head = slope.grader(&at, lesson.val);
            if best.as_ref().is_none_or(|best| head.val_loss < best.val_loss) {
                kept.clone_from(&at);
                best = Some(head);
            }
        }
        anchor = kept;
    }
    let best = best.expect("penalties are there");
    let temperature = calibrate(task, &best.said(lesson.features, lesson.val));
    Grader { temperature, steps, converged, ..best }
}

impl Weighting {
    /// The weight of each class among these images.
    pub fn weights(self, task: Task, examples: &[Example]) -> [f32; GRADES] {
        let mut counts = [0.0; GRADES];
        examples.iter().for_each(|e| counts[task.class(e.grade)] += 1.0);
        let power = match self {
            Self::None => 0.0,
            Self::Root => -0.5,
            Self::Full => -1.0,
        };
        let raw = counts.map(|n: f64| if n > 0.0 { libm::pow(n, power) } else { 0.0 });
        let mean = counts.iter().zip(raw).map(|(n, w)| n * w).sum::<f64>() / examples.len() as f64;
        raw.map(|w| (w / mean) as f32)
    }
}

/// The mean loss of the images of a phase and the penalty, as a function of the scaled weights.
struct Slope<'a> {
    task: Task,
    features: &'a Features,
    scale: &'a Scale,
    examples: &'a [Example],
    copies: usize,
    weights: [f32; GRADES],
    penalty: f64,
    /// Where the penalty is 0; as the weights in [`Grader`], in the scale's terms.
    anchor: Vec<f64>,
}

impl Slope<'_> {
    /// Weights for rows as they are.
    fn folded(&self, at: &[f64]) -> Vec<f32> {
        let stride = self.features.width() + 1;
        at.chunks_exact(stride).flat_map(|output| self.scale.folded(output)).map(|w| w as f32).collect()
    }

    fn grader(&self, at: &[f64], val: &[Example]) -> Grader {
        let (task, width, penalty, weights) =
            (self.task, self.features.width(), self.penalty, self.folded(at));
        let plain = Grader {
            task,
            width,
            weights,
            temperature: 1.0,
            penalty,
            steps: 0,
            converged: true,
            val_loss: 0.0,
        };
        Grader { val_loss: likelihood(task, &plain.said(self.features, val), 1.0), ..plain }
    }

    /// The loss of one row, its part of the gradient added to `sums`.
    fn row(&self, weights: &[f32], (row, class): (&[f32], usize), sums: &mut [f32]) -> f64 {
        let (width, outputs) = (row.len(), self.task.outputs());
        let (mut found, mut slopes) = ([0.0; GRADES], [0.0; GRADES]);
        for (output, weights) in found.iter_mut().zip(weights.chunks_exact(width + 1)) {
            *output = dot(&weights[..width], row) + weights[width];
        }
        let loss = self.task.loss(&found[..outputs], class, &mut slopes[..outputs]);
        for (slope, sums) in slopes.iter().zip(sums.chunks_exact_mut(width + 1)).filter(|(s, _)| **s != 0.0) {
            let by = slope * self.weights[class];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += by * x);
            sums[width] += by;
        }
        loss * f64::from(self.weights[class])
    }
}

impl Valley for Slope<'_> {
    fn value(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
        let stride = self.features.width() + 1;
        let (folded, mut sums) = (self.folded(at), vec![0.0f32; at.len()]);
        let mut loss = 0.0;
        gradient.fill(0.0);
        for block in self.examples.chunks(BLOCK) {
            sums.fill(0.0);
            for (example, copy) in block.iter().flat_map(|e| (0..self.copies).map(move |copy| (e, copy))) {
                let row = self.features.row(example.row as usize + copy);
                loss += self.row(&folded, (row, self.task.class(example.grade)), &mut sums);
            }
            gradient.iter_mut().zip(&sums).for_each(|(g, s)| *g += f64::from(*s));
        }
        let each = 1.0 / (self.examples.len() * self.copies) as f64;
        let mut stretched = 0.0;
        let outputs = gradient
            .chunks_exact_mut(stride)
            .zip(at.chunks_exact(stride).zip(self.anchor.chunks_exact(stride)));
        for (gradient, (at, anchor)) in outputs {
            self.scale.fold_gradient(gradient);
            gradient.iter_mut().for_each(|g| *g *= each);
            for ((g, w), a) in gradient[..stride - 1].iter_mut().zip(at).zip(anchor) {
                *g += self.penalty * (w - a);
                stretched += (w - a) * (w - a);
            }
        }
        loss * each + 0.5 * self.penalty * stretched
    }
}

impl Grader {
    /// A head of these weights, as [`Self::weights`] gives them; nothing where their number does not fit.
    pub fn of(task: Task, width: usize, weights: Vec<f32>, temperature: f64) -> Option<Self> {
        let whole = weights.len() == task.outputs() * (width + 1);
        let head = || Self {
            task,
            width,
            weights,
            temperature,
            penalty: f64::NAN,
            steps: 0,
            converged: true,
            val_loss: f64::NAN,
        };
        whole.then(head)
    }

    /// Weights of the features and a bias, output after output.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Probabilities of the answers for a described image.
    pub fn judge(&self, row: &[f32]) -> [f64; GRADES] {
        self.task.probabilities(&self.outputs(row), self.temperature)
    }

    fn outputs(&self, row: &[f32]) -> [f32; GRADES] {
        let mut outputs = [0.0; GRADES];
        for (output, weights) in outputs.iter_mut().zip(self.weights.chunks_exact(self.width + 1)) {
            *output = dot(&weights[..self.width], row) + weights[self.width];
        }
        outputs
    }

    /// What it says of described images, beside their grades.
    fn said(&self, features: &Features, examples: &[Example]) -> Vec<Said> {
        examples.iter().map(|e| (self.outputs(features.row(e.row as usize)), e.grade)).collect()
    }
}

/// A head's outputs for an image (unused ones 0), and its grade.
pub type Said = ([f32; GRADES], u8);

/// Negative log-likelihood an image, outputs divided by `temperature`.
pub fn likelihood(task: Task, said: &[Said], temperature: f64) -> f64 {
    let of = |(outputs, grade): &Said| {
        -libm::log(task.probabilities(outputs, temperature)[task.class(*grade)].max(1e-300))
    };
    said.iter().map(of).sum::<f64>() / said.len() as f64
}

/// The temperature (Guo et al. 2017) that makes what was said of a validation set likeliest, between 1/20 and 20: by golden
/// section on its logarithm, in which the loss has one valley.
pub fn calibrate(task: Task, said: &[Said]) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let loss = |t: f64| likelihood(task, said, libm::exp(t));
    let (mut low, mut high) = (-3.0, 3.0);
    for _ in 0..24 {
        let reach = GOLDEN * (high - low);
        let (left, right) = (high - reach, low + reach);
        if loss(left) < loss(right) { high = right } else { low = left }
    }
    libm::exp(0.5 * (low + high))
}

/// Sums in sixteen lanes, which compilers turn into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in left.zip(right) {
        sums.iter_mut().zip(x).zip(y).for_each(|((s, x), y)| *s += x * y);
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn recipe() -> Recipe {
        Recipe { penalties: vec![1.0, 0.1, 0.01, 0.001], steps: 100, weighting: Weighting::None }
    }

    /// Images whose first feature is their grade with noise, the second noise, the third constant.
    fn cloud(count: usize, noise: f64) -> (Features, Vec<Example>) {
        let mut draws = stream(1, Purpose::Bootstrap, 0);
        let (mut values, mut examples) = (Vec::new(), Vec::new());
        for row in 0..count {
            let grade = (row % GRADES) as u8;
            values.push(40.0 + 3.0 * (f64::from(grade) + noise * draws.normal()) as f32);
            values.extend([draws.normal() as f32, 7.0]);
            examples.push(Example { row: row as u32, grade });
        }
        (Features::new(3, values).unwrap(), examples)
    }

    fn right(task: Task, grader: &Grader, features: &Features, examples: &[Example]) -> f64 {
        let hit =
            |e: &&Example| task.decide(&grader.judge(features.row(e.row as usize))) == task.class(e.grade);
        examples.iter().filter(hit).count() as f64 / examples.len() as f64
    }

    #[test]
    fn every_head_learns_an_order_to_the_end() {
        let (features, examples) = cloud(1000, 0.2);
        let (train, rest) = examples.split_at(600);
        let (val, test) = rest.split_at(200);
        let phases = [train.to_vec()];
        let lesson = Lesson { features: &features, phases: &phases, val, copies: 1 };
        // Neighbouring grades overlap: the best rule errs in 1% of normals beyond 2.5 deviations, on one side or both.
        for (task, least) in [(Task::Binary, 0.97), (Task::Grades, 0.9), (Task::Ordinal, 0.95)] {
            let grader = fit(task, &recipe(), &lesson);
            let share = right(task, &grader, &features, test);
            assert!(share > least, "{task:?}: {share}");
            assert!(grader.converged && grader.steps < 200, "{task:?}: {}", grader.steps);
        }
    }

    /// Images of 250 features that share what few directions say, as those of networks and banks do: the grade is one of
    /// them.
    fn crowd(count: usize) -> (Features, Vec<Example>) {
        let mut draws = stream(5, Purpose::Bootstrap, 0);
        let mixing: Vec<Vec<f32>> = (0..12).map(|_| draws.normals(250)).collect();
        let (mut values, mut examples) = (Vec::new(), Vec::new());
        for row in 0..count {
            let grade = draws.below(GRADES) as u8;
            let mut said: Vec<f32> = draws.normals(12);
            said[0] = 0.6 * f32::from(grade) + 0.4 * said[0];
            let own = draws.normals(250);
            let feature = |at: usize| said.iter().zip(&mixing).map(|(s, m)| s * m[at]).sum::<f32>() + own[at];
            values.extend((0..250).map(feature));
            examples.push(Example { row: row as u32, grade });
        }
        (Features::new(250, values).unwrap(), examples)
    }

    #[test]
    fn twenty_times_as_many_images_help_every_head() {
        let (features, examples) = crowd(1000);
        let (train, rest) = examples.split_at(300);
        let (val, test) = rest.split_at(100);
        for task in [Task::Binary, Task::Grades, Task::Ordinal] {
            let accuracy = |images: usize| {
                let phases = [train[..images].to_vec()];
                let lesson = Lesson { features: &features, phases: &phases, val, copies: 1 };
                right(task, &fit(task, &recipe(), &lesson), &features, test)
            };
            let (few, many) = (accuracy(15), accuracy(300));
            println!("{task:?}: {few} {many}");
            // Of 600 tested images, four standard errors of a difference are 0.12 at most.
            assert!(many > few + 0.12, "{task:?}: {few} {many}");
        }
    }

    #[test]
    fn the_slope_is_that_of_finite_differences() {
        let (features, examples) = cloud(60, 1.0);
        let scale = Scale::of(&features, 0..60);
        for task in [Task::Binary, Task::Grades, Task::Ordinal] {
            let size = task.outputs() * 4;
            let point: Vec<f64> =
                stream(7, Purpose::Bootstrap, 0).normals(2 * size).into_iter().map(f64::from).collect();
            let (at, anchor) = point.split_at(size);
            let slope = Slope {
                task,
                features: &features,
                scale: &scale,
                examples: &examples,
                copies: 1,
                weights: [1.5, 0.5, 1.0, 2.0, 0.3],
                penalty: 0.7,
                anchor: anchor.to_vec(),
            };
            let (mut gradient, mut ignored) = (vec![0.0; size], vec![0.0; size]);
            slope.value(at, &mut gradient);
            for k in 0..size {
                let mut value = |by: f64| {
                    let mut moved = at.to_vec();
                    moved[k] += by;
                    slope.value(&moved, &mut ignored)
                };
                let found = (value(1e-2) - value(-1e-2)) / 2e-2;
                // Outputs are in single precision, and the third derivative is not 0.
                assert!(
                    (found - gradient[k]).abs() < 1e-3 * (1.0 + found.abs()),
                    "{task:?} {k}: {found} {}",
                    gradient[k]
                );
            }
        }
    }

    #[test]
    fn a_second_phase_mends_a_wrong_first_one_and_begins_with_a_right_one() {
        let (features, examples) = cloud(1000, 0.2);
        let (train, rest) = examples.split_at(600);
        let (val, test) = rest.split_at(200);
        let wrong: Vec<Example> = train.iter().map(|e| Example { grade: 4 - e.grade, ..*e }).collect();
        let accuracy = |phases: &[Vec<Example>]| {
            let lesson = Lesson { features: &features, phases, val, copies: 1 };
            right(Task::Binary, &fit(Task::Binary, &recipe(), &lesson), &features, test)
        };
        assert!(accuracy(&[wrong, train.to_vec()]) > 0.95);
        assert!(accuracy(&[train.to_vec(), train[..10].to_vec()]) > 0.95);
    }

    #[test]
    fn full_weighting_makes_a_rare_grade_count_as_much_as_a_frequent_one() {
        let examples: Vec<Example> =
            (0..100).map(|row| Example { row, grade: if row < 90 { 0 } else { 4 } }).collect();
        let [w0, w1, ..] = Weighting::Full.weights(Task::Binary, &examples);
        assert!((90.0 * w0 - 50.0).abs() < 1e-3 && (10.0 * w1 - 50.0).abs() < 1e-3, "{w0} {w1}");
        assert_eq!(Weighting::None.weights(Task::Binary, &examples)[..2], [1.0, 1.0]);
    }

    #[test]
    fn calibration_cools_a_head_that_is_too_sure() {
        let (features, examples) = cloud(500, 2.0);
        let phases = [examples[..40].to_vec()];
        let lesson = Lesson { features: &features, phases: &phases, val: &examples[40..], copies: 1 };
        let mut grader = fit(Task::Binary, &recipe(), &lesson);
        let before = grader.temperature;
        grader.weights.iter_mut().for_each(|w| *w *= 5.0);
        let hotter = calibrate(Task::Binary, &grader.said(&features, lesson.val));
        assert!((hotter / before / 5.0 - 1.0).abs() < 1e-3);
    }
}
