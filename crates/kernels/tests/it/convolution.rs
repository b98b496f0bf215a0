use doppelray_kernels::{
    Conv, Epilogue, forward, input_gradient, pack_forward, pack_input_gradient, weight_gradient,
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
}
