//! Convolutions against the peak of this machine, measured in the same run:
//! `cargo run --release -p doppelray-kernels --example roofline -- [part of a name] [batch]`.
//! With the batch as `tsv:16` it prints a line a shape for `bench/kernels.py` to set beside PyTorch's.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use doppelray_kernels::{
    Conv, Epilogue, Level, Mode, Precision, forward, input_gradient, pack_forward, pack_input_gradient,
    weight_gradient,
};

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let batch = std::env::args().nth(2).unwrap_or_else(|| "16".into());
    let (batch, tsv) = batch.strip_prefix("tsv:").map_or((batch.as_str(), false), |batch| (batch, true));
    let shapes = shapes(batch.parse().unwrap());
    if !tsv {
        println!("level {:?}, {} threads, batch {batch}", Level::detect(), rayon::current_num_threads());
    }
    for precision in [Precision::F32, Precision::Mixed] {
        let peak = (0..5).map(|_| peak(precision)).fold(0.0, f64::max);
        if !tsv {
            println!(
                "{:<26}{:>14}{:>14}{:>14}",
                format!("{precision:?} of {peak:.0}"),
                "forward",
                "dx",
                "dw"
            );
        }
        for (name, conv) in shapes.iter().filter(|(name, _)| name.contains(&only)) {
            let rates = measure(conv, Mode::new(precision));
            if tsv {
                println!("{}", line(name, conv, precision, [peak, rates[0], rates[1], rates[2]]));
            } else {
                let [a, b, c] = rates.map(|rate| format!("{rate:.1} {:>3.0}%", 100.0 * rate / peak));
                println!("{name:<26}{a:>14}{b:>14}{c:>14}");
            }
        }
    }
}

/// Precision, name, shape, then peak, forward, dx and dw in GFLOP/s.
fn line(name: &str, conv: &Conv, precision: Precision, rates: [f64; 4]) -> String {
    let sizes = [conv.batch, conv.in_channels, conv.out_channels, conv.height, conv.width];
    let rest = [conv.kernel[0], conv.stride[0], conv.padding[0]];
    let numbers = sizes.iter().chain(&rest).map(ToString::to_string);
    let cells = numbers.chain(rates.iter().map(|rate| format!("{rate:.2}")));
    format!("{precision:?}\t{name}\t{}", cells.collect::<Vec<_>>().join("\t"))
}

/// 3x3 and 1x1 at the sizes of the issue, then the layers of `shared/trial`.
fn shapes(batch: usize) -> Vec<(String, Conv)> {
    let same = |inputs, outputs, size, kernel| {
        (
            format!("{kernel}x{kernel} {inputs}->{outputs} at {size}"),
            Conv::same([batch, inputs, size, size], outputs, kernel),
        )
    };
    let down = |inputs, outputs, size| {
        let conv =
            Conv { stride: [2; 2], padding: [1; 2], ..Conv::same([batch, inputs, size, size], outputs, 4) };
        (format!("4x4/2 {inputs}->{outputs} at {size}"), conv)
    };
    vec![
        same(64, 64, 28, 3),
        same(64, 64, 56, 3),
        same(128, 128, 28, 3),
        same(128, 128, 64, 3),
        same(96, 96, 56, 3),
        same(128, 128, 28, 1),
        same(64, 256, 28, 1),
        same(256, 256, 14, 3),
        same(128, 256, 14, 3),
        same(128, 192, 28, 3),
        same(96, 64, 56, 3),
        same(64, 64, 56, 3),
        same(64, 32, 112, 3),
        same(32, 4, 112, 3),
        down(4, 32, 112),
        down(32, 64, 56),
        down(32, 48, 55),
        down(48, 64, 27),
        down(64, 96, 28),
        down(96, 96, 14),
    ]
}

/// GFLOP/s forward, by `x` and by `w`. Weights are packed in each repetition.
fn measure(conv: &Conv, mode: Mode) -> [f64; 3] {
    let [x, w, y] = conv.lens().unwrap();
    let (x, w, mut y) = (vec![0.5; x], vec![0.25; w], vec![0.125; y]);
    let (mut dx, mut dw) = (x.clone(), w.clone());
    let flops = conv.flops().unwrap();
    let ahead = rate(flops, || {
        let packed = pack_forward(conv, &w, mode).unwrap();
        forward(conv, &x, &packed, Epilogue::default(), &mut y).unwrap();
    });
    let back = rate(flops, || {
        let packed = pack_input_gradient(conv, &w, mode).unwrap();
        input_gradient(conv, &y, &packed, &mut dx).unwrap();
    });
    let weights = rate(flops, || weight_gradient(conv, &x, &y, mode, &mut dw).unwrap());
    [ahead, back, weights]
}

/// The best rate in a few tenths of a second, in GFLOP/s.
fn rate(flops: f64, mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < 0.4 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    flops / best / 1e9
}

/// Products and sums of registers alone, on all threads at once; each thread's best stretch, in GFLOP/s.
fn peak(precision: Precision) -> f64 {
    const ROUNDS: u32 = 20_000;
    let per_round = if precision == Precision::Mixed { 24.0 * 64.0 } else { 24.0 * 32.0 };
    let each = rayon::broadcast(|_| {
        rate(f64::from(ROUNDS) * per_round, || {
            // SAFETY: the level was detected.
            black_box(unsafe { if precision == Precision::Mixed { dots(ROUNDS) } else { sums(ROUNDS) } });
        })
    });
    each.into_iter().sum()
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
            let mut total = _mm512_setzero_ps();
            for sum in sums {
                total = _mm512_add_ps(total, sum);
            }
            _mm512_reduce_add_ps(total)
        }
    };
}

registers!(sums, "avx512f", |factor, sum| _mm512_fmadd_ps(factor, sum, factor));
registers!(dots, "avx512f,avx512bf16", |factor: __m512, sum| {
    // SAFETY: 512 bits of plain numbers either way.
    let pairs: __m512bh = unsafe { std::mem::transmute(factor) };
    _mm512_dpbf16_ps(sum, pairs, pairs)
});
