//! Maxima of 3x3 at every second place, the last row and column kept: what SqueezeNet pools by (torchvision's
//! `ceil_mode`).

use rayon::prelude::*;

use super::{Planes, vectorised};
use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// Rows or columns after pooling `size` of them: `ceil((size - 3) / 2) + 1`, at least 2 needed.
pub fn pooled(size: usize) -> usize {
    size / 2
}

/// `y [count, height / 2, width / 2]`, maxima of `x [count, height, width]`; NaN where a window holds one.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn max_pool<'y>(planes: Planes, x: &[f32], y: impl Into<Room<'y>>) -> Result<&'y mut [f32], ShapeError> {
    let mut y = y.into();
    let [from, to] = check(planes, x.len(), y.len())?;
    if to > 0 {
        y.parts(to).zip(x.par_chunks_exact(from)).for_each(|(y, x)| {
            vectorised(
                #[inline(always)]
                || plane(planes.width, x, y),
            );
        });
    }
    // SAFETY: each plane was cleared and written; where planes are empty there is none.
    Ok(unsafe { y.written() })
}

/// `dx`, the gradient by `x` of `sum(dy * y)`: a window's goes to its first maximum, row by row.
///
/// # Errors
/// As [`max_pool`].
pub fn max_pool_gradient<'y>(
    planes: Planes,
    x: &[f32],
    dy: &[f32],
    dx: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut dx = dx.into();
    let [from, to] = check(planes, x.len(), dy.len())?;
    check_len("dx", dx.len(), x.len())?;
    if to == 0 {
        return Ok(dx.cleared());
    }
    dx.parts(from).zip(x.par_chunks_exact(from)).zip(dy.par_chunks_exact(to)).for_each(|((dx, x), dy)| {
        vectorised(
            #[inline(always)]
            || plane_gradient(planes.width, x, dy, dx),
        );
    });
    // SAFETY: each plane was cleared and written.
    Ok(unsafe { dx.written() })
}

/// Elements of a plane before and after.
fn check(Planes { count, height, width }: Planes, x: usize, y: usize) -> Result<[usize; 2], ShapeError> {
    let after = pooled(height).saturating_mul(pooled(width));
    check_len("x", x, count.saturating_mul(height).saturating_mul(width))?;
    check_len("y", y, count.saturating_mul(after))?;
    Ok([height * width, after])
}

/// The three rows of output row `index`; past the last, the last again.
#[inline(always)]
fn rows(width: usize, x: &[f32], index: usize) -> [&[f32]; 3] {
    let last = x.len() / width - 1;
    [0, 1, 2].map(|row| &x[(2 * index + row).min(last) * width..][..width])
}

/// True where `b` takes the place of `a`, which came first.
#[inline(always)]
fn above(b: f32, a: f32) -> bool {
    b > a || b.is_nan() && !a.is_nan()
}

#[inline(always)]
fn plane(width: usize, x: &[f32], y: &mut [f32]) {
    let larger = |a: f32, b: f32| if above(b, a) { b } else { a };
    // Maxima of columns, and two that never win.
    let mut columns = vec![f32::NEG_INFINITY; width + 2];
    for (index, y) in y.chunks_exact_mut(pooled(width)).enumerate() {
        let [first, second, third] = rows(width, x, index);
        for (((column, &a), &b), &c) in columns.iter_mut().zip(first).zip(second).zip(third) {
            *column = larger(larger(a, b), c);
        }
        let pairs = columns.as_chunks::<2>().0;
        for ((y, &[a, b]), &[c, _]) in y.iter_mut().zip(pairs).zip(&pairs[1..]) {
            *y = larger(larger(a, b), c);
        }
    }
}

#[inline(always)]
fn plane_gradient(width: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    let mut columns = vec![(f32::NEG_INFINITY, 3); width + 2];
    for (index, dy) in dy.chunks_exact(pooled(width)).enumerate() {
        let [first, second, third] = rows(width, x, index);
        for (((column, &a), &b), &c) in columns.iter_mut().zip(first).zip(second).zip(third) {
            *column = if above(b, a) { (b, 1) } else { (a, 0) };
            if above(c, column.0) {
                *column = (c, 2);
            }
        }
        for (col, &dy) in dy.iter().enumerate() {
            let window: &[(f32, usize)] = &columns[2 * col..][..3];
            let mut best = 0;
            for (next, &(value, row)) in window.iter().enumerate().skip(1) {
                let (largest, its_row) = window[best];
                if above(value, largest) || value == largest && row < its_row {
                    best = next;
                }
            }
            dx[(2 * index + window[best].1) * width + 2 * col + best] += dy;
        }
    }
}
