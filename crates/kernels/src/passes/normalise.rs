//! Batch normalisation (Ioffe and Szegedy 2015) with a gain and bias for each channel of each sample and leaky ReLU, and
//! the affine map alone. Gradients take the place of those that they come from: fresh memory is dear.
//!
//! Sums are in `f64`, over each plane by one thread and then over the batch in order, so that the bits do not
//! depend on the number of threads.

use rayon::prelude::*;

use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// Sizes of `[batch, channels, pixels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Samples.
    pub batch: usize,
    /// Channels of each.
    pub channels: usize,
    /// Pixels of each channel.
    pub pixels: usize,
}

/// Mean and biased variance of each channel over batch and pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// `[channels]`
    pub mean: Vec<f32>,
    /// `[channels]`, divided by the count.
    pub variance: Vec<f32>,
}

/// `y = leaky((x - mean) / sqrt(variance + epsilon) * gain + bias)`.
#[derive(Clone, Copy, Debug)]
pub struct Normalisation<'a> {
    /// Sizes of `x` and `y`.
    pub sizes: Channels,
    /// What is subtracted and divided by.
    pub moments: &'a Moments,
    /// Keeps the divisor from 0.
    pub epsilon: f32,
    /// `[batch, channels]`
    pub gain: &'a [f32],
    /// `[batch, channels]`
    pub bias: &'a [f32],
    /// Slope of leaky ReLU below 0; 1 for none.
    pub slope: f32,
}

/// Where gradients go.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// `[batch, channels, pixels]`: at first `dy`, then the gradient by the argument.
    pub x: &'a mut [f32],
    /// By the gain, `[batch, channels]`.
    pub gain: &'a mut [f32],
    /// By the bias, `[batch, channels]`.
    pub bias: &'a mut [f32],
}

impl Channels {
    fn planes(self) -> usize {
        self.batch.saturating_mul(self.channels)
    }

    pub(super) fn check(self, name: &'static str, len: usize) -> Result<(), ShapeError> {
        check_len(name, len, self.planes().saturating_mul(self.pixels))
    }

    pub(super) fn check_planes(self, name: &'static str, len: usize) -> Result<(), ShapeError> {
        check_len(name, len, self.planes())
    }

    /// Planes that one thread takes at a time.
    pub(super) fn together(self) -> usize {
        (CHUNK / self.pixels.max(1)).max(1)
    }

    /// `f` of each plane's index, in order, made by all threads.
    pub(super) fn each<R: Send>(self, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        (0..self.planes()).into_par_iter().with_min_len(self.together()).map(f).collect()
    }

    /// Calls `f(plane's index, its part of to)` by all threads.
    pub(super) fn fill(self, to: &mut [f32], f: impl Fn(usize, &mut [f32]) + Sync) {
        if self.pixels > 0 {
            let planes = to.par_chunks_mut(self.pixels).with_min_len(self.together());
            planes.enumerate().for_each(|(index, plane)| f(index, plane));
        }
    }

    /// The same of room for as many.
    fn write<'y>(self, mut to: Room<'y>, f: impl Fn(usize, &mut [f32]) + Sync + Send) -> &'y mut [f32] {
        if self.pixels > 0 {
            let planes = to.parts(self.pixels).with_min_len(self.together());
            planes.enumerate().for_each(|(index, plane)| f(index, plane));
        }
        // SAFETY: each plane was cleared; where they have no pixels there is nothing.
        unsafe { to.written() }
    }

    /// `f(plane's index, its part of to)` of each plane, in order, made by all threads.
    fn change<R: Send>(self, to: &mut [f32], f: impl Fn(usize, &mut [f32]) -> R + Sync + Send) -> Vec<R> {
        if self.pixels == 0 {
            return self.each(|index| f(index, &mut []));
        }
        let planes = to.par_chunks_mut(self.pixels).with_min_len(self.together());
        planes.enumerate().map(|(index, plane)| f(index, plane)).collect()
    }

    pub(super) fn plane(self, of: &[f32], index: usize) -> &[f32] {
        &of[index * self.pixels..][..self.pixels]
    }

    /// The mean over samples and pixels of what each plane of a channel adds up to.
    fn mean(self, channel: usize, sum: impl Fn(usize) -> f64) -> f64 {
        let planes = (0..self.batch).map(|sample| sample * self.channels + channel);
        planes.map(sum).sum::<f64>() / (self.batch * self.pixels) as f64
    }
}

/// The moments of `x`; NaN where there are no pixels.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn moments(sizes: Channels, x: &[f32]) -> Result<Moments, ShapeError> {
    sizes.check("x", x.len())?;
    let sums = sizes.each(|index| sums(sizes.plane(x, index), sizes.plane(x, index)));
    let channel = |channel| {
        let [mean, square] = [0, 1].map(|part| sizes.mean(channel, |plane| sums[plane][part]));
        (mean as f32, (square - mean * mean).max(0.0) as f32)
    };
    let (mean, variance) = (0..sizes.channels).map(channel).unzip();
    Ok(Moments { mean, variance })
}

/// `y` of `x`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn normalise<'y>(
    rule: Normalisation<'_>,
    x: &[f32],
    y: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let (sizes, y) = (rule.check()?, y.into());
    sizes.check("x", x.len())?;
    sizes.check("y", y.len())?;
    let factors = rule.factors();
    Ok(sizes.write(y, |index, y| {
        let (mean, scale, bias) = rule.line(&factors, index);
        vectorised(
            #[inline(always)]
            || {
                for (y, &x) in y.iter_mut().zip(sizes.plane(x, index)) {
                    let v = (x - mean) * scale + bias;
                    *y = if v > 0.0 { v } else { v * rule.slope };
                }
            },
        );
    }))
}

/// The gradients of `sum(dy * y)`, where the moments are those of `x`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn normalise_gradient(rule: Normalisation<'_>, x: &[f32], to: Gradients<'_>) -> Result<(), ShapeError> {
    let sizes = rule.check()?;
    to.check(sizes, x)?;
    let factors = rule.factors();
    let sums = sizes.change(to.x, |index, dy| {
        let (mean, scale, bias) = rule.line(&factors, index);
        let x = sizes.plane(x, index);
        if rule.slope != 1.0 {
            vectorised(
                #[inline(always)]
                || {
                    for (dy, &x) in dy.iter_mut().zip(x) {
                        *dy = if (x - mean) * scale + bias > 0.0 { *dy } else { *dy * rule.slope };
                    }
                },
            );
        }
        let [plain, product] = sums(dy, x);
        let factor = f64::from(factors[index % sizes.channels]);
        [plain, (product - f64::from(mean) * plain) * factor]
    });
    for (index, [plain, product]) in sums.iter().enumerate() {
        (to.bias[index], to.gain[index]) = (*plain as f32, *product as f32);
    }
    // The moments move with `x`: the parts of the gradient along 1 and along the normalised `x` have no effect.
    let along: Vec<[f32; 2]> = (0..sizes.channels)
        .map(|channel| {
            let part = |part| {
                sizes.mean(channel, |plane: usize| f64::from(rule.gain[plane]) * sums[plane][part]) as f32
            };
            [part(0) * factors[channel], part(1) * factors[channel] * factors[channel]]
        })
        .collect();
    sizes.fill(to.x, |index, dx| {
        let (mean, scale, _) = rule.line(&factors, index);
        let [constant, slope] = along[index % sizes.channels];
        vectorised(
            #[inline(always)]
            || {
                for (dx, &x) in dx.iter_mut().zip(sizes.plane(x, index)) {
                    *dx = *dx * scale - constant - (x - mean) * slope;
                }
            },
        );
    });
    Ok(())
}

/// `y = x * gain + bias`, gain and bias `[batch, channels]`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn affine<'y>(
    sizes: Channels,
    x: &[f32],
    [gain, bias]: [&[f32]; 2],
    y: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let y = y.into();
    sizes.check("x", x.len())?;
    sizes.check("y", y.len())?;
    sizes.check_planes("gain", gain.len())?;
    sizes.check_planes("bias", bias.len())?;
    Ok(sizes.write(y, |index, y| {
        vectorised(
            #[inline(always)]
            || {
                for (y, &x) in y.iter_mut().zip(sizes.plane(x, index)) {
                    *y = x * gain[index] + bias[index];
                }
            },
        );
    }))
}

/// The gradients of `sum(dy * affine(x))`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn affine_gradient(
    sizes: Channels,
    gain: &[f32],
    x: &[f32],
    to: Gradients<'_>,
) -> Result<(), ShapeError> {
    to.check(sizes, x)?;
    sizes.check_planes("gain", gain.len())?;
    let sums = sizes.change(to.x, |index, dx| {
        let sums = sums(dx, sizes.plane(x, index));
        vectorised(
            #[inline(always)]
            || dx.iter_mut().for_each(|dx| *dx *= gain[index]),
        );
        sums
    });
    for (index, [plain, product]) in sums.into_iter().enumerate() {
        (to.bias[index], to.gain[index]) = (plain as f32, product as f32);
    }
    Ok(())
}

impl Normalisation<'_> {
    fn check(&self) -> Result<Channels, ShapeError> {
        check_len("mean", self.moments.mean.len(), self.sizes.channels)?;
        check_len("variance", self.moments.variance.len(), self.sizes.channels)?;
        self.sizes.check_planes("gain", self.gain.len())?;
        self.sizes.check_planes("bias", self.bias.len())?;
        Ok(self.sizes)
    }

    /// Mean, scale and bias of a plane: `(x - mean) * scale + bias` is what leaky ReLU bends.
    fn line(&self, factors: &[f32], index: usize) -> (f32, f32, f32) {
        let channel = index % self.sizes.channels;
        (self.moments.mean[channel], self.gain[index] * factors[channel], self.bias[index])
    }

    /// `1 / sqrt(variance + epsilon)` of each channel.
    fn factors(&self) -> Vec<f32> {
        let factor = |variance: &f32| (f64::from(*variance) + f64::from(self.epsilon)).sqrt().recip() as f32;
        self.moments.variance.iter().map(factor).collect()
    }
}

impl Gradients<'_> {
    fn check(&self, sizes: Channels, x: &[f32]) -> Result<(), ShapeError> {
        sizes.check("x", x.len())?;
        sizes.check("dy", self.x.len())?;
        sizes.check_planes("the gradient by gain", self.gain.len())?;
        sizes.check_planes("the gradient by bias", self.bias.len())
    }
}

/// The sums of `a` and of `a * b`, in sixteen strands.
pub(super) fn sums(a: &[f32], b: &[f32]) -> [f64; 2] {
    vectorised(
        #[inline(always)]
        || {
            let mut strands = [[0.0f64; 16]; 2];
            let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
            for (a, b) in a.iter().zip(b) {
                for lane in 0..16 {
                    strands[0][lane] += f64::from(a[lane]);
                    strands[1][lane] += f64::from(a[lane]) * f64::from(b[lane]);
                }
            }
            for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
                strands[0][lane] += f64::from(a);
                strands[1][lane] += f64::from(a) * f64::from(b);
            }
            strands.map(|strand| strand.iter().sum())
        },
    )
}
