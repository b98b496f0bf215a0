//! The gated linear unit (Dauphin et al. 2017): one half of the channels lets the other through.

use rayon::prelude::*;

use super::{CHUNK, vectorised};
use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// `1 / (1 + exp(-x))`, within 2e-7 of it, and never below 1e-38; NaN stays.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// `e^x` with `x` held to -87..88: `2^n` times a polynomial (Cephes' `expf`); no branch, so that it vectorises.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
    const WHOLE: f32 = 12_582_912.0;
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + WHOLE;
    let n = shifted - WHOLE;
    // ln 2 in two parts, the first with bits to spare.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = POLYNOMIAL.iter().fold(0.0, |p, &c| p * r + c);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    (p * r * r + r + 1.0) * power
}

/// `y = a * sigmoid(b)` for samples of `2 * half` values, `a` before `b`; `y` has `half` of each.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn glu<'y>(half: usize, x: &[f32], y: impl Into<Room<'y>>) -> Result<&'y mut [f32], ShapeError> {
    let mut y = y.into();
    check(half, x.len(), y.len())?;
    // Where a half is empty there is nothing.
    y.samples(half.max(1)).zip(x.par_chunks(2 * half.max(1))).for_each(|(mut y, x)| {
        let (a, b) = x.split_at(half);
        y.parts(CHUNK).zip(a.par_chunks(CHUNK)).zip(b.par_chunks(CHUNK)).for_each(|((y, a), b)| {
            vectorised(
                #[inline(always)]
                || {
                    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
                        *y = a * sigmoid(b);
                    }
                },
            );
        });
    });
    // SAFETY: each part of each sample was cleared and written.
    Ok(unsafe { y.written() })
}

/// `dx`, the gradient by `x` of `sum(dy * y)`.
///
/// # Errors
/// As [`glu`].
pub fn glu_gradient<'y>(
    half: usize,
    x: &[f32],
    dy: &[f32],
    dx: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut dx = dx.into();
    check(half, x.len(), dy.len())?;
    check_len("dx", dx.len(), x.len())?;
    let (one, both) = (half.max(1), 2 * half.max(1));
    dx.samples(both).zip(x.par_chunks(both)).zip(dy.par_chunks(one)).for_each(|((dx, x), dy)| {
        let ((a, b), [mut da, mut db]) = (x.split_at(half), dx.split(half));
        let to = da.parts(CHUNK).zip(db.parts(CHUNK));
        let from = a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK));
        to.zip(from).for_each(|((da, db), ((a, b), dy))| {
            vectorised(
                #[inline(always)]
                || {
                    for ((da, db), ((&a, &b), &dy)) in da.iter_mut().zip(db).zip(a.iter().zip(b).zip(dy)) {
                        let gate = sigmoid(b);
                        *da = dy * gate;
                        *db = *da * a * (1.0 - gate);
                    }
                },
            );
        });
    });
    // SAFETY: each part of both halves of each sample was cleared and written.
    Ok(unsafe { dx.written() })
}

fn check(half: usize, x: usize, y: usize) -> Result<(), ShapeError> {
    check_len("x", x, y.saturating_mul(2))?;
    let samples = y.checked_div(half).unwrap_or(0);
    check_len("y", y, samples * half)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sigmoid_is_as_close_as_it_says() {
        let mut worst = 0.0f64;
        for step in -120_000..120_000 {
            let x = step as f32 / 1000.0;
            let wanted = 1.0 / (1.0 + (-f64::from(x)).exp());
            let got = super::sigmoid(x);
            worst = worst.max((f64::from(got) - wanted).abs());
            assert!((0.0..=1.0).contains(&got));
        }
        println!("largest error {worst:e}");
        assert!(worst < 2e-7, "{worst:e}");
        assert!(super::sigmoid(f32::NAN).is_nan());
        assert_eq!(super::sigmoid(f32::INFINITY), 1.0);
        assert!(super::sigmoid(f32::NEG_INFINITY) < 1e-37);
    }
}
