//! Networks: each file one network, read like its paper, shapes at the line's end.

pub mod critic;
pub mod fast;
pub mod generator;
pub mod haar;
pub mod residual;

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::ops::{Activation, Precision, Window, convolution_bias_activation, transposed_convolution};
use crate::parameters::Init;

/// A trained generator of any game.
#[derive(Debug)]
pub(crate) enum Generator {
    /// Without batch statistics and noise.
    Plain(generator::Generator),
    /// The relativistic game's.
    Residual(residual::ResidualGenerator),
    /// The projected game's.
    Fast(Box<fast::generator::FastGenerator>),
}

impl Generator {
    /// How many standard normal numbers an image is made of: in its latent, and as noise.
    pub(crate) fn inputs(&self) -> [usize; 2] {
        match self {
            Self::Plain(generator) => [generator.latent(), 0],
            Self::Residual(generator) => [generator.latent(), 0],
            Self::Fast(generator) => generator.inputs(),
        }
    }

    /// The same with parameters that are not trained.
    pub(crate) fn frozen(self) -> Self {
        match self {
            Self::Plain(generator) => Self::Plain(generator.no_grad()),
            Self::Residual(generator) => Self::Residual(generator.no_grad()),
            Self::Fast(generator) => Self::Fast(Box::new(generator.no_grad())),
        }
    }

    /// The same for drawing alone, many images off the tape: weights are packed once and multiplied by tiles, which changes no
    /// pixel of 8 bits by more than a grey level.
    pub(crate) fn drawing(self) -> Self {
        let precision = Precision::Filtered;
        match self {
            Self::Plain(generator) => Self::Plain(generator.computing(precision).drawing()),
            Self::Residual(generator) => Self::Residual(generator.computing(precision)),
            Self::Fast(generator) => Self::Fast(Box::new(generator.computing(precision).drawing())),
        }
    }

    /// One image `[1, 1, s, s]` in -1..1 of a latent `[1, z]`, noise `[1, n]` and shares in the labels.
    pub(crate) fn draw(&self, latent: Tensor<2>, noise: Tensor<2>, shares: &[f32]) -> Tensor<4> {
        match self {
            Self::Plain(generator) => generator.draw(latent, shares),
            Self::Residual(generator) => generator.draw(latent, shares),
            Self::Fast(generator) => generator.draw(latent, noise, shares),
        }
    }
}

/// Slope of leaky ReLU below 0, everywhere.
pub(crate) const SLOPE: f32 = 0.2;

/// A square convolution with bias.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[out, in, k, k]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    window: Window,
}

impl Conv {
    /// 3x3 that keeps the size.
    pub(crate) fn same(init: &mut Init, channels: [usize; 2]) -> Self {
        Self::new(init, channels, [3, 1, 1])
    }

    /// 4x4 with stride 2: halves the size, rounding down.
    pub(crate) fn halving(init: &mut Init, channels: [usize; 2]) -> Self {
        Self::new(init, channels, [4, 2, 1])
    }

    fn new(init: &mut Init, [inputs, outputs]: [usize; 2], [kernel, stride, padding]: [usize; 3]) -> Self {
        let weight = init.he([outputs, inputs, kernel, kernel], inputs * kernel * kernel);
        Self { weight, bias: init.zeros([outputs]), window: Window::new(stride, padding) }
    }

    /// 1x1.
    pub(crate) fn point(init: &mut Init, channels: [usize; 2]) -> Self {
        Self::new(init, channels, [1, 1, 0])
    }

    /// 1x1 that begins as zero.
    pub(crate) fn silent(init: &mut Init, [inputs, outputs]: [usize; 2]) -> Self {
        let weight = init.zeros([outputs, inputs, 1, 1]);
        Self { weight, bias: init.zeros([outputs]), window: Window::new(1, 0) }
    }

    /// 3x3 that keeps the size, in groups of channels that do not mix.
    pub(crate) fn grouped(init: &mut Init, channels: usize, groups: usize) -> Self {
        let inputs = channels / groups;
        let weight = init.he([channels, inputs, 3, 3], inputs * 9);
        Self { weight, bias: init.zeros([channels]), window: Window::new(1, 1).groups(groups) }
    }

    /// Multiplies in another precision from now on.
    pub(crate) fn compute(&mut self, precision: Precision) {
        self.window = self.window.precision(precision);
    }

    /// `[b, in, h, w]` to `[b, out, h', w']`, without activation.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        convolution_bias_activation(x, self.weight.val(), self.bias.val(), self.window, Activation::Identity)
    }

    /// The same, then leaky ReLU.
    pub fn leaky(&self, x: Tensor<4>) -> Tensor<4> {
        convolution_bias_activation(
            x,
            self.weight.val(),
            self.bias.val(),
            self.window,
            Activation::LeakyRelu(SLOPE),
        )
    }

    /// The transposed map without bias: a gradient at the output, `[b, out, h', w']`, to the one at the input,
    /// `[b, in, size.0, size.1]`.
    pub fn transpose(&self, gradient: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        transposed_convolution(gradient, self.weight.val(), size, self.window)
    }
}
