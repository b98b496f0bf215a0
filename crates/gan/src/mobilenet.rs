//! MobileNetV2 (Sandler et al. 2018) as a describer of images: the mean over space of its last convolution.
//!
//! The weights come from a safetensors file with torchvision's names (`features.1.conv.0.0.weight` ...), the batch norms
//! folded into weights and biases, trained on RGB in 0..1 less [`MEAN`] over [`DEVIATION`].

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::Result;
use crate::ops::{Activation, Frozen, Precision, Window, join};
use crate::pretrained::{DEVIATION, MEAN, SIDE, Weights, means, read};

/// Features an image.
pub const WIDTH: usize = 1280;

/// Rows of table 2 of the paper: expansion, output channels, repetitions, and the first one's stride.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];
/// Channels of the first convolution, and of the last bottleneck.
const STEM: usize = 32;
const THIN: usize = STAGES[STAGES.len() - 1][1];
/// Blocks, by torchvision's number, whose widened maps [`MobileNet::fine`] describes: of 28 and 14 places a side.
const FINE: [usize; 3] = [7, 11, 14];
/// Blocks, by torchvision's number, whose outputs are the levels of [`MobileNet::pyramid`]: the last of each size but the coarsest.
const LEVELS: [usize; 4] = [1, 3, 6, 13];
/// Numbers of [`MobileNet::fine`].
pub const FINE_WIDTH: usize = 6 * (32 + 64 + 96);
const POINT: Window = Window::new(1, 0);
/// How the first convolution moves.
const STRIDE: Window = Window::new(2, 1);

/// The network without its classifier.
#[derive(Debug)]
pub struct MobileNet {
    stem: Frozen,
    grey: Frozen,
    blocks: Vec<Block>,
    last: Frozen,
    hash: String,
    device: Device,
}

/// An inverted residual with a linear bottleneck.
#[derive(Debug)]
struct Block {
    expand: Option<Frozen>,
    depthwise: Frozen,
    project: Frozen,
    window: Window,
    residual: bool,
}

impl MobileNet {
    /// Reads the weights. The error names the tensor that is missing or has another shape than torchvision's.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let opened = read(path)?;
        Self::of(&Weights::new(path, &opened, "MobileNetV2", device)?, device)
    }

    pub(crate) fn of(weights: &Weights, device: &Device) -> Result<Self> {
        let blocks = bottlenecks().into_iter().enumerate();
        let blocks = blocks.map(|(at, (channels, sizes))| Block::read(weights, at + 1, channels, sizes));
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            stem: weights.conv("features.0.0", [STEM, 3, 3, 3])?,
            grey: grey_stem(weights)?,
            last: weights.conv(&format!("features.{}.0", blocks.len() + 1), [WIDTH, THIN, 1, 1])?,
            blocks,
            hash: weights.hash(),
            device: device.clone(),
        })
    }

    /// SHA-256 of the weights file, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Features of one grey image of [`SIDE`] x [`SIDE`] values in 0..1, row by row: [`WIDTH`] numbers.
    pub fn features(&self, pixels: Vec<f32>) -> Vec<f32> {
        means(self.trunk(self.grey_stem(pixels)))
    }

    /// The same of maps halfway, where a joint is still resolved: means over space of three blocks' widened activations,
    /// [`FINE_WIDTH`] numbers.
    pub fn fine(&self, pixels: Vec<f32>) -> Vec<f32> {
        let mut x = self.grey_stem(pixels);
        let mut found = Vec::with_capacity(FINE_WIDTH);
        for (block, number) in self.blocks.iter().zip(1..=FINE[FINE.len() - 1]) {
            if FINE.contains(&number) {
                found.extend(means(block.widen(x.clone(), Precision::F32)));
            }
            x = block.forward(x, Precision::F32);
        }
        found
    }

    /// Grey images `[b, 1, h, w]` in -1..1 to the bottlenecks at a half, a quarter, an eighth and a sixteenth of their size: 16, 24,
    /// 32 and 96 channels.
    pub fn pyramid(&self, images: Tensor<4>, precision: Precision) -> Vec<Tensor<4>> {
        let [batch, _, height, width] = images.dims();
        let ones = Tensor::<4>::ones([batch, 1, height, width], &images.device());
        let image = join((images + 1.0) * 0.5, ones);
        let mut x = bounded(&self.grey, image, STRIDE.precision(precision));
        let mut levels = Vec::with_capacity(LEVELS.len());
        for (block, number) in self.blocks.iter().zip(1..=LEVELS[LEVELS.len() - 1]) {
            x = block.forward(x, precision);
            if LEVELS.contains(&number) {
                levels.push(x.clone());
            }
        }
        levels
    }

    /// Normalised RGB `[b, 3, h, w]` to the last convolution's output `[b, 1280, h', w']`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.trunk(bounded(&self.stem, images, STRIDE))
    }

    fn grey_stem(&self, mut pixels: Vec<f32>) -> Tensor<4> {
        pixels.extend(std::iter::repeat_n(1.0, SIDE * SIDE));
        let image = Tensor::<4>::from_data(TensorData::new(pixels, [1, 2, SIDE, SIDE]), &self.device);
        bounded(&self.grey, image, STRIDE)
    }

    fn trunk(&self, stem: Tensor<4>) -> Tensor<4> {
        let x = self.blocks.iter().fold(stem, |x, block| block.forward(x, Precision::F32));
        bounded(&self.last, x, POINT)
    }
}

/// The bottlenecks: input and output channels, expansion and stride.
pub(crate) fn bottlenecks() -> Vec<([usize; 2], [usize; 2])> {
    let (mut blocks, mut inputs) = (Vec::new(), STEM);
    for [expansion, outputs, count, stride] in STAGES {
        for repeat in 0..count {
            blocks.push(([inputs, outputs], [expansion, if repeat == 0 { stride } else { 1 }]));
            inputs = outputs;
        }
    }
    blocks
}

/// Convolution, then ReLU6.
fn bounded(conv: &Frozen, x: Tensor<4>, window: Window) -> Tensor<4> {
    conv.convolve(x, window, Activation::RELU6)
}

impl Block {
    fn read(
        weights: &Weights,
        at: usize,
        [inputs, outputs]: [usize; 2],
        [expansion, stride]: [usize; 2],
    ) -> Result<Self> {
        let wide = inputs * expansion;
        let name = |part: &str| format!("features.{at}.conv.{part}");
        let (expand, rest) = match expansion {
            1 => (None, ["0.0", "1"]),
            _ => (Some(weights.conv(&name("0.0"), [wide, inputs, 1, 1])?), ["1.0", "2"]),
        };
        Ok(Self {
            expand,
            depthwise: weights.conv(&name(rest[0]), [wide, 1, 3, 3])?,
            project: weights.conv(&name(rest[1]), [outputs, wide, 1, 1])?,
            window: Window::new(stride, 1).groups(wide),
            residual: stride == 1 && inputs == outputs,
        })
    }

    /// `[b, in, h, w]` to `[b, out, h / stride, w / stride]`.
    fn forward(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        let wide = self.widen(x.clone(), precision);
        let wide = bounded(&self.depthwise, wide, self.window.precision(precision));
        let y = self.project.convolve(wide, POINT.precision(precision), Activation::Identity);
        if self.residual { x + y } else { y }
    }

    /// `[b, in, h, w]` to `[b, in * expansion, h, w]`.
    fn widen(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        match &self.expand {
            Some(expand) => bounded(expand, x, POINT.precision(precision)),
            None => x,
        }
    }
}

/// The first convolution for a grey channel in 0..1 and one of ones: the normalisation and the three channels fold into
/// both. The ones say where the image is, since beyond its edge there are zeros *after* normalisation.
fn grey_stem(weights: &Weights) -> Result<Frozen> {
    let weight = weights.values("features.0.0.weight", &[STEM, 3, 3, 3])?;
    let bias = weights.values("features.0.0.bias", &[STEM])?;
    let mut folded = vec![0.0; STEM * 2 * 9];
    for (at, value) in weight.iter().enumerate() {
        let (output, channel, tap) = (at / 27, at / 9 % 3, at % 9);
        let scaled = value / DEVIATION[channel];
        folded[output * 18 + tap] += scaled;
        folded[output * 18 + 9 + tap] -= scaled * MEAN[channel];
    }
    Ok(weights.conv_of(folded, bias, [STEM, 2, 3, 3]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained::tests::{apart, grey_and_rgb, npy, shared};

    const WEIGHTS: &str = "mobilenetv2-imagenet.safetensors";

    #[test]
    fn the_features_are_those_of_pytorch() {
        let names = [WEIGHTS, "squeezenet1_1-reference-input.npy", "mobilenetv2-reference-features.npy"];
        let [Some(weights), Some(input), Some(features)] = names.map(shared) else { return };
        let device = Device::default();
        let net = MobileNet::read(&weights, &device).unwrap();
        let images = Tensor::<4>::from_data(TensorData::new(npy(&input), [1, 3, SIDE, SIDE]), &device);
        let (ours, theirs) = (means(net.forward(images)), npy(&features));
        let largest = theirs.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
        let error = apart(&ours, &theirs) / largest;
        println!("largest difference {error:e} of the largest feature, {largest}");
        // 52 convolutions in single precision, summed in another order.
        assert!(error < 1e-4, "{error:e}");
    }

    #[test]
    fn maps_halfway_are_described_as_many_and_bounded_as_they_are() {
        let Some(weights) = shared(WEIGHTS) else { return };
        let device = Device::default();
        let net = MobileNet::read(&weights, &device).unwrap();
        let (pixels, rgb) = grey_and_rgb(&device);
        let fine = net.fine(pixels);
        assert_eq!(fine.len(), FINE_WIDTH);
        assert!(fine.iter().all(|v| (0.0..=6.0).contains(v)));
        let before = net.blocks[..13]
            .iter()
            .fold(bounded(&net.stem, rgb, STRIDE), |x, b| b.forward(x, Precision::F32));
        let last = means(net.blocks[13].widen(before, Precision::F32));
        assert!(apart(&fine[FINE_WIDTH - last.len()..], &last) < 6e-4);
    }

    #[test]
    fn the_pyramid_of_a_grey_image_is_that_of_its_normalised_rgb() {
        let Some(weights) = shared(WEIGHTS) else { return };
        let device = Device::default();
        let net = MobileNet::read(&weights, &device).unwrap();
        let (pixels, rgb) = grey_and_rgb(&device);
        let image = Tensor::<4>::from_data(TensorData::new(pixels, [1, 1, SIDE, SIDE]), &device) * 2.0 - 1.0;
        let levels = net.pyramid(image, Precision::F32);
        let shapes = levels.iter().map(|x| [x.dims()[1], x.dims()[2]]).collect::<Vec<_>>();
        assert_eq!(shapes, [[16, 112], [24, 56], [32, 28], [96, 14]]);
        let mut x = bounded(&net.stem, rgb, STRIDE);
        for (number, block) in (1..).zip(&net.blocks) {
            x = block.forward(x, Precision::F32);
            if let Some(at) = LEVELS.iter().position(|level| *level == number) {
                let (ours, whole) = (means(levels[at].clone()), means(x.clone()));
                let largest = whole.iter().fold(0.0, |a: f32, b| a.max(b.abs()));
                assert!(apart(&ours, &whole) < 1e-4 * largest, "block {number}");
            }
        }
    }

    #[test]
    fn a_grey_image_is_described_as_its_normalised_rgb_is() {
        let Some(weights) = shared(WEIGHTS) else { return };
        let device = Device::default();
        let net = MobileNet::read(&weights, &device).unwrap();
        let (pixels, rgb) = grey_and_rgb(&device);
        let whole = means(net.forward(rgb));
        let error = apart(&whole, &net.features(pixels));
        let largest = whole.iter().copied().fold(0.0, f32::max);
        println!("largest difference {error:e} of {largest}");
        assert!(error < 1e-4 * largest, "{error}");
        let began = std::time::Instant::now();
        (0..8).for_each(|_| drop(net.features(vec![0.5; SIDE * SIDE])));
        println!("{:.1} images/s, one after the other", 8.0 / began.elapsed().as_secs_f64());
    }
}
