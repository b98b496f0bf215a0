//! Seconds of Frechet distance, kernel distance with its interval, and precision, recall, density and coverage; `bench/evaluate.py` sets them beside others.
//!
//! Arguments: images a side, features, and a file of both sets' f32 values, one after the other.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::time::Instant;

use doppelray_measures::Features;
use doppelray_measures::frechet::{Gaussian, frechet};
use doppelray_measures::kid::kid;
use doppelray_measures::prdc::indicators;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rows, width]: [usize; 2] = [&words[0], &words[1]].map(|word| word.parse().expect("a count"));
    let bytes = std::fs::read(&words[2]).expect("a file of values");
    let values: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let [a, b] = [0, 1].map(|side| {
        let from = side * rows * width;
        Features::new(width, values[from..from + rows * width].to_vec()).expect("finite values")
    });
    let began = Instant::now();
    let [p, q] = [&a, &b].map(|set| Gaussian::of(set).expect("two images or more"));
    let distance = frechet(&p, &q).expect("one space");
    let frechet_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let prdc = indicators(&a, &b, 5).expect("more than k images").measures();
    let prdc_seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let kernel = kid(&a, &b).expect("one space").value;
    let kid_seconds = began.elapsed().as_secs_f64();
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().to_owned();
    let peak = peak.trim_end_matches(" kB");
    println!(
        r#"{{"frechet": {distance}, "kid": {kernel}, "kid_s": {kid_seconds}, "precision": {}, "recall": {}, "density": {}, "coverage": {}, "frechet_s": {frechet_seconds}, "prdc_s": {prdc_seconds}, "peak_kb": {peak}}}"#,
        prdc.precision, prdc.recall, prdc.density, prdc.coverage
    );
}
