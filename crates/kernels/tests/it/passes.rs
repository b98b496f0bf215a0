use doppelray_kernels::passes::{
    AdamRule, AdamState, Planes, adam_step, follow, leaky_relu, leaky_relu_gradient, upsample_bilinear,
    upsample_bilinear_gradient,
};
use proptest::prelude::*;

use crate::shapes::{assert_close, numbers};

/// Calls `each(x index, up index, weight)` for all that upsampling adds up.
fn weights(planes: Planes, mut each: impl FnMut(usize, usize, f64)) {
    let Planes { count, height, width } = planes;
    let axis = |index: usize, size: usize| {
        let far = if index.is_multiple_of(2) {
            (index / 2).saturating_sub(1)
        } else {
            (index / 2 + 1).min(size - 1)
        };
        [(index / 2, 0.75), (far, 0.25)]
    };
    for up in 0..count * 4 * height * width {
        let (plane, row, col) =
            (up / (4 * height * width), up / (2 * width) % (2 * height), up % (2 * width));
        for (down, a) in axis(row, height) {
            for (right, b) in axis(col, width) {
                each((plane * height + down) * width + right, up, a * b);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn upsampling_and_its_gradient_are_their_definition(
        count in 0usize..5, height in 1usize..20, width in 1usize..40, seed: u64,
    ) {
        let planes = Planes { count, height, width };
        let small = count * height * width;
        let (x, dup) = (numbers(small, seed), numbers(4 * small, seed ^ 1));
        let (mut up, mut dx) = (vec![0.0; 4 * small], vec![0.0; small]);
        let (mut wanted_up, mut wanted_dx) = (up.clone(), dx.clone());
        weights(planes, |i, o, weight| {
            wanted_up[o] += weight * f64::from(x[i]);
            wanted_dx[i] += weight * f64::from(dup[o]);
        });
        let (mut got_up, mut got_dx) = (vec![f32::NAN; 4 * small], vec![f32::NAN; small]);
        upsample_bilinear(planes, &x, &mut got_up).unwrap();
        upsample_bilinear_gradient(planes, &dup, &mut got_dx).unwrap();
        up.copy_from_slice(&wanted_up);
        dx.copy_from_slice(&wanted_dx);
        // Three roundings of values up to 1, and of sums up to 4.
        assert_close(&got_up, &up, 3e-7, "up");
        assert_close(&got_dx, &dx, 1.2e-6, "dx");
    }
}

#[test]
fn leaky_relu_and_its_gradient_turn_on_the_sign() {
    let mut values = vec![-2.0, -0.0, 0.0, 3.0, f32::NAN, f32::NEG_INFINITY];
    leaky_relu(&mut values, 0.5);
    assert_eq!(values[..4], [-1.0, 0.0, 0.0, 3.0]);
    assert!(values[4].is_nan() && values[5] == f32::NEG_INFINITY);
    let mut dy = vec![1.0; 6];
    leaky_relu_gradient(&values, 0.5, &mut dy).unwrap();
    assert_eq!(dy, [0.5, 0.5, 0.5, 1.0, 1.0, 0.5]);
    assert!(leaky_relu_gradient(&values, 0.5, &mut [0.0]).is_err());
}

#[test]
fn adam_is_the_papers_rule_and_the_average_follows() {
    let len = 100_003;
    let (start, gradient) = (numbers(len, 1), numbers(len, 2));
    let (mut values, mut first, mut second) = (start.clone(), numbers(len, 3), vec![0.25; len]);
    let rule = AdamRule { rate: 0.01, betas: [0.9, 0.99], corrections: [0.5, 0.25], epsilon: 1e-8 };
    let before = first.clone();
    adam_step(rule, &gradient, AdamState { values: &mut values, first: &mut first, second: &mut second })
        .unwrap();
    let mut average = vec![1.0; len];
    follow(&mut average, &values, 0.75).unwrap();
    for i in 0..len {
        let g = f64::from(gradient[i]);
        let m = 0.9 * f64::from(before[i]) + 0.1 * g;
        let v = 0.99 * 0.25 + 0.01 * g * g;
        let wanted = f64::from(start[i]) - 0.01 * (m / 0.5) / ((v / 0.25).sqrt() + 1e-8);
        assert!((f64::from(values[i]) - wanted).abs() < 1e-6, "{i}");
        assert!((f64::from(average[i]) - (0.75 + 0.25 * wanted)).abs() < 1e-6);
    }
}
