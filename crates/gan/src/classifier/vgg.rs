//! VGG-16 (Simonyan and Zisserman 2015), without batch normalisation: thirteen convolutions of 3x3 and three dense layers.

use burn::tensor::Tensor;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::layers::{Spec, Walk};

/// Convolutions a level, and their channels.
const LEVELS: [(usize, usize); 5] = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)];

/// The dense layers before the last.
pub(super) const DENSE: [(&str, [usize; 2]); 2] =
    [("classifier.0", [4096, 512 * 7 * 7]), ("classifier.3", [4096, 4096])];

pub(super) fn specs() -> Vec<Spec> {
    let (mut specs, mut at, mut inputs) = (Vec::new(), 0, 3);
    for (count, outputs) in LEVELS {
        for _ in 0..count {
            specs.push(Spec::new(format!("features.{at}"), [inputs, outputs], [3, 1, 1]));
            inputs = outputs;
            // Torchvision counts the ReLU behind each.
            at += 2;
        }
        // And the pooling.
        at += 1;
    }
    specs
}

/// `[b, 3, 224, 224]` to `[b, 512, 7, 7]`; torchvision's average to 7 x 7 changes nothing at this size.
pub(super) fn forward(walk: &mut Walk, images: Tensor<4>) -> Tensor<4> {
    let mut x = images;
    for (count, _) in LEVELS {
        for _ in 0..count {
            x = walk.next(x);
        }
        x = max_pool2d(x, MaxPoolOptions::new([2, 2]).with_stride([2, 2])); // 112, 56, 28, 14, 7
    }
    x
}
