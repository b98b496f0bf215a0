//! One map of noise a sample, added to each channel by a share of its own (Karras et al. 2019).

use super::normalise::{Channels, sums};
use super::vectorised;
use crate::conv::{ShapeError, check_len};

/// `x += share * noise`, with `share [channels]` and `noise [batch, pixels]`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn add_noise(sizes: Channels, share: &[f32], noise: &[f32], x: &mut [f32]) -> Result<(), ShapeError> {
    sizes.check("x", x.len())?;
    check(sizes, share, noise)?;
    sizes.fill(x, |index, x| {
        let share = share[index % sizes.channels];
        vectorised(
            #[inline(always)]
            || {
                for (x, &noise) in x.iter_mut().zip(sizes.plane(noise, index / sizes.channels)) {
                    *x += share * noise;
                }
            },
        );
    });
    Ok(())
}

/// The gradient by `share` of `sum(dy * (x + share * noise))`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn noise_gradient(
    sizes: Channels,
    noise: &[f32],
    dy: &[f32],
    share: &mut [f32],
) -> Result<(), ShapeError> {
    sizes.check("dy", dy.len())?;
    check(sizes, share, noise)?;
    let products =
        sizes.each(|index| sums(sizes.plane(noise, index / sizes.channels), sizes.plane(dy, index))[1]);
    for (channel, share) in share.iter_mut().enumerate() {
        *share = products.iter().skip(channel).step_by(sizes.channels).sum::<f64>() as f32;
    }
    Ok(())
}

fn check(sizes: Channels, share: &[f32], noise: &[f32]) -> Result<(), ShapeError> {
    check_len("share", share.len(), sizes.channels)?;
    check_len("noise", noise.len(), sizes.batch.saturating_mul(sizes.pixels))
}
