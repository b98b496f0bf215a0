//! Seconds of Frechet distance, of kernel distance with its interval, of precision, recall, density and coverage, and of all but the first
//! in one pass; `bench/evaluate.py` sets them beside others.
//!
//! Arguments: images a side, features, and a file of both sets' f32 values, one after the other.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Instant;

use doppelray_measures::Features;
use doppelray_measures::frechet::{Gaussian, frechet};
use doppelray_measures::pairs::{Wanted, pairs};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [rows, width]: [usize; 2] = [&words[0], &words[1]].map(|word| word.parse().expect("a count"));
    let mut file = BufReader::new(File::open(&words[2]).expect("a file of values"));
    let mut value = || {
        let mut bytes = [0; 4];
        file.read_exact(&mut bytes).expect("as many values as were said");
        f32::from_le_bytes(bytes)
    };
    let [a, b] = [0; 2].map(|_| {
        let values = (0..rows * width).map(|_| value()).collect();
        Features::new(width, values).expect("finite values")
    });
    let began = Instant::now();
    let [p, q] = [&a, &b].map(|set| Gaussian::of(set).expect("two images or more"));
    let distance = frechet(&p, &q).expect("one space");
    let frechet_seconds = began.elapsed().as_secs_f64();
    let took = |wanted| {
        let began = Instant::now();
        (pairs(&a, &b, wanted).expect("one space, more than k images"), began.elapsed().as_secs_f64())
    };
    let (kernel, balls) =
        (Wanted { kernel: true, ..Wanted::default() }, Wanted { balls: Some(5), ..Wanted::default() });
    let [kid_seconds, prdc_seconds] = [kernel, balls].map(|wanted| took(wanted).1);
    let (both, both_seconds) = took(Wanted { kernel: true, ..balls });
    let kernel = both.kernel.expect("it was asked for").value();
    let prdc = both.indicators.expect("they were asked for").measures();
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().to_owned();
    let peak = peak.trim_end_matches(" kB");
    println!(
        r#"{{"frechet": {distance}, "kid": {kernel}, "kid_s": {kid_seconds}, "precision": {}, "recall": {}, "density": {}, "coverage": {}, "frechet_s": {frechet_seconds}, "prdc_s": {prdc_seconds}, "both_s": {both_seconds}, "peak_kb": {peak}}}"#,
        prdc.precision, prdc.recall, prdc.density, prdc.coverage
    );
}
