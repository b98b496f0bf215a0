//! Convolutions against the peak of this machine, measured in the same run:
//! `cargo run --release -p doppelray-kernels --example roofline -- [part of a name] [batch] [precision] [kind]`.
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
    let layers = layers(batch.parse().unwrap());
    if !tsv {
        println!("level {:?}, {} threads, batch {batch}", Level::detect(), rayon::current_num_threads());
    }
    let [precisions, kinds] = [3, 4].map(|index| std::env::args().nth(index).unwrap_or_default());
    for precision in [Precision::F32, Precision::Mixed] {
        if !format!("{precision:?}").contains(&precisions) {
            continue;
        }
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
        let (mut work, mut time) = (0.0, 0.0);
        for Layer { name, conv, runs } in layers.iter().filter(|layer| layer.name.contains(&only)) {
            let rates = measure(conv, Mode::new(precision), &kinds);
            for (runs, rate) in runs.iter().zip(rates) {
                work += runs * conv.flops().unwrap() / 1e9;
                time += runs * conv.flops().unwrap() / 1e9 / rate;
            }
            if tsv {
                println!("{}", line(name, conv, precision, [peak, rates[0], rates[1], rates[2]]));
            } else {
                let [a, b, c] = rates.map(|rate| format!("{rate:.1} {:>3.0}%", 100.0 * rate / peak));
                println!("{name:<26}{a:>14}{b:>14}{c:>14}");
            }
        }
        if !tsv && time > 0.0 {
            let (rate, each) = (work / time, 1e3 * time / layers[0].conv.batch as f64);
            println!(
                "convolutions of a step of `fast`: {each:.1} ms an image, {rate:.0} = {:.0}%",
                100.0 * rate / peak
            );
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

/// A convolution, its name, and how often a training step of `fast` runs it forward, by `x` and by `w`.
struct Layer {
    name: String,
    conv: Conv,
    runs: [f64; 3],
}

/// The layers of `shared/trial`, then 3x3 and 1x1 at the sizes of the issue.
fn layers(batch: usize) -> Vec<Layer> {
    // Generator; frozen features of real and fake images; critics: real, fake, and fake again for the generator.
    let (generator, features, critics) = ([1.0, 1.0, 1.0], [2.0, 1.0, 0.0], [3.0, 3.0, 2.0]);
    let same = |inputs, outputs, size, kernel| (inputs, outputs, size, [kernel, 1, kernel / 2]);
    let down = |inputs, outputs, size| (inputs, outputs, size, [4, 2, 1]);
    let of = |(inputs, outputs, size, [kernel, stride, padding]): (_, _, _, [usize; 3]), runs: [f64; 3]| {
        let conv = Conv {
            stride: [stride; 2],
            padding: [padding; 2],
            ..Conv::same([batch, inputs, size, size], outputs, kernel)
        };
        let step = if stride == 1 { String::new() } else { format!("/{stride}") };
        Layer { name: format!("{kernel}x{kernel}{step} {inputs}->{outputs} at {size}"), conv, runs }
    };
    let generators =
        [(256, 256, 14), (128, 256, 14), (128, 192, 28), (96, 192, 28), (96, 64, 56), (64, 64, 56)];
    let mut layers: Vec<_> = generators.map(|(i, o, size)| of(same(i, o, size, 3), generator)).into();
    layers.extend([(64, 32, 112), (32, 4, 112)].map(|(i, o, size)| of(same(i, o, size, 3), generator)));
    layers.push(of((1, 64, 224, [3, 2, 0]), features));
    for (size, squeezed, expanded, inputs) in [
        (55, 16, 64, [64, 128]),
        (27, 32, 128, [128, 256]),
        (13, 48, 192, [256, 384]),
        (13, 64, 256, [384, 512]),
    ] {
        layers.extend(inputs.map(|inputs| of(same(inputs, squeezed, size, 1), features)));
        let twice = features.map(|runs| 2.0 * runs);
        layers.extend([1, 3].map(|kernel| of(same(squeezed, expanded, size, kernel), twice)));
    }
    for (inputs, outputs, size) in [(64, 32, 111), (128, 64, 55), (256, 64, 27), (512, 64, 13)] {
        layers.push(of(same(inputs, outputs, size, 1), features));
    }
    layers.extend(
        [(64, 32, 55), (64, 64, 27), (64, 64, 13)].map(|(i, o, size)| of(same(i, o, size, 3), features)),
    );
    for (inputs, outputs, size, times) in [
        (4, 32, 112, 1.0),
        (32, 64, 56, 1.0),
        (32, 48, 111, 1.0),
        (48, 64, 55, 1.0),
        (64, 64, 55, 1.0),
        (64, 96, 28, 3.0),
        (96, 96, 14, 4.0),
    ] {
        layers.push(of(down(inputs, outputs, size), critics.map(|runs| runs * times)));
    }
    for (inputs, outputs, size, kernel) in [
        (64, 64, 28, 3),
        (128, 128, 28, 3),
        (128, 128, 64, 3),
        (96, 96, 56, 3),
        (128, 128, 28, 1),
        (64, 256, 28, 1),
    ] {
        layers.push(of(same(inputs, outputs, size, kernel), [0.0; 3]));
    }
    layers
}

/// GFLOP/s forward, by `x` and by `w`, of those whose name contains `only`. Weights are packed in each repetition.
fn measure(conv: &Conv, mode: Mode, only: &str) -> [f64; 3] {
    let [x, w, y] = conv.lens().unwrap();
    let (x, w, mut y) = (vec![0.5; x], vec![0.25; w], vec![0.125; y]);
    let (mut dx, mut dw) = (x.clone(), w.clone());
    let rate = |name: &str, work: &mut dyn FnMut()| {
        if name.contains(only) { rate(conv.flops().unwrap(), work) } else { f64::NAN }
    };
    let ahead = rate("forward", &mut || {
        let packed = pack_forward(conv, &w, mode).unwrap();
        forward(conv, &x, &packed, Epilogue::default(), &mut y).unwrap();
    });
    let back = rate("dx", &mut || {
        let packed = pack_input_gradient(conv, &w, mode).unwrap();
        input_gradient(conv, &y, &packed, &mut dx).unwrap();
    });
    let weights = rate("dw", &mut || weight_gradient(conv, &x, &y, mode, &mut dw).unwrap());
    [ahead, back, weights]
}

/// The best rate in a few tenths of a second, in GFLOP/s.
fn rate(flops: f64, mut work: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed().as_secs_f64() < 0.15 {
        let start = now();
        work();
        best = best.min(now() - start);
    }
    flops / best / 1e9
}

/// Seconds; with one thread those it had a core for, so that what else runs on the machine counts less.
fn now() -> f64 {
    let clock = if rayon::current_num_threads() == 1 {
        libc::CLOCK_PROCESS_CPUTIME_ID
    } else {
        libc::CLOCK_MONOTONIC
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is there to be written.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Products and sums of registers alone, on all threads at once; each thread's best stretch, in GFLOP/s.
fn peak(precision: Precision) -> f64 {
    let (work, lanes): (unsafe fn(u32) -> f32, f64) = match (Level::detect(), precision) {
        #[cfg(target_arch = "x86_64")]
        (Level::Bf16, Precision::Mixed) => (x86::dots, 32.0),
        #[cfg(target_arch = "x86_64")]
        (Level::Bf16 | Level::Avx512, _) => (x86::sums_512, 16.0),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, _) => (x86::sums_256, 8.0),
        _ => (plain, 4.0),
    };
    let flops = f64::from(ROUNDS) * SUMS as f64 * 2.0 * lanes;
    // SAFETY: the level was detected.
    let each = rayon::broadcast(|_| rate(flops, || _ = black_box(unsafe { work(ROUNDS) })));
    each.into_iter().sum()
}

const ROUNDS: u32 = 20_000;
/// Sums that are under way at once: enough for the latency of the products, few enough for the registers.
const SUMS: usize = 12;

/// As [`peak`] in four lanes of whatever the compiler makes of them.
fn plain(rounds: u32) -> f32 {
    let factor = [black_box(0.999f32); 4];
    let mut sums = [[black_box(1.0f32); 4]; SUMS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = std::array::from_fn(|lane| factor[lane] * sum[lane] + factor[lane]);
        }
    }
    sums.as_flattened().iter().sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::SUMS;

    macro_rules! registers {
        ($name:ident, $features:literal, $set:ident, $add:ident, $vector:ty as $lanes:ty, $product:expr) => {
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name(rounds: u32) -> f32 {
                let factor = $set(black_box(0.999));
                let mut sums = [$set(black_box(1.0)); SUMS];
                for _ in 0..rounds {
                    for sum in &mut sums {
                        *sum = $product(factor, *sum);
                    }
                }
                let total = sums.into_iter().reduce(|a, b| $add(a, b)).expect("some");
                // SAFETY: a vector is plain numbers.
                unsafe { std::mem::transmute::<$vector, $lanes>(total) }.iter().sum()
            }
        };
    }

    registers!(sums_256, "avx2,fma", _mm256_set1_ps, _mm256_add_ps, __m256 as [f32; 8], |factor, sum| {
        _mm256_fmadd_ps(factor, sum, factor)
    });
    registers!(sums_512, "avx512f", _mm512_set1_ps, _mm512_add_ps, __m512 as [f32; 16], |factor, sum| {
        _mm512_fmadd_ps(factor, sum, factor)
    });
    registers!(
        dots,
        "avx512f,avx512bf16",
        _mm512_set1_ps,
        _mm512_add_ps,
        __m512 as [f32; 16],
        |factor: __m512, sum| {
            // SAFETY: 512 bits of plain numbers either way.
            let pairs: __m512bh = unsafe { std::mem::transmute(factor) };
            _mm512_dpbf16_ps(sum, pairs, pairs)
        }
    );
}
