use doppelray_kernels::{
    Conv, Epilogue, Matmul, Turned, forward, input_gradient, matmul, pack_forward, pack_input_gradient,
    weight_gradient,
};
use proptest::prelude::*;

use crate::reference;
use crate::shapes::{assert_close, convs, modes, numbers};

/// Terms of the longest sum of a forward pass, and with it a bound on its magnitude.
fn terms(conv: &Conv) -> f64 {
    (conv.in_channels / conv.groups * conv.kernel[0] * conv.kernel[1]) as f64
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn forward_is_its_definition_at_every_level(conv in convs(), seed: u64) {
        let [x, w, y] = conv.lens().unwrap();
        let (x, w) = (numbers(x, seed), numbers(w, seed ^ 1));
        let wanted = reference::forward(&conv, &x, &w);
        for (mode, tolerance) in modes() {
            let mut got = vec![f32::NAN; y];
            let packed = pack_forward(&conv, &w, mode).unwrap();
            forward(&conv, &x, &packed, Epilogue::default(), &mut got).unwrap();
            assert_close(&got, &wanted, tolerance * terms(&conv), &format!("{mode:?} {conv:?}"));
        }
    }

    #[test]
    fn input_gradient_is_its_definition_at_every_level(conv in convs(), seed: u64) {
        let [x, w, y] = conv.lens().unwrap();
        let (dy, w) = (numbers(y, seed), numbers(w, seed ^ 1));
        let wanted = reference::input_gradient(&conv, &dy, &w);
        let terms = (conv.out_channels / conv.groups * conv.kernel[0] * conv.kernel[1]) as f64;
        for (mode, tolerance) in modes() {
            let mut got = vec![f32::NAN; x];
            let packed = pack_input_gradient(&conv, &w, mode).unwrap();
            input_gradient(&conv, &dy, &packed, &mut got).unwrap();
            assert_close(&got, &wanted, tolerance * terms, &format!("{mode:?} {conv:?}"));
        }
    }

    #[test]
    fn weight_gradient_is_its_definition_at_every_level(conv in convs(), seed: u64) {
        let [x, w, y] = conv.lens().unwrap();
        let (x, dy) = (numbers(x, seed), numbers(y, seed ^ 1));
        let wanted = reference::weight_gradient(&conv, &x, &dy);
        let terms = (y / conv.out_channels) as f64;
        for (mode, tolerance) in modes() {
            let mut got = vec![f32::NAN; w];
            weight_gradient(&conv, &x, &dy, mode, &mut got).unwrap();
            assert_close(&got, &wanted, tolerance * terms, &format!("{mode:?} {conv:?}"));
        }
    }

    #[test]
    fn matrix_products_are_their_definition(m in 0usize..70, k in 0usize..300, n in 0usize..120, seed: u64) {
        let (a, b) = (numbers(m * k, seed), numbers(k * n, seed ^ 1));
        for turned in [Turned::Neither, Turned::Left, Turned::Right] {
            let left = |i: usize, l: usize| if turned == Turned::Left { a[l * m + i] } else { a[i * k + l] };
            let right = |l: usize, j: usize| if turned == Turned::Right { b[j * k + l] } else { b[l * n + j] };
            let term = |i, j| move |l| f64::from(left(i, l)) * f64::from(right(l, j));
            let at = |index: usize| (0..k).map(term(index / n, index % n)).sum();
            let wanted: Vec<f64> = (0..m * n).map(at).collect();
            for (mode, tolerance) in modes() {
                let mut c = vec![f32::NAN; m * n];
                matmul(Matmul { m, k, n, turned }, &a, &b, mode, &mut c).unwrap();
                assert_close(&c, &wanted, tolerance * k as f64, &format!("{mode:?} {turned:?} {m} {k} {n}"));
            }
        }
    }
}
