//! The training of the built-in network: grade by cross entropy, truths by squared error.

use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::{Event, Listener};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::lesson::{Lesson, Lessons, SHOWN, TRUTHS};
use crate::adam::{Adam, AdamConfig};
use crate::classifier::{Architecture, Classifier};
use crate::error::{Error, Result};
use crate::parameters::{Parameters, collect, load, values};
use crate::pretrained::{DEVIATION, MEAN};
use crate::store::{self, Width, below, under};

const GRADES: usize = 5;
/// What the squared errors weigh beside the cross entropy.
const WEIGHT: f32 = 3.0 / TRUTHS as f32;

/// How long and how fast the network learns.
#[derive(Clone, Copy, Debug)]
pub struct Schooling {
    /// Steps.
    pub steps: u64,
    /// Lessons a step.
    pub batch: u64,
    /// Step size of Adam at the start; it falls to 0 along half a cosine.
    pub rate: f64,
    /// Steps between two checkpoints.
    pub check: u64,
}

#[derive(Serialize, Deserialize)]
struct Position {
    step: u64,
    adam: u64,
}

/// Trains, or goes on with `folder`'s checkpoint, and writes the convolutions to `out` in half precision. `report` is told at
/// every checkpoint the step, the mean cross entropy since the last, and the mean squared error of each truth.
pub fn train(
    lessons: &Lessons,
    schooling: Schooling,
    [folder, out]: [&Path; 2],
    listener: Listener,
    report: &dyn Fn(u64, f64, [f64; TRUTHS]),
) -> Result<()> {
    let file = folder.join("school.safetensors");
    let device = Device::flex().autodiff();
    let outputs = GRADES + TRUTHS;
    let mut network = Classifier::random(Architecture::SqueezeNet, outputs, 1, &device);
    let (mut adam, mut step) = (Adam::default(), 0);
    if file.is_file() {
        let (state, position): (Parameters, Position) = store::read(&file)?;
        network = load(network, &below("network", &state)).map_err(|reason| Error::content(&file, reason))?;
        adam = Adam::restored("adam", &state, position.adam);
        step = position.step;
    }
    listener(Event::Begin { task: "teaching the features", total: schooling.steps, unit: "steps" });
    listener(Event::Advance(step));
    let mut losses = [0.0; TRUTHS + 1];
    while step < schooling.steps {
        let batch: Vec<Lesson> = (0..schooling.batch)
            .into_par_iter()
            .map(|i| lessons.lesson(step * schooling.batch + i))
            .collect();
        let said = network.forward(shown(&batch, &device));
        let slopes = slopes(&batch, &values(said.clone()), &mut losses);
        let slopes = Tensor::<2>::from_data(TensorData::new(slopes, [batch.len(), outputs]), &device);
        let gradients = (said * slopes).sum().backward();
        let course = step as f64 / schooling.steps as f64;
        let rate = schooling.rate * 0.5 * (1.0 + (std::f64::consts::PI * course).cos());
        let config = AdamConfig { rate: rate.max(1e-7) as f32, beta_1: 0.9, beta_2: 0.999 };
        network = adam.step(config, network, gradients);
        step += 1;
        listener(Event::Advance(1));
        if step.is_multiple_of(schooling.check) || step == schooling.steps {
            let [entropy, squares @ ..] = losses.map(|sum| sum / (schooling.check * schooling.batch) as f64);
            report(step, entropy, squares);
            losses = [0.0; TRUTHS + 1];
            let mut state: Parameters = under("network", &collect(&network)).collect();
            state.extend(adam.state("adam"));
            store::write(&file, &state, &Position { step, adam: adam.steps }, Width::Single)?;
        }
    }
    listener(Event::End);
    store::write(
        out,
        &network.valid().named(),
        &"doppelray's own features, trained on phantoms alone",
        Width::Half,
    )
}

/// `[b, 3, h, w]`, as torchvision's networks are shown grey images.
fn shown(batch: &[Lesson], device: &Device) -> Tensor<4> {
    let channel = |lesson: &Lesson, at: usize| {
        lesson.pixels.iter().map(move |v| (v - MEAN[at]) / DEVIATION[at]).collect::<Vec<f32>>()
    };
    let pixels = batch.iter().flat_map(|lesson| (0..3).flat_map(move |at| channel(lesson, at)));
    Tensor::from_data(TensorData::new(pixels.collect::<Vec<f32>>(), [batch.len(), 3, SHOWN, SHOWN]), device)
}

/// Gradients of the mean loss by what was said; losses are added up.
fn slopes(batch: &[Lesson], said: &[f32], losses: &mut [f64; TRUTHS + 1]) -> Vec<f32> {
    let mut slopes = Vec::with_capacity(said.len());
    for (lesson, said) in batch.iter().zip(said.chunks_exact(GRADES + TRUTHS)) {
        let (grades, truths) = said.split_at(GRADES);
        let largest = grades.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = grades.iter().map(|v| (v - largest).exp()).collect();
        let sum: f32 = powers.iter().sum();
        losses[0] -= f64::from((powers[usize::from(lesson.grade)] / sum).ln());
        let target = |grade: usize| if grade == usize::from(lesson.grade) { 1.0 } else { 0.0 };
        slopes.extend(powers.iter().enumerate().map(|(grade, power)| power / sum - target(grade)));
        for (loss, (said, truth)) in losses[1..].iter_mut().zip(truths.iter().zip(&lesson.truths)) {
            *loss += f64::from((said - truth).powi(2));
        }
        slopes.extend(truths.iter().zip(&lesson.truths).map(|(said, truth)| WEIGHT * (said - truth)));
    }
    slopes.iter_mut().for_each(|slope| *slope /= batch.len() as f32);
    slopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taught_is_learned_and_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let lessons = Lessons::new(5, 10);
        let out = folder.path().join("features.safetensors");
        let run = |steps: u64| {
            let errors = std::cell::RefCell::new(Vec::new());
            let schooling = Schooling { steps, batch: 4, rate: 3e-4, check: 3 };
            train(&lessons, schooling, [folder.path(), &out], &|_| {}, &|step, entropy, _| {
                errors.borrow_mut().push((step, entropy));
            })
            .unwrap();
            errors.into_inner()
        };
        assert_eq!(run(3).iter().map(|(step, _)| *step).collect::<Vec<_>>(), [3]);
        let errors = run(6);
        assert_eq!(errors.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [6]);
        assert!(errors[0].1.is_finite());
        crate::squeezenet::SqueezeNet::read(&out, &Device::flex()).unwrap();
    }

    #[test]
    fn slopes_are_the_gradient_of_the_loss() {
        let lesson = Lessons::new(5, 10).lesson(3);
        let said: Vec<f32> = (0..GRADES + TRUTHS).map(|i| (i as f32 * 0.7).sin()).collect();
        let loss = |said: &[f32]| {
            let mut losses = [0.0; TRUTHS + 1];
            slopes(std::slice::from_ref(&lesson), said, &mut losses);
            losses[0] + f64::from(WEIGHT) / 2.0 * losses[1..].iter().sum::<f64>()
        };
        let found = slopes(std::slice::from_ref(&lesson), &said, &mut [0.0; TRUTHS + 1]);
        for at in 0..said.len() {
            let moved = |by: f32| {
                let mut said = said.clone();
                said[at] += by;
                loss(&said)
            };
            let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((expected - f64::from(found[at])).abs() < 1e-3, "{at}: {expected} {}", found[at]);
        }
    }
}
