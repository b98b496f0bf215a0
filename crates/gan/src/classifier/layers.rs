//! What all the networks are made of.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::ops::{Activation, Precision, Window, convolution_bias_activation};
use crate::parameters::Init;

/// A convolution as torchvision knows it.
pub(super) struct Spec {
    /// `NAME.weight`, and `NAME.bias` where there is no batch normalisation or it is folded.
    pub(super) name: String,
    /// `NORM.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub(super) norm: Option<String>,
    /// `[out, in / groups, k, k]`
    pub(super) shape: [usize; 4],
    pub(super) window: Window,
    pub(super) activation: Activation,
}

impl Spec {
    /// `[inputs, outputs]` channels, `[kernel, stride, padding]`, ReLU, no batch normalisation.
    pub(super) fn new(
        name: String,
        [inputs, outputs]: [usize; 2],
        [kernel, stride, padding]: [usize; 3],
    ) -> Self {
        let shape = [outputs, inputs, kernel, kernel];
        Self {
            name,
            norm: None,
            shape,
            window: Window::new(stride, padding).precision(Precision::Filtered),
            activation: Activation::RELU,
        }
    }

    /// The same before batch normalisation.
    pub(super) fn normed(self, norm: String) -> Self {
        Self { norm: Some(norm), ..self }
    }

    /// The same with another activation.
    pub(super) fn then(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// The same, a channel at a time.
    pub(super) fn depthwise(mut self) -> Self {
        self.window = self.window.groups(self.shape[0]);
        self.shape[1] = 1;
        self
    }
}

/// A convolution with bias.
#[derive(Module, Debug)]
pub(super) struct Layer {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    window: Window,
    #[module(skip)]
    activation: Activation,
}

impl Layer {
    pub(super) fn random(spec: &Spec, init: &mut Init) -> Self {
        let inputs = spec.shape[1..].iter().product();
        Self {
            weight: init.he(spec.shape, inputs),
            bias: init.zeros([spec.shape[0]]),
            window: spec.window,
            activation: spec.activation,
        }
    }

    /// `[b, in, h, w]` to `[b, out, h', w']`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        convolution_bias_activation(x, self.weight.val(), self.bias.val(), self.window, self.activation)
    }
}

/// A dense layer; weights as torch has them, `[out, in]`.
#[derive(Module, Debug)]
pub(super) struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Dense {
    pub(super) fn random([outputs, inputs]: [usize; 2], init: &mut Init) -> Self {
        Self { weight: init.normal([outputs, inputs], 0.01), bias: init.zeros([outputs]) }
    }

    /// `[b, in]` to `[b, out]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// The layers of a network, one after the other as a forward pass meets them.
pub(super) struct Walk<'a>(std::slice::Iter<'a, Layer>);

impl<'a> Walk<'a> {
    pub(super) fn new(layers: &'a [Layer]) -> Self {
        Self(layers.iter())
    }

    /// Passes the next layer.
    pub(super) fn next(&mut self, x: Tensor<4>) -> Tensor<4> {
        self.0.next().expect("as many layers as the network has").forward(x)
    }
}
