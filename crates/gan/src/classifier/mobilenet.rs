//! MobileNetV2 1.0 (Sandler et al. 2018): inverted bottlenecks, thin ends and a wide middle a channel at a time.

use burn::tensor::Tensor;

use super::layers::{Spec, Walk};
use crate::mobilenet::bottlenecks;
use crate::ops::Activation;

pub(super) fn specs() -> Vec<Spec> {
    let six = |name: String, norm: String, channels, window| {
        Spec::new(name, channels, window).normed(norm).then(Activation::RELU6)
    };
    let mut specs = vec![six("features.0.0".into(), "features.0.1".into(), [3, 32], [3, 2, 1])];
    for (at, ([inputs, outputs], [expansion, stride])) in bottlenecks().into_iter().enumerate() {
        let name = |part: String| format!("features.{}.conv.{part}", at + 1);
        let wide = inputs * expansion;
        let mut part = 0;
        if expansion > 1 {
            specs.push(six(name("0.0".into()), name("0.1".into()), [inputs, wide], [1, 1, 0]));
            part = 1;
        }
        let deep = six(name(format!("{part}.0")), name(format!("{part}.1")), [wide, wide], [3, stride, 1]);
        specs.push(deep.depthwise());
        let thin = Spec::new(name((part + 1).to_string()), [wide, outputs], [1, 1, 0]);
        specs.push(thin.normed(name((part + 2).to_string())).then(Activation::Identity));
    }
    specs.push(six("features.18.0".into(), "features.18.1".into(), [320, 1280], [1, 1, 0]));
    specs
}

/// `[b, 3, 224, 224]` to `[b, 1280, 7, 7]`.
pub(super) fn forward(walk: &mut Walk, images: Tensor<4>) -> Tensor<4> {
    let mut x = walk.next(images); // [b, 32, 112, 112]
    for ([inputs, outputs], [expansion, stride]) in bottlenecks() {
        let mut y = x.clone();
        for _ in 0..if expansion > 1 { 3 } else { 2 } {
            y = walk.next(y);
        }
        x = if inputs == outputs && stride == 1 { x + y } else { y };
    }
    walk.next(x)
}
