//! What all the networks are made of.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::ops::{Window, convolution_bias_relu};
use crate::parameters::Init;

/// What follows a convolution and its bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    Relu,
    /// ReLU, at most 6.
    Relu6,
}

/// A convolution as torchvision knows it.
pub(super) struct Spec {
    /// `NAME.weight`, and `NAME.bias` where there is no batch normalisation or it is folded.
    pub(super) name: String,
    /// `NORM.weight`, `.bias`, `.running_mean`, `.running_var`.
    pub(super) norm: Option<String>,
    /// `[out, in / groups, k, k]`
    pub(super) shape: [usize; 4],
    pub(super) window: Window,
    pub(super) then: Then,
}

impl Spec {
    /// `[inputs, outputs]` channels, `[kernel, stride, padding]`, ReLU, no batch normalisation.
    pub(super) fn new(
        name: String,
        [inputs, outputs]: [usize; 2],
        [kernel, stride, padding]: [usize; 3],
    ) -> Self {
        let shape = [outputs, inputs, kernel, kernel];
        Self { name, norm: None, shape, window: Window::new(stride, padding), then: Then::Relu }
    }

    /// The same before batch normalisation.
    pub(super) fn normed(self, norm: String) -> Self {
        Self { norm: Some(norm), ..self }
    }

    /// The same with something else behind it.
    pub(super) fn then(self, then: Then) -> Self {
        Self { then, ..self }
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
    then: Then,
}

impl Layer {
    pub(super) fn random(spec: &Spec, init: &mut Init) -> Self {
        let inputs = spec.shape[1..].iter().product();
        Self {
            weight: init.he(spec.shape, inputs),
            bias: init.zeros([spec.shape[0]]),
            window: spec.window,
            then: spec.then,
        }
    }

    /// `[b, in, h, w]` to `[b, out, h', w']`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let slope = if self.then == Then::Nothing { 1.0 } else { 0.0 };
        let y = convolution_bias_relu(x, self.weight.val(), self.bias.val(), self.window, slope);
        if self.then == Then::Relu6 { y.clamp_max(6.0) } else { y }
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
