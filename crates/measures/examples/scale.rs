//! Seconds and memory of everything after features, against the number of synthetic images; `bench/scale.sh` runs it for several.
//!
//! Arguments: synthetic images; real ones [5778]; features [512]. The features are random: nothing here depends on what they are.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::time::{Duration, Instant};

use doppelray_measures::Features;
use doppelray_measures::audit::density::bandwidth;
use doppelray_measures::audit::{Basis, Density, Nearest};
use doppelray_measures::compare::{Settings, compare};
use doppelray_measures::rng::{Purpose, stream};

/// Synthetic images that an audit holds at a time, and the widths of the two pictures of a sketch.
const BLOCK: usize = 4096;
const SKETCH: [usize; 2] = [400, 256];

fn draw(rows: usize, width: usize, index: u64) -> Features {
    // Uniform numbers cost a fifth of normal ones, and time is what is measured.
    let values = stream(1, Purpose::Bootstrap, index).uniforms(rows * width);
    Features::new(width, values).expect("finite values")
}

/// The audit's pass over synthetic images: the nearest in a space and by both pictures of a sketch, and the density.
fn audit(real: usize, synthetic: usize, width: usize) -> Duration {
    let fixed = draw(real, width, 0);
    let sketches = [0, 1].map(|at: usize| draw(2 * real, SKETCH[at], 1 + at as u64));
    let began = Instant::now();
    let basis = Basis::of(&fixed, 16).expect("images vary");
    let own = basis.project(&fixed).expect("one space").expect("directions");
    let mut spent = began.elapsed();
    let mut nearest = Nearest::new(&fixed, 1);
    let mut near = sketches.each_ref().map(|sketches| Nearest::new(sketches, 2));
    let mut density = Density::new(&own, bandwidth(real, 16));
    for (block, start) in (0..synthetic).step_by(BLOCK).enumerate() {
        let rows = BLOCK.min(synthetic - start);
        let place = |at: u64| 10 + 3 * block as u64 + at;
        let more = draw(rows, width, place(0));
        let pictures = [0, 1].map(|at: usize| draw(rows, SKETCH[at], place(1 + at as u64)));
        let began = Instant::now();
        nearest.see(&more).expect("one space");
        near.iter_mut().zip(&pictures).for_each(|(near, more)| near.see(more).expect("one space"));
        let projected = basis.project(&more).expect("one space").expect("directions");
        density.see_unless(&projected, &|_, _| false).expect("one space");
        spent += began.elapsed();
    }
    let began = Instant::now();
    let found = (nearest.found().len(), near.map(Nearest::found), density.logs().len());
    assert!(found.0 == real && found.2 == real);
    spent + began.elapsed()
}

fn main() {
    let words: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().expect("a count")).collect();
    let synthetic = words[0];
    let [real, width] =
        [(1, 5778), (2, 512)].map(|(at, usual): (usize, usize)| *words.get(at).unwrap_or(&usual));
    let audited = audit(real, synthetic, width);
    let [a, b] = [draw(real, width, 0), draw(synthetic, width, 3)];
    let began = Instant::now();
    let comparison = compare(&a, &b, &Settings::default()).expect("one space");
    let compared = began.elapsed();
    assert_eq!(comparison.synthetic_images, synthetic);
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB").trim().to_owned();
    let peak = peak.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0;
    println!(
        "{synthetic:>7} x {real} x {width}: compare {:.0} s, audit's pass {:.0} s, peak {peak:.0} MiB",
        compared.as_secs_f64(),
        audited.as_secs_f64()
    );
}
