//! A training step of a classifier and the features of images, timed: `bench/networks.sh`.
//!
//! Usage: networks WEIGHTS IMAGES-A-STEP STEPS IMAGES
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::path::PathBuf;
use std::time::Instant;

use doppelray_gan::classifier::{Course, Recipe, pace};
use doppelray_gan::describer::Describer;
use doppelray_gan::pretrained::SIDE;
use doppelray_measures::classify::{Example, Task, Weighting};
use rayon::prelude::*;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |at: usize| words[at].parse::<usize>().expect("a number");
    let (weights, batch, steps, images) = (PathBuf::from(&words[1]), number(2), number(3), number(4));
    let examples: Vec<Example> =
        (0..batch as u32).map(|row| Example { row, grade: (row % 5) as u8 }).collect();
    let pixels = |at: u32| -> Vec<f32> {
        (0..SIDE * SIDE)
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(at) >> 24) as f32 / 255.0)
            .collect()
    };
    let recipe = Recipe {
        rate: 1e-4,
        lowest: 0.1,
        decay: 0.01,
        batch,
        steps,
        check: steps,
        patience: 1,
        weighting: Weighting::None,
    };
    let course = Course {
        task: Task::Grades,
        recipe: &recipe,
        phases: std::slice::from_ref(&examples),
        val: &examples,
        pixels: &|example, _| Ok(pixels(example.row)),
        augment: false,
        seed: 0,
    };
    // Once to warm up.
    pace(&weights, &course, 1).expect("a weights file");
    let step = pace(&weights, &course, steps).expect("a weights file");
    let network = Describer::read(&weights, &Default::default()).expect("a weights file");
    let shown: Vec<Vec<f32>> = (0..images as u32).map(pixels).collect();
    let began = Instant::now();
    let features: Vec<Vec<f32>> = shown.into_par_iter().map(|image| network.features(image)).collect();
    let described = features.len() as f64 / began.elapsed().as_secs_f64();
    let trained = batch as f64 / step.as_secs_f64();
    println!(
        "{{\"network\": \"{}\", \"trained\": {trained:.2}, \"described\": {described:.2}}}",
        network.name()
    );
}
