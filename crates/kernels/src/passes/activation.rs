//! Leaky ReLU where no convolution takes it along, and its gradient.

use rayon::prelude::*;

use super::{CHUNK, Channels, vectorised};
use crate::conv::{Activation, ShapeError, check_len};

/// `x` where it is positive, else `slope * x`, in place; NaN stays.
pub fn leaky_relu(values: &mut [f32], slope: f32) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| {
        vectorised(
            #[inline(always)]
            || chunk.iter_mut().for_each(|value| *value = crate::finish::leaky_relu(*value, slope)),
        );
    });
}

/// Turns `dy` into the gradient by the activation's argument, in place: `dy` where `y` is positive, else
/// `slope * dy`. `y` is what the activation gave; its sign is its argument's, so the argument need not be kept.
///
/// # Errors
/// Where the lengths differ.
pub fn leaky_relu_gradient(y: &[f32], slope: f32, dy: &mut [f32]) -> Result<(), ShapeError> {
    check_len("dy", dy.len(), y.len())?;
    dy.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(dy, y)| {
        vectorised(
            #[inline(always)]
            || {
                for (dy, &y) in dy.iter_mut().zip(y) {
                    *dy *= if y <= 0.0 { slope } else { 1.0 };
                }
            },
        );
    });
    Ok(())
}

/// Turns `dy` into the gradient by the argument of an activation that gave `y`, in place; and sums what it leaves there
/// over samples and pixels for each channel: the gradient by a bias. A channel's sum is in `f64`, over its planes in order.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn activation_gradient_sums(
    sizes: Channels,
    y: &[f32],
    activation: Activation,
    dy: &mut [f32],
) -> Result<Vec<f32>, ShapeError> {
    sizes.check("y", y.len())?;
    sizes.check("dy", dy.len())?;
    if sizes.pixels == 0 || sizes.batch == 0 {
        return Ok(vec![0.0; sizes.channels]);
    }
    let planes = dy.par_chunks_mut(sizes.pixels).with_min_len(sizes.together());
    let sums: Vec<f32> = planes
        .zip(y.par_chunks(sizes.pixels))
        .map(|(dy, y)| {
            vectorised(
                #[inline(always)]
                || {
                    // Told apart before the loops, so that each is one of vectors.
                    match activation {
                        Activation::Identity => {}
                        Activation::LeakyRelu(_) => scale(
                            dy,
                            y,
                            #[inline(always)]
                            |y| activation.slope(y),
                        ),
                        Activation::Clipped(_) => scale(
                            dy,
                            y,
                            #[inline(always)]
                            |y| activation.slope(y),
                        ),
                    }
                    crate::finish::sum(dy)
                },
            )
        })
        .collect();
    let channel = |channel| sums.iter().skip(channel).step_by(sizes.channels).map(|&sum| f64::from(sum));
    Ok((0..sizes.channels).map(|index| channel(index).sum::<f64>() as f32).collect())
}

#[inline(always)]
fn scale(dy: &mut [f32], y: &[f32], slope: impl Fn(f32) -> f32) {
    dy.iter_mut().zip(y).for_each(|(dy, y)| *dy *= slope(*y));
}
