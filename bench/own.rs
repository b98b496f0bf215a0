//! Trains the network that `features = "own"` stands for: cargo run --release --workspace --example own -- FOLDER STEPS
//!
//! Goes on where FOLDER's checkpoint stands, and writes FOLDER/features.safetensors, which crates/gan/src/own/ ships.
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::path::PathBuf;

use doppelray_gan::own::{Lessons, Schooling, train};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let (folder, steps) = (PathBuf::from(&words[1]), words[2].parse().expect("steps"));
    std::fs::create_dir_all(&folder).expect("a folder to write into");
    let schooling = Schooling { steps, batch: 32, rate: 5e-4, check: 50 };
    let out = folder.join("features.safetensors");
    train(&Lessons::new(7, 4000), schooling, [&folder, &out], &|_| {}, &|step, entropy, squares| {
        let squares: Vec<String> = squares.iter().map(|v| format!("{v:.2}")).collect();
        println!("step {step}: cross entropy {entropy:.3}, squared errors {}", squares.join(" "));
    })
    .expect("a training");
}
