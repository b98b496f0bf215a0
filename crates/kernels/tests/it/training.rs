//! Normalisation, gates, pooling and resizing against their definitions in `f64`.

use doppelray_kernels::Activation;
use doppelray_kernels::passes::{
    Channels, Gradients, Moments, Normalisation, PixelGradients, PixelNorm, Planes, activation_gradient_sums,
    add_noise, affine, affine_gradient, blends, glu, glu_gradient, leaky_relu_gradient, max_pool,
    max_pool_gradient, moments, noise_gradient, normalise, normalise_gradient, pixel_norm,
    pixel_norm_gradient, pooled, resize_bilinear, resize_bilinear_gradient,
};
use proptest::prelude::*;

use crate::shapes::{assert_close, numbers};

fn sizes() -> impl Strategy<Value = Channels> {
    let sizes = (1usize..5, 1usize..6, 1usize..90);
    sizes.prop_filter_map("two pixels at least", |(batch, channels, pixels)| {
        (batch * pixels > 1).then_some(Channels { batch, channels, pixels })
    })
}

/// Batch normalisation in `f64`, whose loss `sum(dy * y)` differences then differentiate.
fn reference(sizes: Channels, x: &[f64], gain: &[f64], bias: &[f64], epsilon: f64) -> Vec<f64> {
    let Channels { batch, channels, pixels } = sizes;
    let count = (batch * pixels) as f64;
    let channel_of = |index: usize| index / pixels % channels;
    let mut y = vec![0.0; x.len()];
    for channel in 0..channels {
        let of = || x.iter().enumerate().filter(|(i, _)| channel_of(*i) == channel).map(|(_, v)| *v);
        let mean = of().sum::<f64>() / count;
        let variance = of().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        for index in (0..x.len()).filter(|&i| channel_of(i) == channel) {
            let plane = index / pixels;
            y[index] = (x[index] - mean) / (variance + epsilon).sqrt() * gain[plane] + bias[plane];
        }
    }
    y
}

/// Pixel-wise normalisation in `f64` before leaky ReLU, of shift, gain and bias.
fn pixel_wise(sizes: Channels, x: &[f64], [shift, gain, bias]: [&[f64]; 3]) -> Vec<f64> {
    let Channels { channels, pixels, .. } = sizes;
    let v = |index: usize| x[index] + shift[index / pixels % channels];
    let power = |index: usize| {
        let first = index / (channels * pixels) * channels * pixels + index % pixels;
        (0..channels).map(|c| v(first + c * pixels).powi(2)).sum::<f64>() / channels as f64
    };
    let y = |index: usize| {
        v(index) / (power(index) + f64::from(0.1f32)).sqrt() * gain[index / pixels] + bias[index / pixels]
    };
    (0..x.len()).map(y).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// The gradient of `loss` by differences.
fn slopes(at: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let moved = |index: usize, by: f64| {
        let mut moved = at.to_vec();
        moved[index] += by;
        loss(&moved)
    };
    (0..at.len()).map(|index| (moved(index, 1e-5) - moved(index, -1e-5)) / 2e-5).collect()
}

/// Leaky ReLU's slope at an argument.
fn slope_at(v: f64) -> f64 {
    if v > 0.0 { 1.0 } else { f64::from(SLOPE) }
}

fn dot(a: &[f64], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum()
}

struct Found {
    moments: Moments,
    y: Vec<f32>,
    dx: Vec<f32>,
    dgain: Vec<f32>,
    dbias: Vec<f32>,
}

const SLOPE: f32 = 0.2;

fn normalised(sizes: Channels, x: &[f32], gain: &[f32], bias: &[f32], dy: &[f32]) -> Found {
    let moments = moments(sizes, x).unwrap();
    let (mut y, mut dx) = (vec![f32::NAN; x.len()], dy.to_vec());
    let [mut dgain, mut dbias] = [vec![f32::NAN; gain.len()], vec![f32::NAN; gain.len()]];
    let rule = Normalisation { sizes, moments: &moments, epsilon: 0.1, gain, bias, slope: SLOPE };
    normalise(rule, x, &mut y).unwrap();
    let to = Gradients { x: &mut dx, gain: &mut dgain, bias: &mut dbias };
    normalise_gradient(rule, x, to).unwrap();
    Found { moments, y, dx, dgain, dbias }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalisation_and_its_gradients_are_their_definition(sizes in sizes(), seed: u64) {
        let planes = sizes.batch * sizes.channels;
        let [x, dy] = [0, 1].map(|i| numbers(planes * sizes.pixels, seed ^ i));
        let [gain, bias] = [2, 3].map(|i| numbers(planes, seed ^ i));
        let found = normalised(sizes, &x, &gain, &bias, &dy);
        let [fx, fg, fb] = [&x, &gain, &bias].map(|v| wide(v));
        // A deviation of 0.3 at least divides: values reach 6, gradients a sum of 90 pixels by 3.
        let y = |x: &[f64], gain: &[f64], bias: &[f64]| reference(sizes, x, gain, bias, f64::from(0.1f32));
        let (inner, plain_dy) = (y(&fx, &fg, &fb), dy.clone());
        // Where leaky ReLU bends, a difference sees both slopes: its mask is that of the values themselves.
        prop_assume!(inner.iter().all(|v| v.abs() > 1e-5));
        let bent: Vec<f64> = inner.iter().map(|v| v * slope_at(*v)).collect();
        let dy: Vec<f32> = dy.iter().zip(&inner).map(|(dy, v)| (f64::from(*dy) * slope_at(*v)) as f32).collect();
        assert_close(&found.y, &bent, 4e-6, "y");
        assert_close(&found.dx, &slopes(&fx, |x| dot(&y(x, &fg, &fb), &dy)), 3e-5, "dx");
        assert_close(&found.dgain, &slopes(&fg, |gain| dot(&y(&fx, gain, &fb), &dy)), 3e-5, "dgain");
        assert_close(&found.dbias, &slopes(&fb, |bias| dot(&y(&fx, &fg, bias), &dy)), 3e-5, "dbias");

        let (mut z, mut dx, dy) = (vec![f32::NAN; x.len()], plain_dy.clone(), plain_dy);
        affine(sizes, &x, [&gain, &bias], &mut z).unwrap();
        let [mut dgain, mut dbias] = [vec![f32::NAN; planes], vec![f32::NAN; planes]];
        let to = Gradients { x: &mut dx, gain: &mut dgain, bias: &mut dbias };
        affine_gradient(sizes, &gain, &x, to).unwrap();
        let line = |x: &[f64], gain: &[f64], bias: &[f64]| -> Vec<f64> {
            x.iter().enumerate().map(|(i, x)| x * gain[i / sizes.pixels] + bias[i / sizes.pixels]).collect()
        };
        assert_close(&z, &line(&fx, &fg, &fb), 2e-7, "affine");
        assert_close(&dx, &slopes(&fx, |x| dot(&line(x, &fg, &fb), &dy)), 1e-6, "affine dx");
        assert_close(&dgain, &slopes(&fg, |gain| dot(&line(&fx, gain, &fb), &dy)), 1e-5, "affine dgain");
        assert_close(&dbias, &slopes(&fb, |bias| dot(&line(&fx, &fg, bias), &dy)), 1e-5, "affine dbias");
    }

    #[test]
    fn pixel_wise_normalisation_and_its_gradients_are_their_definition(
        batch in 1usize..4, channels in 1usize..6, pixels in prop_oneof![1usize..30, 255usize..260], seed: u64,
    ) {
        let sizes = Channels { batch, channels, pixels };
        let planes = batch * channels;
        let [x, dy] = [0, 1].map(|i| numbers(planes * pixels, seed ^ i));
        let [gain, bias] = [2, 3].map(|i| numbers(planes, seed ^ i));
        let shift = numbers(channels, seed ^ 4);
        let rule = PixelNorm { sizes, shift: &shift, gain: &gain, bias: &bias, epsilon: 0.1, slope: SLOPE };
        let (mut y, mut dx) = (vec![f32::NAN; x.len()], dy.clone());
        let [mut dgain, mut dbias] = [vec![f32::NAN; planes], vec![f32::NAN; planes]];
        let mut dshift = vec![f32::NAN; channels];
        pixel_norm(rule, &x, &mut y).unwrap();
        let to = PixelGradients { x: &mut dx, shift: &mut dshift, gain: &mut dgain, bias: &mut dbias };
        pixel_norm_gradient(rule, &x, to).unwrap();
        // Where leaky ReLU bends, a difference sees both slopes: its mask is that of the values themselves.
        let plain = |x: &[f64], shift: &[f64], gain: &[f64], bias: &[f64]| pixel_wise(sizes, x, [shift, gain, bias]);
        let [fx, fs, fg, fb] = [&x, &shift, &gain, &bias].map(|v| wide(v));
        let inner = plain(&fx, &fs, &fg, &fb);
        let near = inner.iter().any(|v| v.abs() < 1e-6);
        prop_assume!(!near);
        assert_close(&y, &inner.iter().map(|v| v * slope_at(*v)).collect::<Vec<_>>(), 2e-6, "y");
        let masked: Vec<f32> = dy.iter().zip(&inner).map(|(dy, v)| (f64::from(*dy) * slope_at(*v)) as f32).collect();
        if pixels < 30 {
            assert_close(&dx, &slopes(&fx, |x| dot(&plain(x, &fs, &fg, &fb), &masked)), 3e-5, "dx");
        }
        assert_close(&dshift, &slopes(&fs, |s| dot(&plain(&fx, s, &fg, &fb), &masked)), 1e-4, "dshift");
        assert_close(&dgain, &slopes(&fg, |g| dot(&plain(&fx, &fs, g, &fb), &masked)), 1e-4, "dgain");
        assert_close(&dbias, &slopes(&fb, |b| dot(&plain(&fx, &fs, &fg, b), &masked)), 1e-4, "dbias");
    }

    #[test]
    fn noise_and_its_gradient_are_their_definition(sizes in sizes(), seed: u64) {
        let Channels { batch, channels, pixels } = sizes;
        let [mut x, dy] = [0, 1].map(|i| numbers(batch * channels * pixels, seed ^ i));
        let (noise, share) = (numbers(batch * pixels, seed ^ 2), numbers(channels, seed ^ 3));
        let at = |index: usize| f64::from(noise[index / (channels * pixels) * pixels + index % pixels]);
        let channel = |index: usize| index / pixels % channels;
        let wanted: Vec<f64> =
            x.iter().enumerate().map(|(i, x)| f64::from(*x) + f64::from(share[channel(i)]) * at(i)).collect();
        let mut slopes = vec![0.0; channels];
        dy.iter().enumerate().for_each(|(i, dy)| slopes[channel(i)] += f64::from(*dy) * at(i));
        let mut found = vec![f32::NAN; channels];
        add_noise(sizes, &share, &noise, &mut x).unwrap();
        noise_gradient(sizes, &noise, &dy, &mut found).unwrap();
        assert_close(&x, &wanted, 2e-7, "y");
        assert_close(&found, &slopes, 1e-5, "share");
    }

    #[test]
    fn the_gate_and_its_gradient_are_their_definition(samples in 0usize..4, half in 1usize..200, seed: u64) {
        let x: Vec<f32> = numbers(2 * samples * half, seed).iter().map(|v| 6.0 * v).collect();
        let dy = numbers(samples * half, seed ^ 1);
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        glu(half, &x, &mut y).unwrap();
        glu_gradient(half, &x, &dy, &mut dx).unwrap();
        let gated = |x: &[f64]| -> Vec<f64> {
            let one = |x: &[f64]| (0..half).map(|i| x[i] / (1.0 + (-x[half + i]).exp())).collect::<Vec<_>>();
            x.chunks(2 * half).flat_map(one).collect()
        };
        // Factors up to 6, the sigmoid within 2e-7.
        assert_close(&y, &gated(&wide(&x)), 2e-6, "y");
        let slope = |index: usize| {
            let (sample, at) = (index / (2 * half), index % (2 * half) % half);
            let [a, b] = [0, half].map(|part| f64::from(x[sample * 2 * half + part + at]));
            let gate = 1.0 / (1.0 + (-b).exp());
            let by = if index % (2 * half) < half { gate } else { a * gate * (1.0 - gate) };
            by * f64::from(dy[sample * half + at])
        };
        assert_close(&dx, &(0..x.len()).map(slope).collect::<Vec<_>>(), 2e-6, "dx");
    }

    #[test]
    fn pooling_takes_the_first_maximum(
        count in 0usize..4, height in 2usize..20, width in 2usize..40, seed: u64, levels in 1usize..400,
    ) {
        let planes = Planes { count, height, width };
        // Few levels make ties.
        let level = |v: f32| (v * levels as f32).round();
        let x: Vec<f32> = numbers(count * height * width, seed).into_iter().map(level).collect();
        let [rows, cols] = [height, width].map(pooled);
        let dy = numbers(count * rows * cols, seed ^ 1);
        let (mut wanted, mut wanted_dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        for index in 0..dy.len() {
            let (plane, row, col) = (index / (rows * cols), index / cols % rows, index % cols);
            let window = (2 * row..(2 * row + 3).min(height))
                .flat_map(|r| (2 * col..(2 * col + 3).min(width)).map(move |c| (plane * height + r) * width + c));
            let best = window.reduce(|best, at| if x[at] > x[best] { at } else { best }).unwrap();
            wanted[index] = f64::from(x[best]);
            wanted_dx[best] += f64::from(dy[index]);
        }
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        max_pool(planes, &x, &mut y).unwrap();
        max_pool_gradient(planes, &x, &dy, &mut dx).unwrap();
        assert_close(&y, &wanted, 0.0, "y");
        assert_close(&dx, &wanted_dx, 1e-6, "dx");
    }

    #[test]
    fn resizing_and_its_gradient_are_their_definition(
        count in 0usize..3, from in (1usize..15, 1usize..15), to in (0usize..30, 0usize..30), seed: u64,
    ) {
        let planes = Planes { count, height: from.0, width: from.1 };
        let (x, dy) = (numbers(count * from.0 * from.1, seed), numbers(count * to.0 * to.1, seed ^ 1));
        let (mut wanted, mut wanted_dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        let (down, right) = (blends(from.0, to.0), blends(from.1, to.1));
        for index in 0..dy.len() {
            let (plane, row, col) = (index / (to.0 * to.1), index / to.1 % to.0, index % to.1);
            let ends = |b: doppelray_kernels::passes::Blend| {
                [(b.near, 1.0 - f64::from(b.share)), (b.far, f64::from(b.share))]
            };
            for (r, a) in ends(down[row]) {
                for (c, b) in ends(right[col]) {
                    let at = (plane * from.0 + r) * from.1 + c;
                    wanted[index] += a * b * f64::from(x[at]);
                    wanted_dx[at] += a * b * f64::from(dy[index]);
                }
            }
        }
        let (mut y, mut dx) = (vec![f32::NAN; dy.len()], vec![f32::NAN; x.len()]);
        resize_bilinear(planes, [to.0, to.1], &x, &mut y).unwrap();
        resize_bilinear_gradient(planes, [to.0, to.1], &dy, &mut dx).unwrap();
        assert_close(&y, &wanted, 1e-6, "y");
        // Up to 900 places share one source.
        assert_close(&dx, &wanted_dx, 1e-4, "dx");
    }

    #[test]
    fn the_masks_sums_are_the_masked_gradients(sizes in sizes(), seed: u64) {
        let len = sizes.batch * sizes.channels * sizes.pixels;
        let (y, dy) = (numbers(len, seed), numbers(len, seed ^ 1));
        let mut leaky = dy.clone();
        leaky_relu_gradient(&y, 0.2, &mut leaky).unwrap();
        let inside = |(y, dy): (&f32, &f32)| if *y > 0.0 && *y < 0.5 { *dy } else { 0.0 };
        let clipped: Vec<f32> = y.iter().zip(&dy).map(inside).collect();
        for (activation, masked) in
            [(Activation::LeakyRelu(0.2), leaky), (Activation::Clipped(0.5), clipped), (Activation::Identity, dy.clone())]
        {
            let mut also = dy.clone();
            let sums = activation_gradient_sums(sizes, &y, activation, &mut also).unwrap();
            prop_assert_eq!(&masked, &also);
            let mut wanted = vec![0.0; sizes.channels];
            for (index, value) in masked.iter().enumerate() {
                wanted[index / sizes.pixels % sizes.channels] += f64::from(*value);
            }
            assert_close(&sums, &wanted, 1e-5, "sums");
        }
    }
}

#[test]
fn moments_far_from_zero_keep_their_digits() {
    let sizes = Channels { batch: 2, channels: 1, pixels: 5000 };
    let x: Vec<f32> = numbers(10_000, 3).iter().map(|v| 1000.0 + v).collect();
    let found = moments(sizes, &x).unwrap();
    let mean = wide(&x).iter().sum::<f64>() / 1e4;
    let variance = wide(&x).iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 1e4;
    assert!((f64::from(found.mean[0]) - mean).abs() < 5e-5, "half a unit in the last place of 1000");
    assert!((f64::from(found.variance[0]) - variance).abs() < 1e-6 * variance);
}

#[test]
fn sums_do_not_depend_on_the_number_of_threads() {
    let sizes = Channels { batch: 3, channels: 5, pixels: 20_011 };
    let [x, dy] = [1, 2].map(|seed| numbers(15 * sizes.pixels, seed));
    let [gain, bias] = [3, 4].map(|seed| numbers(15, seed));
    let [one, three] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let Found { moments, y, dx, dgain, dbias } =
            pool.install(|| normalised(sizes, &x, &gain, &bias, &dy));
        [moments.mean, moments.variance, y, dx, dgain, dbias]
    });
    assert_eq!(one, three);
}

#[test]
fn pooling_passes_what_is_not_a_number() {
    let planes = Planes { count: 1, height: 3, width: 5 };
    let mut x = vec![1.0; 15];
    x[6] = f32::NAN;
    let mut y = [0.0; 2];
    max_pool(planes, &x, &mut y).unwrap();
    assert!(y[0].is_nan() && y[1] == 1.0);
}
