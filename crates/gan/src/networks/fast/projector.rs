//! The projector: features of a frozen network, standardised on real images and mixed by fixed random maps across
//! channels and across levels (Sauer et al. 2021), so that no critic can live on a few channels.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::Purpose;

use crate::ops::{Activation, Precision, Window, convolution_bias_activation, resize, scaled_sum};
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
    /// A projector to `mixed` channels a level, standardised on the features of real images.
    pub(crate) fn standardised(seed: u64, mixed: &[usize], real: &[ChannelMoments], device: &Device) -> Self {
        let mut init = Init::new(seed, Purpose::Projection, device);
        let across =
            mixed.iter().zip(real).map(|(outputs, real)| mixing(&mut init, *outputs, real, device)).collect();
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
            mixed[level] = scaled_sum(mixed[level].clone(), spread, std::f32::consts::FRAC_1_SQRT_2);
        }
        mixed
    }
}

/// Random weights over each channel's deviation, and the bias that brings its mean to 0.
fn mixing(init: &mut Init, outputs: usize, real: &ChannelMoments, device: &Device) -> Fixed {
    let (means, deviations) = (real.means(), real.deviations());
    let channels = means.len();
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
    Fixed {
        weight: Param::from_data(TensorData::new(weights, [outputs, channels, 1, 1]), device),
        bias: Param::from_data(TensorData::new(bias, [outputs]), device),
    }
}

/// Means and deviations of each channel of maps that are seen a few images at a time.
#[derive(Default)]
pub(crate) struct ChannelMoments {
    /// Sums and sums of squares.
    sums: Vec<[f64; 2]>,
    count: f64,
}

impl ChannelMoments {
    /// Adds maps `[b, c, h, w]`.
    pub(crate) fn add(&mut self, x: Tensor<4>) {
        let [batch, channels, height, width] = x.dims();
        self.sums.resize(channels, [0.0; 2]);
        self.count += (batch * height * width) as f64;
        for (plane, map) in values(x).chunks_exact(height * width).enumerate() {
            let [sum, squares] = &mut self.sums[plane % channels];
            for value in map.iter().map(|v| f64::from(*v)) {
                *sum += value;
                *squares += value * value;
            }
        }
    }

    pub(crate) fn means(&self) -> Vec<f32> {
        self.sums.iter().map(|[sum, _]| (sum / self.count) as f32).collect()
    }

    pub(crate) fn deviations(&self) -> Vec<f32> {
        let variance = |[sum, squares]: &[f64; 2]| squares / self.count - (sum / self.count).powi(2);
        self.sums.iter().map(|sums| variance(sums).max(0.0).sqrt() as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_all_images_however_many_are_seen_at_a_time() {
        let device = Device::flex();
        let draw = |at: usize| ((at * 37 % 101) as f32 - 20.0) / 10.0;
        let x = Tensor::<4>::from_data(TensorData::new((0..360).map(draw).collect(), [5, 3, 4, 6]), &device);
        let [mut once, mut parts] = [ChannelMoments::default(), ChannelMoments::default()];
        once.add(x.clone());
        parts.add(x.clone().slice(0..2));
        parts.add(x.clone().slice(2..5));
        let channel = |channel: usize| {
            (0..360)
                .filter(move |at| at / 24 % 3 == channel)
                .map(|at| f64::from(draw(at)))
                .collect::<Vec<_>>()
        };
        for (at, (mean, deviation)) in once.means().into_iter().zip(once.deviations()).enumerate() {
            let of = channel(at);
            let wanted = of.iter().sum::<f64>() / 120.0;
            let spread = (of.iter().map(|v| (v - wanted).powi(2)).sum::<f64>() / 120.0).sqrt();
            assert!((f64::from(mean) - wanted).abs() < 1e-6 && (f64::from(deviation) - spread).abs() < 1e-6);
        }
        for (one, other) in once.deviations().iter().zip(parts.deviations()) {
            assert!((one - other).abs() < 1e-6);
        }
    }
}
