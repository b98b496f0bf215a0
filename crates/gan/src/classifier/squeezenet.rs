//! SqueezeNet 1.1 (Iandola et al. 2016): squeezes, and two expansions of different kernels side by side.

use burn::tensor::Tensor;

use super::layers::{Spec, Walk};
use crate::ops::{join, max_pool};
use crate::squeezenet::{FIRES, POOLED};

pub(super) fn specs() -> Vec<Spec> {
    let mut specs = vec![Spec::new("features.0".into(), [3, 64], [3, 2, 0])];
    for (at, [inputs, squeezed, expanded]) in FIRES {
        let spec =
            |part: &str, channels, window| Spec::new(format!("features.{at}.{part}"), channels, window);
        specs.push(spec("squeeze", [inputs, squeezed], [1, 1, 0]));
        specs.push(spec("expand1x1", [squeezed, expanded], [1, 1, 0]));
        specs.push(spec("expand3x3", [squeezed, expanded], [3, 1, 1]));
    }
    specs
}

/// `[b, 3, 224, 224]` to `[b, 512, 13, 13]`.
pub(super) fn forward(walk: &mut Walk, images: Tensor<4>) -> Tensor<4> {
    let mut x = walk.next(images); // [b, 64, 111, 111]
    for (at, _) in FIRES {
        if POOLED.contains(&at) {
            x = max_pool(x); // 55, 27, 13
        }
        let squeezed = walk.next(x);
        let narrow = walk.next(squeezed.clone());
        x = join(narrow, walk.next(squeezed));
    }
    x
}
