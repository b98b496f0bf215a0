//! Adam (Kingma and Ba 2015) and moving averages over plain values.

use rayon::prelude::*;

use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};

/// One step's constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamRule {
    /// Step size.
    pub rate: f32,
    /// Decay of the first and of the second moment.
    pub betas: [f32; 2],
    /// `1 - beta^steps` of each.
    pub corrections: [f32; 2],
    /// Keeps the denominator from 0.
    pub epsilon: f32,
}

/// What Adam moves, all of one length.
pub struct AdamState<'a> {
    /// Parameters.
    pub values: &'a mut [f32],
    /// First moments.
    pub first: &'a mut [f32],
    /// Second moments.
    pub second: &'a mut [f32],
}

/// One step down `gradient`, in one pass:
/// `m += (1 - b1) (g - m)`, `v += (1 - b2) (g^2 - v)`, `x -= rate (m / c1) / (sqrt(v / c2) + epsilon)`.
///
/// # Errors
/// Where the lengths differ.
pub fn adam_step(rule: AdamRule, gradient: &[f32], state: AdamState<'_>) -> Result<(), ShapeError> {
    let AdamState { values, first, second } = state;
    check_len("values", values.len(), gradient.len())?;
    check_len("first", first.len(), gradient.len())?;
    check_len("second", second.len(), gradient.len())?;
    let moments = first.par_chunks_mut(CHUNK).zip(second.par_chunks_mut(CHUNK));
    let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
    chunks.for_each(|((values, gradient), (first, second))| {
        vectorised(
            #[inline(always)]
            || step(rule, gradient, AdamState { values, first, second }),
        );
    });
    Ok(())
}

#[inline(always)]
fn step(rule: AdamRule, gradient: &[f32], state: AdamState<'_>) {
    let AdamRule { rate, betas, corrections, epsilon } = rule;
    let moments = state.first.iter_mut().zip(state.second);
    for ((value, &g), (m, v)) in state.values.iter_mut().zip(gradient).zip(moments) {
        *m += (1.0 - betas[0]) * (g - *m);
        *v += (1.0 - betas[1]) * (g * g - *v);
        *value -= rate * (*m / corrections[0]) / ((*v / corrections[1]).sqrt() + epsilon);
    }
}

/// Moves `average` a share of `1 - decay` towards `current`.
///
/// # Errors
/// Where the lengths differ.
pub fn follow(average: &mut [f32], current: &[f32], decay: f32) -> Result<(), ShapeError> {
    check_len("average", average.len(), current.len())?;
    average.par_chunks_mut(CHUNK).zip(current.par_chunks(CHUNK)).for_each(|(average, current)| {
        vectorised(
            #[inline(always)]
            || {
                for (slow, &fast) in average.iter_mut().zip(current) {
                    *slow += (1.0 - decay) * (fast - *slow);
                }
            },
        );
    });
    Ok(())
}
