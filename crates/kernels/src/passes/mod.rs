//! Element-wise work in one pass over memory each: memory, not arithmetic, is what it costs.

mod activation;
mod adam;
mod augment;
mod glu;
mod join;
mod noise;
mod normalise;
mod pixel;
mod pool;
mod resize;
mod sum;
mod tanh;
mod upsample;

pub use activation::{activation_gradient_sums, leaky_relu, leaky_relu_gradient};
pub use adam::{AdamRule, AdamState, adam_step, follow};
pub use augment::{Change, OUTSIDE, augment, augment_gradient};
pub use glu::{glu, glu_gradient};
pub use join::{join, part};
pub use noise::{add_noise, noise_gradient};
pub use normalise::{
    Channels, Gradients, Moments, Normalisation, affine, affine_gradient, moments, normalise,
    normalise_gradient,
};
pub use pixel::{PixelGradients, PixelNorm, pixel_norm, pixel_norm_gradient};
pub use pool::{max_pool, max_pool_gradient, pooled};
pub use resize::{Blend, blends, resize_bilinear, resize_bilinear_gradient};
pub use sum::{scale, scaled_sum};
pub use tanh::{tanh, tanh_gradient};
pub(crate) use upsample::row_up;
pub use upsample::{Planes, upsample_bilinear, upsample_bilinear_gradient};

use crate::level::Level;

/// Elements that one thread takes at a time: long enough to pay for the hand-over, short enough to share out.
const CHUNK: usize = 1 << 15;

/// Runs `work` compiled for this machine. The operations and their order are the same at every level, and so are
/// the bits: Rust joins no product and sum by itself.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    match Level::detect() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level was detected.
        Level::Avx512 | Level::Bf16 => unsafe { avx512(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level was detected.
        Level::Avx2 => unsafe { avx2(work) },
        _ => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
