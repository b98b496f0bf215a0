//! Modern residual networks without normalisation, after R3GAN (Huang et al. 2024): inverted bottlenecks with grouped
//! convolutions, whose last layer begins as zero.
//!
//! The critic is made of linear maps and leaky ReLUs alone, so its input gradient is again a forward computation, as
//! in [`super::critic`]: a residual block's gradient is the one behind it plus the branch's, transposed.
//!
//! Both ends work on Haar sub-bands at half the image's size instead of the image: smaller by a factor of four.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::generator::{mixed, rows};
use super::{Conv, SLOPE, haar};
use crate::ops::{self, Precision, leaky_relu_mask};
use crate::parameters::Init;
use crate::settings::{broken, widths_fit};

/// Shape of a generator or a critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualConfig {
    /// Channels of each level, the smallest first; each is twice the size of the one before, the image twice the size
    /// of the last.
    pub channels: Vec<usize>,
    /// Residual blocks a level.
    pub blocks: usize,
}

/// Channels that a grouped convolution mixes.
const GROUP: usize = 16;
/// How much wider a block is inside.
const EXPANSION: usize = 2;

impl ResidualConfig {
    /// The first rule that these settings break for images of `size`.
    pub(crate) fn check(&self, size: usize) -> Option<&'static str> {
        let levels = self.channels.len();
        let rules = [
            ((1..=8).contains(&levels), "channels: 1 to 8 levels"),
            (widths_fit(&self.channels), "channels: each 1..=4096"),
            (
                self.channels.iter().all(|c| c.is_multiple_of(GROUP / EXPANSION)),
                "channels: each a multiple of 8",
            ),
            ((1..=8).contains(&self.blocks), "blocks: 1..=8"),
            (size.is_multiple_of(1 << levels), "size: a multiple of 2^levels"),
        ];
        broken(&rules)
    }

    /// A generator of `size` x `size` images for `labels` labels, by latents and embeddings of the given widths.
    pub fn generator(
        &self,
        init: &mut Init,
        [latent, embedding]: [usize; 2],
        labels: usize,
        size: usize,
    ) -> ResidualGenerator {
        let condition = latent + embedding;
        let base = size >> self.channels.len();
        let features = self.channels[0] * base * base;
        let level = |init: &mut Init, at: usize| Level {
            enter: (at > 0).then(|| Conv::point(init, [self.channels[at - 1], self.channels[at]])),
            blocks: (0..self.blocks).map(|_| Residual::new(init, self.channels[at])).collect(),
        };
        ResidualGenerator {
            embedding: init.normal([labels, embedding], 1.0),
            seed: init.normal([condition, features], 1.0 / (condition as f32).sqrt()),
            levels: (0..self.channels.len()).map(|at| level(init, at)).collect(),
            bands: Conv::point(init, [self.channels[self.channels.len() - 1], 4]),
            base,
        }
    }

    /// A critic, the generator's mirror image.
    pub fn critic(&self, init: &mut Init, labels: usize, size: usize) -> ResidualCritic {
        let base = size >> self.channels.len();
        let features = self.channels[0] * base * base;
        let level = |init: &mut Init, at: usize| Stage {
            blocks: (0..self.blocks).map(|_| Residual::new(init, self.channels[at])).collect(),
            leave: (at > 0).then(|| Conv::halving(init, [self.channels[at], self.channels[at - 1]])),
        };
        ResidualCritic {
            bands: Conv::point(init, [4, self.channels[self.channels.len() - 1]]),
            stages: (0..self.channels.len()).rev().map(|at| level(init, at)).collect(),
            direction: init.normal([1, features], 1.0 / (features as f32).sqrt()),
            turn: init.zeros([labels, features]),
        }
    }
}

/// The generator.
#[derive(Module, Debug)]
pub struct ResidualGenerator {
    embedding: Param<Tensor<2>>,
    seed: Param<Tensor<2>>,
    levels: Vec<Level>,
    bands: Conv,
    #[module(skip)]
    base: usize,
}

/// Twice the size, then residual blocks.
#[derive(Module, Debug)]
struct Level {
    enter: Option<Conv>,
    blocks: Vec<Residual>,
}

impl ResidualGenerator {
    /// Numbers in a latent.
    pub(crate) fn latent(&self) -> usize {
        self.seed.val().dims()[0] - self.embedding.val().dims()[1]
    }

    /// The same in another precision.
    pub(crate) fn computing(mut self, precision: Precision) -> Self {
        for level in &mut self.levels {
            level.enter.iter_mut().for_each(|conv| conv.compute(precision));
            level.blocks.iter_mut().for_each(|block| block.compute(precision));
        }
        self
    }

    /// Latents `[b, z]` and labels (positions among those trained), to images `[b, 1, s, s]`, mostly in -1..1.
    pub fn forward(&self, latents: Tensor<2>, labels: &[usize]) -> Tensor<4> {
        self.conditioned(latents, rows(&self.embedding.val(), labels))
    }

    /// One image of a latent `[1, z]` and shares in the labels.
    pub(crate) fn draw(&self, latent: Tensor<2>, shares: &[f32]) -> Tensor<4> {
        self.conditioned(latent, mixed(&self.embedding.val(), shares))
    }

    fn conditioned(&self, latents: Tensor<2>, labels: Tensor<2>) -> Tensor<4> {
        let (batch, side) = (latents.dims()[0] as i32, self.base as i32);
        let condition = Tensor::cat(vec![latents, labels], 1); // [b, z + e]
        let mut x = condition.matmul(self.seed.val()).reshape([batch, -1, side, side]);
        for level in &self.levels {
            if let Some(enter) = &level.enter {
                x = ops::upsample(enter.forward(x)); // [b, c, 2h, 2w]
            }
            x = level.blocks.iter().fold(x, |x, block| block.forward(x));
        }
        haar::inverse(self.bands.forward(x))
    }
}

/// The critic.
#[derive(Module, Debug)]
pub struct ResidualCritic {
    bands: Conv,
    stages: Vec<Stage>,
    direction: Param<Tensor<2>>,
    turn: Param<Tensor<2>>,
}

/// Residual blocks, then half the size.
#[derive(Module, Debug)]
struct Stage {
    blocks: Vec<Residual>,
    leave: Option<Conv>,
}

/// The factors that bring a radiograph's sub-bands to like sizes: details are small.
const FACTORS: [f32; 4] = [1.0, 4.0, 4.0, 8.0];

impl ResidualCritic {
    /// The same in another precision.
    pub(crate) fn computing(mut self, precision: Precision) -> Self {
        for stage in &mut self.stages {
            stage.blocks.iter_mut().for_each(|block| block.compute(precision));
            stage.leave.iter_mut().for_each(|conv| conv.compute(precision));
        }
        self
    }

    /// Images `[b, 1, s, s]` and their labels to scores `[b, 1]`.
    pub fn forward(&self, images: Tensor<4>, labels: &[usize]) -> Tensor<2> {
        let mut x = self.bands.forward(haar::forward(images, FACTORS)); // [b, c, s / 2, s / 2]
        for stage in &self.stages {
            x = stage.blocks.iter().fold(x, |x, block| block.forward(x));
            x = stage.leave.iter().fold(x, |x, conv| conv.forward(x));
        }
        (x.flatten::<2>(1, 3) * self.directions(labels)).sum_dim(1)
    }

    /// The direction that all labels share, turned by each image's label, `[b, f]`.
    fn directions(&self, labels: &[usize]) -> Tensor<2> {
        self.direction.val() + rows(&self.turn.val(), labels)
    }

    /// The gradient of each image's score at the image, `[b, 1, s, s]`, itself differentiable in the parameters.
    pub fn input_gradient(&self, images: Tensor<4>, labels: &[usize]) -> Tensor<4> {
        let bands = haar::forward(images.clone(), FACTORS);
        let half = [bands.dims()[2], bands.dims()[3]];
        let mut x = self.bands.forward(bands).detach();
        let mut stages = Vec::new();
        for stage in &self.stages {
            let mut signs = Vec::new();
            for block in &stage.blocks {
                let inside = block.inside(x.clone()).map(Tensor::detach);
                x = (x + block.narrow.forward(inside[1].clone())).detach();
                signs.push(inside);
            }
            let [_, _, height, width] = x.dims();
            x = stage.leave.iter().fold(x, |x, conv| conv.forward(x).detach());
            stages.push((signs, [height, width]));
        }
        let mut gradient = self.directions(labels).reshape(x.dims());
        for (stage, (signs, size)) in self.stages.iter().zip(stages).rev() {
            gradient = stage.leave.iter().fold(gradient, |g, conv| conv.transpose(g, size));
            for (block, inside) in stage.blocks.iter().zip(signs).rev() {
                gradient = block.transpose(gradient, inside);
            }
        }
        haar::transpose(self.bands.transpose(gradient, half), FACTORS, images.dims())
    }
}

/// `x + narrow(leaky(grouped(leaky(widen(x)))))`.
#[derive(Module, Debug)]
struct Residual {
    widen: Conv,
    grouped: Conv,
    narrow: Conv,
}

impl Residual {
    fn new(init: &mut Init, channels: usize) -> Self {
        let inside = EXPANSION * channels;
        Self {
            widen: Conv::point(init, [channels, inside]),
            grouped: Conv::grouped(init, inside, inside / GROUP),
            narrow: Conv::silent(init, [inside, channels]),
        }
    }

    fn compute(&mut self, precision: Precision) {
        [&mut self.widen, &mut self.grouped, &mut self.narrow].into_iter().for_each(|c| c.compute(precision));
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, inside] = self.inside(x.clone());
        x + self.narrow.forward(inside)
    }

    /// The two activations, `[b, 2c, h, w]` each.
    fn inside(&self, x: Tensor<4>) -> [Tensor<4>; 2] {
        let first = self.widen.leaky(x);
        [first.clone(), self.grouped.leaky(first)]
    }

    /// The gradient at the block's input of one at its output; `inside` are the activations, whose signs count.
    fn transpose(&self, gradient: Tensor<4>, [first, second]: [Tensor<4>; 2]) -> Tensor<4> {
        let [_, _, height, width] = gradient.dims();
        let size = [height, width];
        let branch = leaky_relu_mask(second, self.narrow.transpose(gradient.clone(), size), SLOPE);
        let branch = leaky_relu_mask(first, self.grouped.transpose(branch, size), SLOPE);
        gradient + self.widen.transpose(branch, size)
    }
}
