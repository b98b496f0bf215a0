//! The projector: features of a frozen network, standardised on real images and mixed by fixed random maps across
//! channels and across levels (Sauer et al. 2021), so that no critic can live on a few channels.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::Purpose;

use crate::ops::{Activation, Precision, Window, convolution_bias_activation, resize};
use crate::parameters::{Init, values};

/// The fixed maps; they are drawn once and saved with the run.
#[derive(Module, Debug)]
pub struct Projector {
    across: Vec<Fixed>,
    down: Vec<Fixed>,
}

#[derive(Module, Debug)]
struct Fixed {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl Fixed {
    /// Without activation.
    fn forward(&self, x: Tensor<4>, window: Window) -> Tensor<4> {
        convolution_bias_activation(x, self.weight.val(), self.bias.val(), window, Activation::Identity)
    }
}

impl Projector {
    /// A projector to `mixed` channels a level, standardised on the features `[b, c, h, w]` of real images.
    pub(crate) fn standardised(seed: u64, mixed: &[usize], real: &[Tensor<4>], device: &Device) -> Self {
        let mut init = Init::new(seed, Purpose::Projection, device);
        let across = mixed.iter().zip(real).map(|(outputs, x)| mixing(&mut init, *outputs, x)).collect();
        let down = mixed.windows(2).map(|pair| {
            let [to, from] = [pair[0], pair[1]];
            let weight = init.normal([to, from, 3, 3], 1.0 / (9.0 * from as f32).sqrt());
            Fixed { weight, bias: init.zeros([to]) }
        });
        let down = down.collect();
        Self { across, down }.no_grad()
    }

    /// Features from the finest level to the coarsest, `[b, c, h, w]`, to mixed ones of the same sizes.
    pub fn forward(&self, features: &[Tensor<4>], precision: Precision) -> Vec<Tensor<4>> {
        let [point, same] = [Window::new(1, 0), Window::new(1, 1)].map(|window| window.precision(precision));
        let mut mixed: Vec<Tensor<4>> =
            features.iter().zip(&self.across).map(|(x, across)| across.forward(x.clone(), point)).collect();
        for level in (0..self.down.len()).rev() {
            let [_, _, height, width] = mixed[level].dims();
            // The convolution comes first, where it is cheap.
            let coarse = self.down[level].forward(mixed[level + 1].clone(), same);
            let spread = resize(coarse, [height, width]);
            mixed[level] = (mixed[level].clone() + spread) * std::f32::consts::FRAC_1_SQRT_2;
        }
        mixed
    }
}

/// Random weights over each channel's deviation, and the bias that brings its mean to 0.
fn mixing(init: &mut Init, outputs: usize, real: &Tensor<4>) -> Fixed {
    let channels = real.dims()[1];
    let (means, deviations) = channel_moments(real.clone());
    let mut sorted = deviations.clone();
    sorted.sort_by(f32::total_cmp);
    let least = 0.2 * sorted[channels / 2];
    let weight = init.normal([outputs, channels, 1, 1], 1.0 / (channels as f32).sqrt());
    let mut weights = values(weight.val());
    let mut bias = vec![0.0; outputs];
    for (row, bias) in weights.chunks_exact_mut(channels).zip(&mut bias) {
        for ((weight, mean), deviation) in row.iter_mut().zip(&means).zip(&deviations) {
            *weight /= deviation.max(least).max(1e-6);
            *bias -= *weight * mean;
        }
    }
    let device = real.device();
    Fixed {
        weight: Param::from_data(TensorData::new(weights, [outputs, channels, 1, 1]), &device),
        bias: Param::from_data(TensorData::new(bias, [outputs]), &device),
    }
}

/// Mean and standard deviation of each channel of `[b, c, h, w]`.
pub(crate) fn channel_moments(x: Tensor<4>) -> (Vec<f32>, Vec<f32>) {
    let [batch, channels, height, width] = x.dims();
    let (values, area) = (values(x), height * width);
    let count = (batch * area) as f64;
    let of = |channel: usize| {
        let planes =
            || values.chunks_exact(area).skip(channel).step_by(channels).flatten().map(|v| f64::from(*v));
        let mean = planes().sum::<f64>() / count;
        (mean as f32, (planes().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt() as f32)
    };
    (0..channels).map(of).unzip()
}
