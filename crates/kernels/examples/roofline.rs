//! Convolutions against the peak of this machine, measured in the same run:
//! `cargo run --release -p doppelray-kernels --example roofline`.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use doppelray_kernels::{
    Conv, Epilogue, Level, Mode, Precision, forward, input_gradient, pack_forward, pack_input_gradient,
    weight_gradient,
};
use rayon::prelude::*;

fn main() {
    let level = Level::detect();
    println!("level {level:?}, {} threads", rayon::current_num_threads());
    let peaks = [Precision::F32, Precision::Mixed].map(peak);
    println!("peak: f32 {:.0} GFLOP/s, bf16 {:.0} GFLOP/s", peaks[0], peaks[1]);
    let only = std::env::args().nth(1);
    for precision in [Precision::F32, Precision::Mixed] {
        let peak = peaks[precision as usize];
        println!("{precision:?}: GFLOP/s and share of {peak:.0}");
        println!("{:<34}{:>14}{:>14}{:>14}", "shape", "forward", "dx", "dw");
        for (name, conv) in
            shapes().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|o| name.contains(o)))
        {
            let rates = measure(&conv, Mode::new(precision));
            let cells = rates.map(|rate| format!("{rate:>8.1} {:>3.0}%", 100.0 * rate / peak));
            println!("{name:<34}{:>14}{:>14}{:>14}", cells[0], cells[1], cells[2]);
        }
    }
}

/// 3x3 and 1x1 at the sizes of the issue, then the layers of `shared/trial`.
fn shapes() -> Vec<(String, Conv)> {
    let same = |batch, inputs, outputs, size, kernel| {
        (
            format!("{kernel}x{kernel} {inputs}->{outputs} at {size}, batch {batch}"),
            Conv::same([batch, inputs, size, size], outputs, kernel),
        )
    };
    let down = |batch, inputs, outputs, size| {
        let conv =
            Conv { stride: [2; 2], padding: [1; 2], ..Conv::same([batch, inputs, size, size], outputs, 4) };
        (format!("4x4/2 {inputs}->{outputs} at {size}, batch {batch}"), conv)
    };
    vec![
        same(16, 64, 64, 28, 3),
        same(16, 64, 64, 56, 3),
        same(16, 128, 128, 28, 3),
        same(16, 128, 128, 64, 3),
        same(16, 96, 96, 56, 3),
        same(16, 128, 128, 28, 1),
        same(16, 64, 256, 28, 1),
        same(16, 256, 256, 14, 3),
        same(16, 128, 256, 14, 3),
        same(16, 128, 192, 28, 3),
        same(16, 96, 64, 56, 3),
        same(16, 64, 64, 56, 3),
        same(16, 64, 32, 112, 3),
        same(16, 32, 4, 112, 3),
        down(16, 4, 32, 112),
        down(16, 32, 64, 56),
        down(16, 32, 48, 55),
        down(16, 48, 64, 27),
        down(16, 64, 96, 28),
        down(16, 96, 96, 14),
    ]
}

/// GFLOP/s forward, by `x` and by `w`: the best of some repetitions. Weights are packed in each.
fn measure(conv: &Conv, mode: Mode) -> [f64; 3] {
    let [x, w, y] = conv.lens().unwrap();
    let (x, w, mut y) = (vec![0.5; x], vec![0.25; w], vec![0.125; y]);
    let mut dx = x.clone();
    let flops = conv.flops().unwrap();
    let ahead = best(flops, || {
        let packed = pack_forward(conv, &w, mode).unwrap();
        forward(conv, &x, &packed, Epilogue::default(), &mut y).unwrap();
    });
    let back = best(flops, || {
        let packed = pack_input_gradient(conv, &w, mode).unwrap();
        input_gradient(conv, &y, &packed, &mut dx).unwrap();
    });
    let mut dw = w.clone();
    let weights = best(flops, || weight_gradient(conv, &x, &y, mode, &mut dw).unwrap());
    [ahead, back, weights]
}

/// The best rate of about half a second of repetitions.
fn best(flops: f64, mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < 0.5 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    flops / best / 1e9
}

/// Products and sums of registers alone, on all threads at once.
fn peak(precision: Precision) -> f64 {
    let threads = rayon::current_num_threads();
    let rounds = 100_000;
    let per_round = if precision == Precision::Mixed { 24.0 * 64.0 } else { 24.0 * 32.0 };
    best(threads as f64 * f64::from(rounds) * per_round, || {
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            // SAFETY: the level was detected.
            black_box(unsafe { if precision == Precision::Mixed { dots(rounds) } else { sums(rounds) } });
        });
    })
}

macro_rules! registers {
    ($name:ident, $features:literal, $product:expr) => {
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        fn $name(rounds: u32) -> f32 {
            use std::arch::x86_64::*;
            let factor = _mm512_set1_ps(black_box(0.999));
            let mut sums = [_mm512_set1_ps(black_box(1.0)); 24];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = $product(factor, *sum);
                }
            }
            sums.into_iter().map(|sum| _mm512_reduce_add_ps(sum)).sum()
        }
    };
}

registers!(sums, "avx512f", |factor, sum| _mm512_fmadd_ps(factor, sum, factor));
registers!(dots, "avx512f,avx512bf16", |factor: __m512, sum| {
    // SAFETY: 512 bits of plain numbers either way.
    let pairs: __m512bh = unsafe { std::mem::transmute(factor) };
    _mm512_dpbf16_ps(sum, pairs, pairs)
});
