//! The hyperbolic tangent.

use rayon::prelude::*;

use super::glu::sigmoid;
use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};

/// `tanh(x)` in place, within 4e-7; NaN stays.
pub fn tanh(values: &mut [f32]) {
    values.par_chunks_mut(CHUNK).for_each(|chunk| {
        vectorised(
            #[inline(always)]
            || chunk.iter_mut().for_each(|value| *value = 2.0 * sigmoid(2.0 * *value) - 1.0),
        );
    });
}

/// Turns `dy` into the gradient by the argument of the hyperbolic tangent that gave `y`, in place.
///
/// # Errors
/// Where the lengths differ.
pub fn tanh_gradient(y: &[f32], dy: &mut [f32]) -> Result<(), ShapeError> {
    check_len("dy", dy.len(), y.len())?;
    dy.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(dy, y)| {
        vectorised(
            #[inline(always)]
            || dy.iter_mut().zip(y).for_each(|(dy, &y)| *dy *= 1.0 - y * y),
        );
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_as_close_as_it_says() {
        let steps: Vec<f32> = (-12_000..12_000).map(|step| step as f32 / 1000.0).collect();
        let mut got = steps.clone();
        super::tanh(&mut got);
        for (x, y) in steps.iter().zip(got) {
            assert!((f64::from(y) - f64::from(*x).tanh()).abs() < 4e-7, "{x}: {y}");
        }
        let mut ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        super::tanh(&mut ends);
        assert!(ends[0].is_nan());
        assert_eq!(ends[1..], [1.0, -1.0]);
    }
}
