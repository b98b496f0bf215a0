//! What holds whatever the numbers are: bits, special values, empty and wrong inputs.

use doppelray_kernels::{
    Activation, Conv, Epilogue, Mode, ShapeError, bias_gradient, convolve, forward, input_gradient,
    pack_forward, pack_input_gradient, weight_gradient,
};
use proptest::prelude::*;

use crate::shapes::{convs, is_tiled, modes, numbers};

/// `y`, `dx` and `dw` of one convolution.
fn all(conv: &Conv, mode: Mode, x: &[f32], w: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
    let mut out = conv.lens().unwrap().map(|len| vec![f32::NAN; len]);
    let [dx, dw, y] = &mut out;
    forward(conv, x, &pack_forward(conv, w, mode).unwrap(), Epilogue::default(), y).unwrap();
    input_gradient(conv, dy, &pack_input_gradient(conv, w, mode).unwrap(), dx).unwrap();
    weight_gradient(conv, x, dy, mode, dw).unwrap();
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bits_do_not_depend_on_the_number_of_threads(conv in convs(), seed: u64) {
        let [x, w, y] = conv.lens().unwrap();
        let (x, w, dy) = (numbers(x, seed), numbers(w, seed ^ 1), numbers(y, seed ^ 2));
        for (mode, _) in modes() {
            let [one, two, three] = [1, 2, 3].map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| all(&conv, mode, &x, &w, &dy)).map(|values| bits(&values))
            });
            prop_assert!(one == two && one == three, "{mode:?} {conv:?}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_where_in_the_batch_an_image_stands(conv in convs(), seed: u64) {
        let conv = Conv { batch: 3, ..conv };
        let [x, w, y] = conv.lens().unwrap();
        let (x, w, dy) = (numbers(x, seed), numbers(w, seed ^ 1), numbers(y, seed ^ 2));
        let single = Conv { batch: 1, ..conv };
        for (mode, _) in modes() {
            let [dx_all, _, y_all] = all(&conv, mode, &x, &w, &dy);
            for image in 0..3 {
                let part = |values: &[f32]| {
                    let len = values.len() / 3;
                    values[image * len..][..len].to_vec()
                };
                let [dx_one, _, y_one] = all(&single, mode, &part(&x), &w, &part(&dy));
                prop_assert_eq!(bits(&y_one), bits(&part(&y_all)), "{:?} {:?}", mode, conv);
                prop_assert_eq!(bits(&dx_one), bits(&part(&dx_all)), "{:?} {:?}", mode, conv);
            }
        }
    }

    #[test]
    fn a_value_that_is_not_finite_reaches_what_it_should_and_nothing_else(
        conv in convs(), seed: u64, at: prop::sample::Index, which in 0usize..3,
    ) {
        let conv = Conv { batch: conv.batch.max(1), ..conv };
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][which];
        let [x, w, y] = conv.lens().unwrap();
        // Weights and gradients are positive, so that an infinity stays itself.
        let positive = |len, seed| numbers(len, seed).into_iter().map(|v| v.abs() + 0.1).collect::<Vec<_>>();
        let (mut x, w, dy) = (numbers(x, seed), positive(w, seed ^ 1), positive(y, seed ^ 2));
        let at = at.index(x.len());
        x[at] = special;
        let (mut reached, mut weights) = (vec![false; y], vec![false; w.len()]);
        let places = crate::reference::places(&conv, at);
        crate::reference::products(&conv, |i, k, o| {
            reached[o] |= places.contains(&i);
            weights[k] |= places.contains(&i);
        });
        for (mode, _) in modes() {
            let [_, dw, y] = all(&conv, mode, &x, &w, &dy);
            for (values, reached) in [(y, &reached), (dw, &weights)] {
                for (value, &reached) in values.iter().zip(reached) {
                    if is_tiled(&conv, mode) {
                        prop_assert!(!reached || !value.is_finite(), "{mode:?} {conv:?} {value}");
                        continue;
                    }
                    let same = if special.is_nan() { value.is_nan() } else { *value == special };
                    prop_assert!(if reached { same } else { value.is_finite() }, "{mode:?} {conv:?} {value}");
                }
            }
        }
    }
}

#[test]
fn bias_and_activation_follow_the_sums() {
    for conv in [
        Conv::same([2, 3, 5, 7], 10, 3),
        Conv { groups: 10, ..Conv::same([2, 10, 5, 7], 10, 3) },
        Conv::same([2, 3, 5, 7], 10, 1),
    ] {
        let [x, w, y] = conv.lens().unwrap();
        let (x, w, bias) = (numbers(x, 1), numbers(w, 2), numbers(10, 3));
        for (mode, _) in modes() {
            let packed = pack_forward(&conv, &w, mode).unwrap();
            let run = |epilogue| {
                let mut out = vec![0.0; y];
                forward(&conv, &x, &packed, epilogue, &mut out).unwrap();
                out
            };
            let plain = run(Epilogue::default());
            let leaky = run(Epilogue { bias: Some(&bias), activation: Activation::LeakyRelu(0.2) });
            let clipped = run(Epilogue { bias: Some(&bias), activation: Activation::Clipped(0.5) });
            for (index, &plain) in plain.iter().enumerate() {
                let sum = plain + bias[index / 35 % 10];
                assert_eq!(leaky[index], if sum > 0.0 { sum } else { 0.2 * sum });
                assert_eq!(clipped[index], sum.clamp(0.0, 0.5));
            }
            assert!(clipped.contains(&0.0) && clipped.contains(&0.5));
            let mut x = x.clone();
            x[17] = f32::NAN;
            let mut out = vec![0.0; y];
            forward(
                &conv,
                &x,
                &packed,
                Epilogue { bias: Some(&bias), activation: Activation::Clipped(0.5) },
                &mut out,
            )
            .unwrap();
            assert!(out.iter().any(|value| value.is_nan()), "{mode:?} {conv:?}");
        }
    }
}

#[test]
fn gradients_follow_the_function_by_finite_differences() {
    let conv = Conv { stride: [2, 1], groups: 2, ..Conv::same([2, 4, 6, 5], 6, 3) };
    let [x, w, y] = conv.lens().unwrap();
    let (x, w, dy) = (numbers(x, 1), numbers(w, 2), numbers(y, 3));
    let loss = |x: &[f32], w: &[f32]| -> f64 {
        crate::reference::forward(&conv, x, w).iter().zip(&dy).map(|(y, &dy)| y * f64::from(dy)).sum()
    };
    let [dx, dw, _] = all(&conv, Mode::default(), &x, &w, &dy);
    // The loss is linear in each factor, so a large step has no error but the rounding of the numbers.
    let slope = |values: &[f32], index: usize, f: &dyn Fn(&[f32]) -> f64| {
        let mut moved = values.to_vec();
        moved[index] += 1.0;
        (f(&moved) - f(values)) / f64::from(moved[index] - values[index])
    };
    for (index, &dx) in dx.iter().enumerate() {
        assert!((slope(&x, index, &|x| loss(x, &w)) - f64::from(dx)).abs() < 1e-4);
    }
    for (index, &dw) in dw.iter().enumerate() {
        assert!((slope(&w, index, &|w| loss(&x, w)) - f64::from(dw)).abs() < 1e-4);
    }
}

#[test]
fn the_bias_gradient_sums_each_channel() {
    let conv = Conv::same([3, 1, 4, 5], 2, 1);
    let dy = numbers(3 * 2 * 20, 5);
    let mut db = [f32::NAN; 2];
    bias_gradient(&conv, &dy, &mut db).unwrap();
    for (channel, db) in db.into_iter().enumerate() {
        let planes = dy.chunks_exact(20).skip(channel).step_by(2).flatten();
        let wanted: f64 = planes.map(|&value| f64::from(value)).sum();
        assert!((wanted - f64::from(db)).abs() < 1e-5);
    }
}

#[test]
fn an_empty_batch_gives_nothing_and_no_gradient() {
    let conv = Conv::same([0, 3, 5, 7], 10, 3);
    let w = numbers(conv.lens().unwrap()[1], 2);
    for (mode, _) in modes() {
        let [dx, dw, y] = all(&conv, mode, &[], &w, &[]);
        assert!(dx.is_empty() && y.is_empty());
        assert!(dw.iter().all(|&value| value == 0.0));
    }
}

#[test]
fn shapes_that_make_no_sense_are_errors() {
    let conv = Conv::same([1, 3, 5, 7], 4, 3);
    let is = |conv: Conv, wanted: ShapeError| assert_eq!(conv.lens().unwrap_err(), wanted);
    is(Conv { stride: [1, 0], ..conv }, ShapeError::Zero("stride"));
    is(Conv { groups: 2, ..conv }, ShapeError::Groups { groups: 2, channels: 3 });
    is(Conv { upsampled: true, ..conv }, ShapeError::Odd([5, 7]));
    is(Conv { kernel: [9, 1], ..conv }, ShapeError::Kernel { kernel: 9, size: 7 });
    let large = Conv { batch: 1 << 40, height: 1 << 40, ..conv };
    is(large, ShapeError::TooLarge(Box::new(large)));
    let short = convolve(&conv, &[0.0; 3], &[0.0; 108], Epilogue::default(), &mut [0.0; 140]);
    assert_eq!(short.unwrap_err(), ShapeError::Length { name: "x", given: 3, wanted: 105 });
    let packed = pack_input_gradient(&conv, &[0.0; 108], Mode::default()).unwrap();
    let mut room = [0.0; 140];
    let turned = forward(&conv, &[0.0; 105], &packed, Epilogue::default(), &mut room);
    assert_eq!(turned.unwrap_err(), ShapeError::Weights);
}
