//! ResNet-18 and -34 (He et al. 2016): basic blocks of two convolutions around which the input is carried.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::layers::{Spec, Walk};
use crate::ops::Activation;

/// Blocks a stage.
pub(super) const EIGHTEEN: [usize; 4] = [2, 2, 2, 2];
pub(super) const THIRTY_FOUR: [usize; 4] = [3, 4, 6, 3];

/// Channels of each stage.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// Whether a block halves the size and needs its input mapped to be carried.
fn halves(stage: usize, block: usize) -> bool {
    stage > 0 && block == 0
}

pub(super) fn specs(blocks: [usize; 4]) -> Vec<Spec> {
    let mut specs = vec![Spec::new("conv1".into(), [3, 64], [7, 2, 3]).normed("bn1".into())];
    for (stage, count) in blocks.into_iter().enumerate() {
        for block in 0..count {
            let outputs = CHANNELS[stage];
            let (inputs, stride) = if halves(stage, block) { (outputs / 2, 2) } else { (outputs, 1) };
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            let conv = |part: &str, inputs, stride| {
                let norm = name(&format!("bn{part}"));
                Spec::new(name(&format!("conv{part}")), [inputs, outputs], [3, stride, 1]).normed(norm)
            };
            specs.push(conv("1", inputs, stride));
            specs.push(conv("2", outputs, 1).then(Activation::Identity));
            if halves(stage, block) {
                let carried = Spec::new(name("downsample.0"), [inputs, outputs], [1, 2, 0]);
                specs.push(carried.normed(name("downsample.1")).then(Activation::Identity));
            }
        }
    }
    specs
}

/// `[b, 3, 224, 224]` to `[b, 512, 7, 7]`.
pub(super) fn forward(walk: &mut Walk, images: Tensor<4>, blocks: [usize; 4]) -> Tensor<4> {
    let x = walk.next(images); // [b, 64, 112, 112]
    let mut x = max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1])); // 56
    for (stage, count) in blocks.into_iter().enumerate() {
        for block in 0..count {
            let y = walk.next(x.clone());
            let y = walk.next(y);
            let carried = if halves(stage, block) { walk.next(x) } else { x };
            x = relu(y + carried); // 56, 28, 14, 7
        }
    }
    x
}
