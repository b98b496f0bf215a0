//! Leaky ReLU where no convolution takes it along, and its gradient.

use rayon::prelude::*;

use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};

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
