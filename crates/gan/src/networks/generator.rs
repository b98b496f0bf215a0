//! The generator: a latent and a grade to a radiograph.
//!
//! Nearest-neighbour upsampling and 3x3 convolutions (Odena et al. 2016), pixel-wise normalisation (Karras et al.
//! 2018) with a gain and bias linear in latent and grade, so that no batch statistics exist: an image does not
//! depend on its batch, in training as in sampling. The last layer draws four Haar sub-bands at half the size.

use burn::module::{Module, Param};
use burn::tensor::activation::tanh;
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Conv, SLOPE, haar};
use crate::ops::{Precision, leaky_relu};
use crate::parameters::Init;

/// Shape of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Numbers in a latent.
    pub latent: usize,
    /// Numbers in a grade's embedding.
    pub embedding: usize,
    /// Channels of each level; each level but the first is twice the size of the one before.
    pub channels: Vec<usize>,
}

/// The network.
#[derive(Module, Debug)]
pub struct Generator {
    embedding: Param<Tensor<2>>,
    seed: Param<Tensor<2>>,
    blocks: Vec<Block>,
    bands: Conv,
    #[module(skip)]
    base: usize,
    #[module(skip)]
    size: usize,
}

impl GeneratorConfig {
    /// A generator of `size` x `size` images for `grades` grades.
    pub fn init(&self, init: &mut Init, grades: usize, size: usize) -> Generator {
        let condition = self.latent + self.embedding;
        let base = size.div_ceil(1 << self.channels.len());
        let first = self.channels[0];
        let last = *self.channels.last().expect("settings were checked");
        let inputs = std::iter::once(&first).chain(&self.channels);
        let widths: Vec<[usize; 2]> = inputs.zip(&self.channels).map(|(i, o)| [*i, *o]).collect();
        Generator {
            embedding: init.normal([grades, self.embedding], 1.0),
            seed: init.he([condition, first * base * base], condition),
            blocks: widths.into_iter().map(|w| Block::new(init, w, condition)).collect(),
            bands: Conv::same(init, [last, 4]),
            base,
            size,
        }
    }
}

impl Generator {
    /// The same in another precision.
    pub(crate) fn computing(mut self, precision: Precision) -> Self {
        self.blocks.iter_mut().for_each(|block| block.conv.compute(precision));
        self.bands.compute(precision);
        self
    }

    /// Numbers in a latent.
    pub(crate) fn latent(&self) -> usize {
        self.seed.val().dims()[0] - self.embedding.val().dims()[1]
    }

    /// Latents `[b, latent]` and grades (positions among those trained), to images `[b, 1, size, size]` in -1..1.
    pub fn forward(&self, latents: Tensor<2>, grades: &[usize]) -> Tensor<4> {
        self.conditioned(latents, rows(&self.embedding.val(), grades))
    }

    /// One image of a latent `[1, z]` at a place among the grades, which may lie between two.
    pub(crate) fn draw(&self, latent: Tensor<2>, place: f64) -> Tensor<4> {
        self.conditioned(latent, between(&self.embedding.val(), place))
    }

    fn conditioned(&self, latents: Tensor<2>, grades: Tensor<2>) -> Tensor<4> {
        let batch = latents.dims()[0];
        let condition = Tensor::cat(vec![latents, grades], 1); // [b, z + e]
        let mut x = condition.clone().matmul(self.seed.val()).reshape([
            batch as i32,
            -1,
            self.base as i32,
            self.base as i32,
        ]);
        for (level, block) in self.blocks.iter().enumerate() {
            let x_in = if level == 0 { x } else { double(x) };
            x = block.forward(x_in, &condition);
        }
        let image = tanh(haar::inverse(self.bands.forward(x)));
        let margin = (image.dims()[2] - self.size) / 2;
        image.narrow(2, margin, self.size).narrow(3, margin, self.size)
    }
}

/// Convolution, normalisation, gain and bias, leaky ReLU.
#[derive(Module, Debug)]
struct Block {
    conv: Conv,
    style: Param<Tensor<2>>,
}

impl Block {
    fn new(init: &mut Init, channels: [usize; 2], condition: usize) -> Self {
        let deviation = 0.3 / (condition as f32).sqrt();
        Self { conv: Conv::same(init, channels), style: init.normal([condition, 2 * channels[1]], deviation) }
    }

    fn forward(&self, x: Tensor<4>, condition: &Tensor<2>) -> Tensor<4> {
        let x = normalise(self.conv.forward(x)); // [b, c, h, w]
        let [batch, channels, _, _] = x.dims();
        let style = condition.clone().matmul(self.style.val()).reshape([batch, 2 * channels, 1, 1]);
        let gain = style.clone().narrow(1, 0, channels) + 1.0;
        leaky_relu(x * gain + style.narrow(1, channels, channels), SLOPE)
    }
}

/// Every pixel's vector of channels over its root mean square.
fn normalise(x: Tensor<4>) -> Tensor<4> {
    let power = x.clone().powf_scalar(2.0).mean_dim(1) + 1e-6; // [b, 1, h, w]
    x / power.sqrt()
}

/// Each pixel as a square of 2x2.
fn double(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height, 1, width, 1])
        .expand([batch, channels, height, 2, width, 2])
        .reshape([batch, channels, 2 * height, 2 * width])
}

/// The rows of a table at the given positions.
pub(crate) fn rows(table: &Tensor<2>, positions: &[usize]) -> Tensor<2> {
    let positions: Vec<i64> = positions.iter().map(|p| *p as i64).collect();
    let count = positions.len();
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions, [count]), &table.device());
    table.clone().select(0, positions)
}

/// The row of a table at a place, `[1, e]`: between two positions a mixture of their rows.
pub(crate) fn between(table: &Tensor<2>, place: f64) -> Tensor<2> {
    let last = table.dims()[0] - 1;
    let below = (place.max(0.0) as usize).min(last);
    let share = (place - below as f64).clamp(0.0, 1.0);
    if share == 0.0 {
        return rows(table, &[below]);
    }
    rows(table, &[below]) * (1.0 - share) + rows(table, &[(below + 1).min(last)]) * share
}
