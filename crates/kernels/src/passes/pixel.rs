//! Pixel-wise normalisation (Karras et al. 2018): each pixel's vector of channels over its root mean square; then a gain
//! and bias for each channel of each sample, and leaky ReLU.
//!
//! A sample is one thread's, and a few of its pixels with all their channels stay in the cache from pass to pass. Sums over
//! pixels are in `f64`, over blocks of a fixed size in order, so that the bits do not depend on the number of threads.

use rayon::prelude::*;

use super::normalise::{Channels, sums};
use super::vectorised;
use crate::conv::{ShapeError, check_len};

/// Pixels that are taken together.
const BLOCK: usize = 256;

/// With `v = x + shift` and `r = 1 / sqrt(mean over channels of v^2 + epsilon)` of each pixel:
/// `y = leaky(v * r * gain + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct PixelNorm<'a> {
    /// Sizes of `x` and `y`.
    pub sizes: Channels,
    /// Added to each channel beforehand, `[channels]`.
    pub shift: &'a [f32],
    /// `[batch, channels]`
    pub gain: &'a [f32],
    /// `[batch, channels]`
    pub bias: &'a [f32],
    /// Keeps the divisor from 0.
    pub epsilon: f32,
    /// Slope of leaky ReLU below 0.
    pub slope: f32,
}

/// Where gradients go.
#[derive(Debug)]
pub struct PixelGradients<'a> {
    /// `[batch, channels, pixels]`: at first `dy`, then the gradient by the argument.
    pub x: &'a mut [f32],
    /// By what is added beforehand, `[channels]`.
    pub shift: &'a mut [f32],
    /// By the gain, `[batch, channels]`.
    pub gain: &'a mut [f32],
    /// By the bias, `[batch, channels]`.
    pub bias: &'a mut [f32],
}

/// `y` of `x`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn pixel_norm(rule: PixelNorm<'_>, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    rule.check()?;
    rule.sizes.check("x", x.len())?;
    rule.sizes.check("y", y.len())?;
    let sample = rule.sizes.channels * rule.sizes.pixels;
    if sample > 0 {
        y.par_chunks_exact_mut(sample).zip(x.par_chunks_exact(sample)).enumerate().for_each(
            |(index, (y, x))| {
                vectorised(
                    #[inline(always)]
                    || rule.sample(index, x, y),
                );
            },
        );
    }
    Ok(())
}

/// The gradients of `sum(dy * y)`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn pixel_norm_gradient(rule: PixelNorm<'_>, x: &[f32], to: PixelGradients<'_>) -> Result<(), ShapeError> {
    rule.check()?;
    let sizes = rule.sizes;
    sizes.check("x", x.len())?;
    sizes.check("dy", to.x.len())?;
    check_len("the gradient by shift", to.shift.len(), sizes.channels)?;
    sizes.check_planes("the gradient by gain", to.gain.len())?;
    sizes.check_planes("the gradient by bias", to.bias.len())?;
    to.shift.fill(0.0);
    let sample = sizes.channels * sizes.pixels;
    if sample == 0 {
        to.gain.fill(0.0);
        to.bias.fill(0.0);
        return Ok(());
    }
    let samples = to.x.par_chunks_exact_mut(sample).enumerate();
    let found: Vec<Vec<[f64; 3]>> = samples
        .map(|(index, dx)| {
            let x = &x[index * sample..][..sample];
            vectorised(
                #[inline(always)]
                || rule.sample_gradient(index, x, dx),
            )
        })
        .collect();
    for (index, [_, gain, bias]) in found.iter().flatten().enumerate() {
        (to.gain[index], to.bias[index]) = (*gain as f32, *bias as f32);
    }
    for (channel, shift) in to.shift.iter_mut().enumerate() {
        *shift = found.iter().map(|sample| sample[channel][0]).sum::<f64>() as f32;
    }
    Ok(())
}

impl PixelNorm<'_> {
    fn check(&self) -> Result<(), ShapeError> {
        check_len("shift", self.shift.len(), self.sizes.channels)?;
        self.sizes.check_planes("gain", self.gain.len())?;
        self.sizes.check_planes("bias", self.bias.len())
    }

    /// Blocks of pixels: the first and how many.
    fn blocks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let pixels = self.sizes.pixels;
        (0..pixels).step_by(BLOCK).map(move |first| (first, BLOCK.min(pixels - first)))
    }

    /// `r` of each pixel of a block.
    #[inline(always)]
    fn factors(&self, x: &[f32], first: usize, count: usize) -> [f32; BLOCK] {
        let mut power = [0.0; BLOCK];
        for (channel, &shift) in self.shift.iter().enumerate() {
            for (power, &x) in power.iter_mut().zip(&x[channel * self.sizes.pixels + first..][..count]) {
                let v = x + shift;
                *power += v * v;
            }
        }
        let share = (self.sizes.channels as f32).recip();
        power.map(|power| (power * share + self.epsilon).sqrt().recip())
    }

    /// Gain and bias of a sample's channel.
    fn style(&self, sample: usize, channel: usize) -> [f32; 2] {
        let index = sample * self.sizes.channels + channel;
        [self.gain[index], self.bias[index]]
    }

    #[inline(always)]
    fn sample(&self, sample: usize, x: &[f32], y: &mut [f32]) {
        for (first, count) in self.blocks() {
            let factors = self.factors(x, first, count);
            for (channel, &shift) in self.shift.iter().enumerate() {
                let [gain, bias] = self.style(sample, channel);
                let start = channel * self.sizes.pixels + first;
                for ((y, &x), &factor) in
                    y[start..][..count].iter_mut().zip(&x[start..][..count]).zip(&factors)
                {
                    let v = (x + shift) * factor * gain + bias;
                    *y = if v > 0.0 { v } else { v * self.slope };
                }
            }
        }
    }

    /// Makes `dy` the gradient by `x`; gives for each channel the sums that are those by shift, gain and bias.
    #[inline(always)]
    fn sample_gradient(&self, sample: usize, x: &[f32], dx: &mut [f32]) -> Vec<[f64; 3]> {
        let mut found = vec![[0.0f64; 3]; self.sizes.channels];
        let share = (self.sizes.channels as f32).recip();
        for (first, count) in self.blocks() {
            let factors = self.factors(x, first, count);
            // The part of the gradient along the pixel's own vector has no effect.
            let mut along = [0.0; BLOCK];
            for (channel, (&shift, found)) in self.shift.iter().zip(&mut found).enumerate() {
                let [gain, bias] = self.style(sample, channel);
                let start = channel * self.sizes.pixels + first;
                let mut unit = [0.0; BLOCK];
                // First what reaches the leaky ReLU's argument.
                let dx = &mut dx[start..][..count];
                let of = x[start..][..count].iter().zip(&factors);
                for (((dx, unit), along), (&x, &factor)) in
                    dx.iter_mut().zip(&mut unit).zip(&mut along).zip(of)
                {
                    *unit = (x + shift) * factor;
                    *dx = if *unit * gain + bias > 0.0 { *dx } else { *dx * self.slope };
                    *along += *dx * gain * *unit;
                }
                let [plain, product] = sums(dx, &unit[..count]);
                found[1] += product;
                found[2] += plain;
            }
            for (channel, (&shift, found)) in self.shift.iter().zip(&mut found).enumerate() {
                let [gain, _] = self.style(sample, channel);
                let start = channel * self.sizes.pixels + first;
                let dx = &mut dx[start..][..count];
                let of = x[start..][..count].iter().zip(&factors).zip(&along);
                for (dx, ((&x, &factor), &along)) in dx.iter_mut().zip(of) {
                    *dx = factor * (*dx * gain - (x + shift) * factor * along * share);
                }
                found[0] += sums(dx, dx)[0];
            }
        }
        found
    }
}
