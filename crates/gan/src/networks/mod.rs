//! Networks: each file one network, read like its paper, shapes at the line's end.

pub mod critic;
pub mod generator;
pub mod haar;

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

use crate::parameters::Init;

/// Slope of leaky ReLU below 0, everywhere.
pub(crate) const SLOPE: f64 = 0.2;

/// A square convolution with bias.
#[derive(Module, Debug)]
pub struct Conv {
    /// `[out, in, k, k]`
    pub weight: Param<Tensor<4>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
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
        Self { weight, bias: init.zeros([outputs]), stride, padding }
    }

    /// `[b, in, h, w]` to `[b, out, h', w']`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let options = ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1);
        conv2d(x, self.weight.val(), Some(self.bias.val()), options)
    }

    /// The transposed map without bias: a gradient at the output, `[b, out, h', w']`, to the one at the input,
    /// `[b, in, size.0, size.1]`.
    pub fn transpose(&self, gradient: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
        let [_, _, height, width] = gradient.dims();
        let kernel = self.weight.val().dims()[2];
        let plain = |n: usize| (n - 1) * self.stride + kernel - 2 * self.padding;
        let missing = [size[0] - plain(height), size[1] - plain(width)];
        let options = ConvTransposeOptions::new([self.stride; 2], [self.padding; 2], missing, [1, 1], 1);
        conv_transpose2d(gradient, self.weight.val(), None, options)
    }
}
