//! Sums of two maps, scaled.

use rayon::prelude::*;

use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};

/// `y = (x + y) * factor`.
///
/// # Errors
/// Where the lengths differ.
pub fn scaled_sum(x: &[f32], factor: f32, y: &mut [f32]) -> Result<(), ShapeError> {
    check_len("x", x.len(), y.len())?;
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x + *y) * factor),
        );
    });
    Ok(())
}

/// `y *= factor`.
pub fn scale(factor: f32, y: &mut [f32]) {
    y.par_chunks_mut(CHUNK).for_each(|y| {
        vectorised(
            #[inline(always)]
            || y.iter_mut().for_each(|y| *y *= factor),
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_scaled_and_other_lengths_are_refused() {
        let mut y = vec![1.0; CHUNK + 3];
        scaled_sum(&vec![2.0; CHUNK + 3], 0.5, &mut y).unwrap();
        assert_eq!(y, vec![1.5; CHUNK + 3]);
        scale(2.0, &mut y);
        assert_eq!(y, vec![3.0; CHUNK + 3]);
        assert!(scaled_sum(&[0.0; 2], 1.0, &mut y).is_err());
    }
}
