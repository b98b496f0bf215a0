//! The training of a whole network: keyed batches, slower below than above, stopped and calibrated by a validation set;
//! exact to resume.

use std::path::Path;
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::classify::{Example, GRADES, Said, Task, Weighting, calibrate, likelihood};
use doppelray_measures::rng::{Purpose, Stream, stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Architecture, Classifier, normalised};
use crate::adam::{Adam, AdamConfig, Pace};
use crate::error::{Error, Result};
use crate::parameters::{Parameters, collect, load, values};
use crate::store::{self, Width, below, under};

/// Images judged at a time.
const JUDGED: usize = 16;
/// Adam's usual decays.
const BETAS: [f32; 2] = [0.9, 0.999];

/// Gives the [`SIDE`](crate::pretrained::SIDE) x `SIDE` pixels of an example in 0..1, changed by what the stream draws where
/// there is one.
pub type Pixels<'a> =
    &'a (dyn Fn(&Example, Option<&mut Stream>) -> doppelray_images::Result<Vec<f32>> + Sync);

/// How a network is trained; the same in every arm of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Adam's step size in the head; it falls evenly to 0 over a phase.
    pub rate: f64,
    /// The step size at the image as a share of that; in between it grows geometrically with depth (Howard and Ruder 2018).
    pub lowest: f64,
    /// What a step takes off every weight, as a share of it and of the step size.
    pub decay: f64,
    /// Images a step.
    pub batch: usize,
    /// Steps at most, over all phases.
    pub steps: usize,
    /// Steps between two looks at the validation set.
    pub check: usize,
    /// Looks without improvement after which a phase ends.
    pub patience: usize,
    /// How errors on rare grades weigh.
    pub weighting: Weighting,
}

/// What a network is trained on.
pub struct Course<'a> {
    /// What it is asked.
    pub task: Task,
    /// How it is trained.
    pub recipe: &'a Recipe,
    /// Images to learn from, phase after phase.
    pub phases: &'a [Vec<Example>],
    /// Images that choose the step and the temperature.
    pub val: &'a [Example],
    /// Where the pixels come from.
    pub pixels: Pixels<'a>,
    /// Whether images are changed as they are learned from.
    pub augment: bool,
    /// Of all that is drawn.
    pub seed: u64,
}

/// A trained network.
#[derive(Debug)]
pub struct Tuned {
    network: Classifier,
    task: Task,
    /// What outputs are divided by.
    pub temperature: f64,
    /// The step that was best on the validation set.
    pub step: usize,
    /// Negative log-likelihood an image there, before calibration.
    pub val_loss: f64,
    /// Whether every phase ended because nothing was learned any more, not because its steps were used up.
    pub ended_early: bool,
}

/// Where a training stands between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Position {
    phase: usize,
    /// Steps taken in this phase.
    step: usize,
    /// Steps taken in all.
    steps: usize,
    best_step: usize,
    best_loss: f64,
    /// Looks at the validation set without improvement.
    idle: usize,
    /// Phases that used up their steps.
    used_up: usize,
    /// Of the optimiser in this phase.
    adam: u64,
}

struct Session<'a> {
    course: &'a Course<'a>,
    network: Classifier,
    best: Parameters,
    adam: Adam,
    position: Position,
}

/// Trains the network of a weights file, or goes on with what `folder` holds: the same network, bit for bit, as without
/// interruption. A call may be given fewer `looks` at the validation set than it takes, and then gives nothing back yet.
pub fn tune(
    weights: &Path,
    course: &Course,
    folder: &Path,
    looks: Option<usize>,
    listener: Listener,
) -> Result<Option<Tuned>> {
    std::fs::create_dir_all(folder).map_err(Error::unwritten(folder))?;
    let file = folder.join("training.safetensors");
    let network = Classifier::read(weights, course.task.outputs(), course.seed, &Device::flex().autodiff())?;
    let mut session = if file.is_file() {
        Session::restored(network, course, &file)?
    } else {
        Session::begin(network, course)?
    };
    let done = session.position.steps;
    if done > 0 {
        listener(Event::Note(format!("going on from step {done}")));
    }
    let left = course.recipe.steps.saturating_sub(done) as u64;
    listener(Event::Begin { task: "training a network", total: left, unit: "steps" });
    let mut left = looks.unwrap_or(usize::MAX);
    while session.position.phase < course.phases.len() {
        if left == 0 {
            return Ok(None);
        }
        session.step()?;
        listener(Event::Advance(1));
        if session.looks() {
            session.look()?;
            session.save(&file)?;
            left -= 1;
        }
    }
    listener(Event::End);
    Ok(Some(session.end()?))
}

/// How long a step takes here, over a few; nothing is kept of them.
pub fn pace(weights: &Path, course: &Course, steps: usize) -> Result<Duration> {
    let device = Device::flex().autodiff();
    let network = Classifier::read(weights, course.task.outputs(), course.seed, &device)?;
    let mut session = Session::at_start(network, course, f64::INFINITY);
    let began = Instant::now();
    for _ in 0..steps {
        session.step()?;
    }
    Ok(began.elapsed() / steps.max(1) as u32)
}

impl<'a> Session<'a> {
    fn begin(network: Classifier, course: &'a Course<'a>) -> Result<Self> {
        let best_loss = likelihood(course.task, &said(&network.valid(), course, course.val)?, 1.0);
        Ok(Self::at_start(network, course, best_loss))
    }

    fn at_start(network: Classifier, course: &'a Course<'a>, best_loss: f64) -> Self {
        let position =
            Position { phase: 0, step: 0, steps: 0, best_step: 0, best_loss, idle: 0, used_up: 0, adam: 0 };
        Self { course, best: collect(&network), network, adam: Adam::default(), position }
    }

    /// Steps a phase has at most.
    fn length(&self) -> usize {
        (self.course.recipe.steps / self.course.phases.len()).max(1)
    }

    fn step(&mut self) -> Result<()> {
        let (course, phase, step) = (self.course, self.position.phase, self.position.step);
        let (recipe, examples) = (course.recipe, &course.phases[phase]);
        let mut draws = stream(course.seed, Purpose::ClassifierBatch, (phase as u64) << 32 | step as u64);
        let chosen: Vec<(Example, u64)> =
            (0..recipe.batch).map(|_| (examples[draws.below(examples.len())], draws.word())).collect();
        let pixels = |(example, key): &(Example, u64)| {
            let mut change = stream(*key, Purpose::ClassifierBatch, u64::MAX);
            (course.pixels)(example, course.augment.then_some(&mut change))
        };
        let images = chosen.par_iter().map(pixels).collect::<doppelray_images::Result<Vec<_>>>()?;
        let device = Device::flex().autodiff();
        let outputs = self.network.forward(normalised(&images, &device));
        let grades: Vec<u8> = chosen.iter().map(|(example, _)| example.grade).collect();
        let weights = recipe.weighting.weights(course.task, examples);
        let slopes = slopes(course.task, &outputs, &grades, &weights);
        let slopes = Tensor::<2>::from_data(TensorData::new(slopes, outputs.dims()), &device);
        // A sum whose gradient by the outputs is the loss's.
        let gradients = (outputs * slopes).sum().backward();
        let rate = recipe.rate * (1.0 - step as f64 / self.length() as f64);
        let config = AdamConfig { rate: rate as f32, beta_1: BETAS[0], beta_2: BETAS[1] };
        let network = self.network.clone();
        let share = |path: &str| recipe.lowest.powf(1.0 - network.depth(path)) as f32;
        let pace = Pace { share: &share, decay: recipe.decay as f32 };
        self.network = self.adam.paced_step(config, &pace, self.network.clone(), gradients);
        self.position.step += 1;
        self.position.steps += 1;
        Ok(())
    }

    /// Whether it is time to look at the validation set.
    fn looks(&self) -> bool {
        let step = self.position.step;
        step.is_multiple_of(self.course.recipe.check) || step == self.length()
    }

    fn look(&mut self) -> Result<()> {
        let (course, steps) = (self.course, self.position.steps);
        let loss = likelihood(course.task, &said(&self.network.valid(), course, course.val)?, 1.0);
        if !loss.is_finite() {
            let reason =
                format!("whole.rate: the loss is not finite after {steps} steps; choose a smaller one");
            return Err(Error::Setting(reason));
        }
        if loss < self.position.best_loss {
            self.best = collect(&self.network);
            self.position = Position { best_loss: loss, best_step: steps, idle: 0, ..self.position };
        } else {
            self.position.idle += 1;
        }
        let spent = self.position.step == self.length();
        if spent || self.position.idle >= course.recipe.patience {
            self.position.used_up += usize::from(spent);
            self.position = Position { phase: self.position.phase + 1, step: 0, idle: 0, ..self.position };
            self.adam = Adam::default();
            self.network = load(self.network.clone(), &self.best).map_err(Error::Setting)?;
        }
        Ok(())
    }

    fn save(&self, file: &Path) -> Result<()> {
        let mut state: Parameters = under("network", &collect(&self.network)).collect();
        state.extend(under("best", &self.best));
        state.extend(self.adam.state("adam"));
        let position = Position { adam: self.adam.steps, ..self.position.clone() };
        store::write(file, &state, &position, Width::Single)
    }

    fn restored(network: Classifier, course: &'a Course<'a>, file: &Path) -> Result<Self> {
        let (state, position): (Parameters, Position) = store::read(file)?;
        let mend =
            |reason| Error::content(file, format!("{reason}; delete it, and the training begins anew"));
        let network = load(network, &below("network", &state)).map_err(mend)?;
        let adam = Adam::restored("adam", &state, position.adam);
        Ok(Self { course, network, best: below("best", &state), adam, position })
    }

    fn end(self) -> Result<Tuned> {
        let (course, network) =
            (self.course, load(self.network, &self.best).map_err(Error::Setting)?.valid());
        let temperature = calibrate(course.task, &said(&network, course, course.val)?);
        let Position { best_step: step, best_loss: val_loss, used_up, .. } = self.position;
        Ok(Tuned { network, task: course.task, temperature, step, val_loss, ended_early: used_up == 0 })
    }
}

impl Tuned {
    /// A network of these parameters, as [`Self::parameters`] gives them.
    pub fn restored(
        architecture: Architecture,
        task: Task,
        temperature: f64,
        parameters: &Parameters,
    ) -> Result<Self, String> {
        let network = Classifier::random(architecture, task.outputs(), 0, &Device::flex());
        let network = load(network, parameters)?;
        Ok(Self { network, task, temperature, step: 0, val_loss: f64::NAN, ended_early: true })
    }

    /// Which network it is.
    pub fn architecture(&self) -> Architecture {
        self.network.architecture
    }

    /// The network alone.
    pub(crate) fn into_network(self) -> Classifier {
        self.network
    }

    /// All its weights.
    pub fn parameters(&self) -> Parameters {
        collect(&self.network)
    }

    /// Probabilities of the answers for each image of [`SIDE`](crate::pretrained::SIDE) x `SIDE` values in 0..1.
    pub fn judge(&self, images: &[Vec<f32>]) -> Vec<[f64; GRADES]> {
        let outputs = outputs(&self.network, self.task, images);
        outputs.iter().map(|o| self.task.probabilities(o, self.temperature)).collect()
    }
}

/// Weighted gradients of the mean loss by the outputs.
fn slopes(task: Task, outputs: &Tensor<2>, grades: &[u8], weights: &[f32; GRADES]) -> Vec<f32> {
    let width = task.outputs();
    let mut slopes = vec![0.0; grades.len() * width];
    let found = values(outputs.clone());
    for ((slopes, outputs), grade) in
        slopes.chunks_exact_mut(width).zip(found.chunks_exact(width)).zip(grades)
    {
        let class = task.class(*grade);
        task.loss(outputs, class, slopes);
        slopes.iter_mut().for_each(|s| *s *= weights[class] / grades.len() as f32);
    }
    slopes
}

/// The head's outputs for each image, unused ones 0.
fn outputs(network: &Classifier, task: Task, images: &[Vec<f32>]) -> Vec<[f32; GRADES]> {
    let found = values(network.forward(normalised(images, &Device::flex())));
    let padded = |row: &[f32]| {
        let mut outputs = [0.0; GRADES];
        outputs[..row.len()].copy_from_slice(row);
        outputs
    };
    found.chunks_exact(task.outputs()).map(padded).collect()
}

/// What a network says of each example, beside its grade.
fn said(network: &Classifier, course: &Course, examples: &[Example]) -> Result<Vec<Said>> {
    let mut all = Vec::with_capacity(examples.len());
    for chunk in examples.chunks(JUDGED) {
        let images = chunk
            .par_iter()
            .map(|e| (course.pixels)(e, None))
            .collect::<doppelray_images::Result<Vec<_>>>()?;
        let outputs = outputs(network, course.task, &images);
        all.extend(outputs.into_iter().zip(chunk).map(|(outputs, example)| (outputs, example.grade)));
    }
    Ok(all)
}
