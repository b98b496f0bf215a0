//! The generator: a latent and a grade to a radiograph.
//!
//! Nearest-neighbour upsampling and 3x3 convolutions (Odena et al. 2016), pixel-wise normalisation (Karras et al.
//! 2018) with a gain and bias linear in latent and grade, so that no batch statistics exist: an image does not
//! depend on its batch, in training as in sampling. The last layer draws four Haar sub-bands at half the size.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{Conv, SLOPE, haar};
use crate::ops::{self, Activation, Frozen, NormRule, Precision, Window};
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
    /// A generator of `size` x `size` images for `labels` labels.
    pub fn init(&self, init: &mut Init, labels: usize, size: usize) -> Generator {
        let condition = self.latent + self.embedding;
        let base = size.div_ceil(1 << self.channels.len());
        let first = self.channels[0];
        let last = *self.channels.last().expect("settings were checked");
        let inputs = std::iter::once(&first).chain(&self.channels);
        let widths: Vec<[usize; 2]> = inputs.zip(&self.channels).map(|(i, o)| [*i, *o]).collect();
        Generator {
            embedding: init.normal([labels, self.embedding], 1.0),
            seed: init.he([condition, first * base * base], condition),
            blocks: widths
                .into_iter()
                .enumerate()
                .map(|(level, w)| Block::new(init, w, condition, level > 0))
                .collect(),
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

    /// The same for drawing alone, many images off the tape: weights are packed once.
    pub(crate) fn drawing(mut self) -> Self {
        self.blocks.iter_mut().for_each(Block::freeze);
        self
    }

    /// Numbers in a latent.
    pub(crate) fn latent(&self) -> usize {
        self.seed.val().dims()[0] - self.embedding.val().dims()[1]
    }

    /// Latents `[b, latent]` and labels (positions among those trained), to images `[b, 1, size, size]` in -1..1.
    pub fn forward(&self, latents: Tensor<2>, labels: &[usize]) -> Tensor<4> {
        self.conditioned(latents, rows(&self.embedding.val(), labels))
    }

    /// One image of a latent `[1, z]` and shares in the labels.
    pub(crate) fn draw(&self, latent: Tensor<2>, shares: &[f32]) -> Tensor<4> {
        self.conditioned(latent, mixed(&self.embedding.val(), shares))
    }

    fn conditioned(&self, latents: Tensor<2>, labels: Tensor<2>) -> Tensor<4> {
        let batch = latents.dims()[0];
        let condition = Tensor::cat(vec![latents, labels], 1); // [b, z + e]
        let mut x = condition.clone().matmul(self.seed.val()).reshape([
            batch as i32,
            -1,
            self.base as i32,
            self.base as i32,
        ]);
        for block in &self.blocks {
            x = block.forward(x, &condition); // [b, c, h, w]
        }
        let image = ops::tanh(haar::inverse(self.bands.forward(x)));
        let margin = (image.dims()[2] - self.size) / 2;
        image.narrow(2, margin, self.size).narrow(3, margin, self.size)
    }
}

/// Each pixel as a square of 2x2 where the block doubles, then convolution, normalisation, gain and bias, leaky ReLU.
#[derive(Module, Debug)]
struct Block {
    conv: Conv,
    style: Param<Tensor<2>>,
    #[module(skip)]
    doubles: bool,
    /// The weights of a generator that only draws.
    #[module(skip)]
    frozen: Option<Frozen>,
}

const NORM: NormRule = NormRule { epsilon: 1e-6, slope: SLOPE };

impl Block {
    fn new(init: &mut Init, channels: [usize; 2], condition: usize, doubles: bool) -> Self {
        let deviation = 0.3 / (condition as f32).sqrt();
        let (conv, style) =
            (Conv::same(init, channels), init.normal([condition, 2 * channels[1]], deviation));
        Self { conv, style, doubles, frozen: None }
    }

    fn freeze(&mut self) {
        self.frozen = Some(Frozen::of(self.weight()));
    }

    /// What [`Self::convolved`] multiplies by.
    fn weight(&self) -> Tensor<4> {
        let weight = self.conv.weight.val();
        if self.doubles { doubling(weight) } else { weight }
    }

    /// `[b, i, h, w]` to `[b, o, h', w']`, without bias.
    fn convolved(&self, x: Tensor<4>) -> Tensor<4> {
        let precision = self.conv.window.precision;
        let size = [2, 3].map(|axis| 2 * x.dims()[axis]);
        let (same, halving) =
            (Window::new(1, 1).precision(precision), Window::new(2, 1).precision(precision));
        match (&self.frozen, self.doubles) {
            (Some(frozen), true) => frozen.transpose(x, size, halving),
            (Some(frozen), false) => frozen.convolve(x, same, Activation::Identity),
            (None, true) => ops::transposed_convolution(x, self.weight(), size, halving),
            (None, false) => ops::convolution(x, self.weight(), same),
        }
    }

    fn forward(&self, x: Tensor<4>, condition: &Tensor<2>) -> Tensor<4> {
        let x = self.convolved(x);
        let style = condition.clone().matmul(self.style.val()); // [b, 2 o]
        ops::pixel_norm(x, self.conv.bias.val(), style, NORM)
    }
}

/// Weights `[o, i, 3, 3]` of a convolution after nearest-neighbour upsampling by two, as those `[i, o, 4, 4]` of a transposed
/// one that moves by 2: the same map, with 4 products an output where there were 9. Taps that fall on one pixel are added up.
fn doubling(weight: Tensor<4>) -> Tensor<4> {
    let [outputs, inputs, ..] = weight.dims();
    // Along each axis tap `t` of four is the sum of the taps `2 - t` and `3 - t` of three.
    let adds = |to: usize, from: usize| from + to == 2 || from + to == 3;
    let place = |from: usize, to: usize| adds(to / 4, from / 3) && adds(to % 4, from % 3);
    let spread: Vec<f32> = (0..9 * 16).map(|i| f32::from(u8::from(place(i / 16, i % 16)))).collect();
    let spread = Tensor::<2>::from_data(TensorData::new(spread, [9, 16]), (&weight.device(), weight.dtype()));
    weight.reshape([outputs * inputs, 9]).matmul(spread).reshape([outputs, inputs, 4, 4]).swap_dims(0, 1)
}

/// The rows of a table at the given positions.
pub(crate) fn rows(table: &Tensor<2>, positions: &[usize]) -> Tensor<2> {
    let positions: Vec<i64> = positions.iter().map(|p| *p as i64).collect();
    let count = positions.len();
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions, [count]), &table.device());
    table.clone().select(0, positions)
}

/// So much of each row of a table, added up: `[1, e]`.
pub(crate) fn mixed(table: &Tensor<2>, shares: &[f32]) -> Tensor<2> {
    let shares = TensorData::new(shares.to_vec(), [1, shares.len()]);
    Tensor::<2>::from_data(shares, (&table.device(), table.dtype())).matmul(table.clone())
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;

    #[test]
    fn doubling_is_a_convolution_of_pixels_made_squares_and_so_are_its_gradients() {
        let draw = |shape: [usize; 4], index| {
            let values = stream(5, Purpose::Batch, index).normals(shape.iter().product());
            Tensor::<4>::from_data(TensorData::new(values, shape), (&Device::flex().autodiff(), DType::F64))
        };
        let (x, w) = (draw([2, 3, 5, 4], 0).require_grad(), draw([6, 3, 3, 3], 1).require_grad());
        let dy = draw([2, 6, 10, 8], 2);
        let squares = |x: Tensor<4>| {
            let [b, c, h, w] = x.dims();
            x.reshape([b, c, h, 1, w, 1]).expand([b, c, h, 2, w, 2]).reshape([b, c, 2 * h, 2 * w])
        };
        let plain = ops::convolution(squares(x.clone()), w.clone(), Window::new(1, 1));
        let ours = ops::transposed_convolution(x.clone(), doubling(w.clone()), [10, 8], Window::new(2, 1));
        let apart = |a: Tensor<4>, b: Tensor<4>| (a - b).abs().max().into_scalar::<f64>();
        assert!(apart(plain.clone().inner(), ours.clone().inner()) < 1e-12);
        let [plain, ours] = [plain, ours].map(|y| {
            let gradients = (y * dy.clone()).sum().backward();
            [x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap()]
        });
        for (plain, ours) in plain.into_iter().zip(ours) {
            assert!(apart(plain, ours) < 1e-11);
        }
    }
}
