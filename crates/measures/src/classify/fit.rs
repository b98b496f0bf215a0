//! The training of a linear head: Adam on keyed batches, stopped and calibrated by a validation set.

use serde::{Deserialize, Serialize};

use super::scale::Scale;
use super::task::{GRADES, Task};
use crate::features::Features;
use crate::rng::{Purpose, stream};

/// How a head is trained; the same in every arm of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Steps at most, over all phases.
    pub steps: usize,
    /// Images a step.
    pub batch: usize,
    /// Adam's rate at the first step; it falls to 0 along half a cosine in each phase.
    pub rate: f64,
    /// Decoupled weight decay (Loshchilov and Hutter 2019), as a share of the rate.
    pub decay: f64,
    /// How errors on rare grades weigh.
    pub weighting: Weighting,
    /// Steps between two looks at the validation set.
    pub check: usize,
    /// Looks without improvement after which a phase ends.
    pub patience: usize,
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
    /// Images to learn from, phase after phase; each phase has an equal share of the steps and begins with the weights
    /// that were best before.
    pub phases: &'a [Vec<Example>],
    /// Images that choose the step and the temperature.
    pub val: &'a [Example],
    /// Rows an image of the phases can be drawn as: 1 is the image itself alone.
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
    /// The step that was best on the validation set.
    pub step: usize,
    /// Negative log-likelihood an image there, before calibration.
    pub val_loss: f64,
}

/// Adam's usual decays, and what keeps its denominator from 0.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Trains a head. Panics where a phase or the validation set is empty.
pub fn fit(task: Task, recipe: &Recipe, lesson: &Lesson, seed: u64) -> Grader {
    assert!(lesson.phases.iter().all(|p| !p.is_empty()) && !lesson.val.is_empty(), "checked by the plan");
    let rows = lesson.phases.iter().flatten().map(|e| e.row as usize);
    let mut learner = Learner::new(task, Scale::of(lesson.features, rows), lesson.features.width());
    let mut best = learner.grader(0, f64::INFINITY);
    best.val_loss = best.loss(lesson.features, lesson.val, 1.0);
    for (number, examples) in lesson.phases.iter().enumerate() {
        let phase =
            Phase { number, examples, weights: weights(task, recipe.weighting, examples), recipe, seed };
        learner.begin();
        best = learner.phase(&phase, lesson, best);
    }
    best.temperature = calibrate(&best, lesson);
    best
}

/// The weight of each class.
fn weights(task: Task, weighting: Weighting, examples: &[Example]) -> [f32; GRADES] {
    let mut counts = [0.0; GRADES];
    examples.iter().for_each(|e| counts[task.class(e.grade)] += 1.0);
    let power = match weighting {
        Weighting::None => 0.0,
        Weighting::Root => -0.5,
        Weighting::Full => -1.0,
    };
    let raw = counts.map(|n: f64| if n > 0.0 { libm::pow(n, power) } else { 0.0 });
    let mean = counts.iter().zip(raw).map(|(n, w)| n * w).sum::<f64>() / examples.len() as f64;
    raw.map(|w| (w / mean) as f32)
}

struct Phase<'a> {
    number: usize,
    examples: &'a [Example],
    weights: [f32; GRADES],
    recipe: &'a Recipe,
    seed: u64,
}

struct Learner {
    task: Task,
    width: usize,
    scale: Scale,
    /// In the scale's terms; as in [`Grader`].
    weights: Vec<f32>,
    gradient: Vec<f32>,
    moments: [Vec<f32>; 2],
    /// A row in the scale's terms, and 1 for the bias.
    row: Vec<f32>,
    /// The scaled weights of the best step, to begin a phase with.
    kept: Vec<f32>,
    steps: usize,
}

impl Learner {
    fn new(task: Task, scale: Scale, width: usize) -> Self {
        let zeros = || vec![0.0; task.outputs() * (width + 1)];
        let mut row = vec![0.0; width + 1];
        row[width] = 1.0;
        let (weights, gradient, kept) = (zeros(), zeros(), zeros());
        Self { task, width, scale, weights, gradient, moments: [zeros(), zeros()], row, kept, steps: 0 }
    }

    /// Goes back to the best weights, with moments forgotten.
    fn begin(&mut self) {
        self.weights.clone_from(&self.kept);
        self.moments.iter_mut().for_each(|m| m.fill(0.0));
    }

    /// Steps of one phase; the best grader by the validation set, be it of this phase or the one before.
    fn phase(&mut self, phase: &Phase, lesson: &Lesson, mut best: Grader) -> Grader {
        let recipe = phase.recipe;
        let steps = recipe.steps / lesson.phases.len();
        let mut idle = 0;
        for step in 0..steps {
            let along = step as f64 / steps as f64;
            let rate = recipe.rate * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * along));
            self.slope(phase, lesson, step);
            self.adam(step + 1, rate, recipe.decay);
            self.steps += 1;
            if (step + 1) % recipe.check != 0 && step + 1 != steps {
                continue;
            }
            let mut now = self.grader(self.steps, 0.0);
            now.val_loss = now.loss(lesson.features, lesson.val, 1.0);
            if now.val_loss < best.val_loss {
                (best, idle) = (now, 0);
                self.kept.clone_from(&self.weights);
            } else {
                idle += 1;
                if idle >= recipe.patience {
                    break;
                }
            }
        }
        best
    }

    /// The mean gradient of a batch.
    fn slope(&mut self, phase: &Phase, lesson: &Lesson, step: usize) {
        let key = (phase.number as u64) << 32 | step as u64;
        let mut draws = stream(phase.seed, Purpose::UtilityBatch, key);
        let (stride, batch) = (self.width + 1, phase.recipe.batch);
        self.gradient.fill(0.0);
        let mut outputs = vec![0.0; self.task.outputs()];
        let mut slopes = outputs.clone();
        for _ in 0..batch {
            let example = phase.examples[draws.below(phase.examples.len())];
            let row = example.row as usize + draws.below(lesson.copies);
            self.scale.apply(lesson.features.row(row), &mut self.row[..self.width]);
            for (output, weights) in outputs.iter_mut().zip(self.weights.chunks_exact(stride)) {
                *output = dot(weights, &self.row);
            }
            let class = self.task.class(example.grade);
            self.task.loss(&outputs, class, &mut slopes);
            let weight = phase.weights[class] / batch as f32;
            for (slope, gradient) in slopes.iter().zip(self.gradient.chunks_exact_mut(stride)) {
                let by = slope * weight;
                gradient.iter_mut().zip(&self.row).for_each(|(g, x)| *g += by * x);
            }
        }
    }

    /// A step of Adam with decoupled decay, which spares the bias.
    fn adam(&mut self, step: usize, rate: f64, decay: f64) {
        let [b1, b2] = BETAS.map(|b| b as f32);
        let correct = BETAS.map(|b| 1.0 - libm::pow(b, step as f64));
        let size = (rate / correct[0]) as f32;
        let root = correct[1].sqrt() as f32;
        let [first, second] = &mut self.moments;
        let stride = self.width + 1;
        for (at, weight) in self.weights.iter_mut().enumerate() {
            let g = self.gradient[at];
            first[at] = b1 * first[at] + (1.0 - b1) * g;
            second[at] = b2 * second[at] + (1.0 - b2) * g * g;
            let kept = if at % stride == self.width { 1.0 } else { 1.0 - (rate * decay) as f32 };
            *weight = *weight * kept - size * first[at] / (second[at].sqrt() / root + EPSILON as f32);
        }
    }

    /// The head for plain rows.
    fn grader(&self, step: usize, val_loss: f64) -> Grader {
        let mut weights = self.weights.clone();
        for output in weights.chunks_exact_mut(self.width + 1) {
            let (weights, bias) = output.split_at_mut(self.width);
            self.scale.fold(weights, &mut bias[0]);
        }
        Grader { task: self.task, width: self.width, weights, temperature: 1.0, step, val_loss }
    }
}

impl Grader {
    /// Probabilities of the answers for a described image.
    pub fn judge(&self, row: &[f32]) -> [f64; GRADES] {
        self.at(row, self.temperature)
    }

    fn at(&self, row: &[f32], temperature: f64) -> [f64; GRADES] {
        let mut outputs = [0.0; GRADES];
        for (output, weights) in outputs.iter_mut().zip(self.weights.chunks_exact(self.width + 1)) {
            *output = dot(&weights[..self.width], row) + weights[self.width];
        }
        self.task.probabilities(&outputs, temperature)
    }

    /// Negative log-likelihood an image.
    fn loss(&self, features: &Features, examples: &[Example], temperature: f64) -> f64 {
        let of = |e: &Example| {
            let p = self.at(features.row(e.row as usize), temperature);
            -libm::log(p[self.task.class(e.grade)].max(1e-300))
        };
        examples.iter().map(of).sum::<f64>() / examples.len() as f64
    }
}

/// The temperature (Guo et al. 2017) that makes the validation set likeliest, between 1/20 and 20: by golden section on its
/// logarithm, in which the loss has one valley.
fn calibrate(grader: &Grader, lesson: &Lesson) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let loss = |t: f64| grader.loss(lesson.features, lesson.val, libm::exp(t));
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

    const RECIPE: Recipe = Recipe {
        steps: 600,
        batch: 32,
        rate: 0.02,
        decay: 0.01,
        weighting: Weighting::None,
        check: 20,
        patience: 100,
    };

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
    fn every_head_learns_an_order_and_the_same_seed_learns_the_same() {
        let (features, examples) = cloud(1000, 0.2);
        let (train, rest) = examples.split_at(600);
        let (val, test) = rest.split_at(200);
        let phases = [train.to_vec()];
        let lesson = Lesson { features: &features, phases: &phases, val, copies: 1 };
        // Neighbouring grades overlap: the best rule errs in 1% of normals beyond 2.5 deviations, on one side or both.
        for (task, least) in [(Task::Binary, 0.97), (Task::Grades, 0.9), (Task::Ordinal, 0.95)] {
            let grader = fit(task, &RECIPE, &lesson, 3);
            let share = right(task, &grader, &features, test);
            assert!(share > least, "{task:?}: {share}");
            assert_eq!(grader, fit(task, &RECIPE, &lesson, 3));
            assert_ne!(grader, fit(task, &RECIPE, &lesson, 4));
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
            right(Task::Binary, &fit(Task::Binary, &RECIPE, &lesson, 0), &features, test)
        };
        assert!(accuracy(&[wrong, train.to_vec()]) > 0.95);
        assert!(accuracy(&[train.to_vec(), train[..10].to_vec()]) > 0.95);
    }

    #[test]
    fn full_weighting_makes_a_rare_grade_count_as_much_as_a_frequent_one() {
        let examples: Vec<Example> =
            (0..100).map(|row| Example { row, grade: if row < 90 { 0 } else { 4 } }).collect();
        let [w0, w1, ..] = weights(Task::Binary, Weighting::Full, &examples);
        assert!((90.0 * w0 - 50.0).abs() < 1e-3 && (10.0 * w1 - 50.0).abs() < 1e-3, "{w0} {w1}");
        assert_eq!(weights(Task::Binary, Weighting::None, &examples)[..2], [1.0, 1.0]);
    }

    #[test]
    fn calibration_cools_a_head_that_is_too_sure() {
        let (features, examples) = cloud(500, 2.0);
        let phases = [examples[..40].to_vec()];
        let lesson = Lesson { features: &features, phases: &phases, val: &examples[40..], copies: 1 };
        let mut grader = fit(Task::Binary, &RECIPE, &lesson, 0);
        let before = grader.temperature;
        grader.weights.iter_mut().for_each(|w| *w *= 5.0);
        assert!((calibrate(&grader, &lesson) / before / 5.0 - 1.0).abs() < 1e-3);
    }
}
