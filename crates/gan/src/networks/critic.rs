//! The critic: a radiograph and a grade to a score, and the gradient of that score at the radiograph.
//!
//! Made of linear maps and leaky ReLUs alone, without normalisation (Gulrajani et al. 2017), so the gradient at
//! its input is the chain of transposed maps, masked by the signs of the activations. It is written here as a
//! forward computation; one backward pass through it then gives the gradient of a penalty on it.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::generator::rows;
use super::{Conv, SLOPE};
use crate::ops::{Precision, leaky_relu_mask};
use crate::parameters::Init;

/// Shape of the critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticConfig {
    /// Output channels of each 4x4 convolution of stride 2.
    pub channels: Vec<usize>,
}

/// The network.
#[derive(Module, Debug)]
pub struct Critic {
    convs: Vec<Conv>,
    direction: Param<Tensor<2>>,
    turn: Param<Tensor<2>>,
    offset: Param<Tensor<2>>,
}

impl CriticConfig {
    /// A critic of `size` x `size` images of `labels` labels.
    pub fn init(&self, init: &mut Init, labels: usize, size: usize) -> Critic {
        let inputs = std::iter::once(&1).chain(&self.channels);
        let widths: Vec<[usize; 2]> = inputs.zip(&self.channels).map(|(i, o)| [*i, *o]).collect();
        let side = size >> self.channels.len();
        let features = self.channels.last().expect("settings were checked") * side * side;
        Critic {
            convs: widths.into_iter().map(|w| Conv::halving(init, w)).collect(),
            direction: init.normal([1, features], (1.0 / features as f32).sqrt()),
            turn: init.zeros([labels, features]),
            offset: init.zeros([labels, 1]),
        }
    }
}

impl Critic {
    /// The same in another precision.
    pub(crate) fn computing(mut self, precision: Precision) -> Self {
        self.convs.iter_mut().for_each(|conv| conv.compute(precision));
        self
    }

    /// Images `[b, 1, s, s]` and their labels to scores `[b, 1]`: a projection onto the label's own direction.
    pub fn forward(&self, images: Tensor<4>, labels: &[usize]) -> Tensor<2> {
        let features = self.convs.iter().fold(images, |x, conv| conv.leaky(x));
        (features.flatten::<2>(1, 3) * self.directions(labels)).sum_dim(1) + rows(&self.offset.val(), labels)
    }

    /// The direction that all labels share, turned by each image's label, `[b, f]` (Miyato and Koyama 2018).
    fn directions(&self, labels: &[usize]) -> Tensor<2> {
        self.direction.val() + rows(&self.turn.val(), labels)
    }

    /// The gradient of each image's score at the image, `[b, 1, s, s]`, itself differentiable in the parameters.
    ///
    /// The masks are constants: their derivative is 0 wherever it exists.
    pub fn input_gradient(&self, images: Tensor<4>, labels: &[usize]) -> Tensor<4> {
        let mut outputs: Vec<Tensor<4>> = Vec::new();
        let mut sizes = Vec::new();
        let mut x = images;
        for conv in &self.convs {
            let [_, _, height, width] = x.dims();
            sizes.push([height, width]);
            x = conv.leaky(x).detach();
            outputs.push(x.clone());
        }
        let mut gradient = self.directions(labels).reshape(x.dims());
        for (conv, (output, size)) in self.convs.iter().zip(outputs.into_iter().zip(sizes)).rev() {
            gradient = conv.transpose(leaky_relu_mask(output, gradient, SLOPE), size);
        }
        gradient
    }
}
