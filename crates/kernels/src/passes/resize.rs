//! Bilinear resizing to any size, half-pixel centres, edges repeated (PyTorch's `align_corners=False`).

use rayon::prelude::*;

use super::{Planes, vectorised};
use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// Where one row or column of the result comes from: `(1 - share) * x[near] + share * x[far]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Blend {
    /// The source with the smaller index.
    pub near: usize,
    /// The next one, or the same at an edge.
    pub far: usize,
    /// Share of the second, from 0 to 1.
    pub share: f32,
}

/// The sources of `to` places among `from`, by `(i + 1/2) from / to - 1/2`, held to the ends.
pub fn blends(from: usize, to: usize) -> Vec<Blend> {
    let blend = |index: usize| {
        let at = ((index as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let near = (at as usize).min(from.saturating_sub(1));
        Blend { near, far: (near + 1).min(from.saturating_sub(1)), share: (at - near as f64).min(1.0) as f32 }
    };
    (0..to).map(blend).collect()
}

/// `y [count, size]` of `x [count, height, width]`.
///
/// # Errors
/// Where a slice's length is not the shape's, or `x` has no pixels.
pub fn resize_bilinear<'y>(
    planes: Planes,
    size: [usize; 2],
    x: &[f32],
    y: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut y = y.into();
    let [from, to] = check(planes, size, x.len(), y.len())?;
    if to == 0 {
        return Ok(y.cleared());
    }
    let (down, right) = (blends(planes.height, size[0]), blends(planes.width, size[1]));
    y.parts(to).zip(x.par_chunks_exact(from)).for_each(|(y, x)| {
        vectorised(
            #[inline(always)]
            || {
                let mut row = vec![0.0; planes.width];
                for (y, blend) in y.chunks_exact_mut(size[1]).zip(&down) {
                    let [near, far] = [blend.near, blend.far].map(|row| &x[row * planes.width..]);
                    for ((row, &near), &far) in row.iter_mut().zip(near).zip(far) {
                        *row = near + (far - near) * blend.share;
                    }
                    for (y, blend) in y.iter_mut().zip(&right) {
                        *y = row[blend.near] + (row[blend.far] - row[blend.near]) * blend.share;
                    }
                }
            },
        );
    });
    // SAFETY: each plane was cleared and written.
    Ok(unsafe { y.written() })
}

/// `dx`, the gradient by `x` of `sum(dy * y)`.
///
/// # Errors
/// As [`resize_bilinear`].
pub fn resize_bilinear_gradient<'y>(
    planes: Planes,
    size: [usize; 2],
    dy: &[f32],
    dx: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut dx = dx.into();
    let [from, to] = check(planes, size, dx.len(), dy.len())?;
    if to == 0 {
        return Ok(dx.cleared());
    }
    let (down, right) = (blends(planes.height, size[0]), blends(planes.width, size[1]));
    dx.parts(from).zip(dy.par_chunks_exact(to)).for_each(|(dx, dy)| {
        vectorised(
            #[inline(always)]
            || {
                let mut row = vec![0.0; planes.width];
                for (dy, blend) in dy.chunks_exact(size[1]).zip(&down) {
                    row.fill(0.0);
                    for (&dy, blend) in dy.iter().zip(&right) {
                        row[blend.near] += dy * (1.0 - blend.share);
                        row[blend.far] += dy * blend.share;
                    }
                    for (to, share) in [(blend.near, 1.0 - blend.share), (blend.far, blend.share)] {
                        let to = &mut dx[to * planes.width..][..planes.width];
                        to.iter_mut().zip(&row).for_each(|(to, row)| *to += row * share);
                    }
                }
            },
        );
    });
    // SAFETY: each plane was cleared and added to.
    Ok(unsafe { dx.written() })
}

/// Elements of a plane before and after.
fn check(planes: Planes, size: [usize; 2], x: usize, y: usize) -> Result<[usize; 2], ShapeError> {
    let [from, to] = [planes.height.saturating_mul(planes.width), size[0].saturating_mul(size[1])];
    check_len("x", x, planes.count.saturating_mul(from))?;
    check_len("y", y, planes.count.saturating_mul(to))?;
    if from == 0 { Err(ShapeError::Zero("the image to resize")) } else { Ok([from, to]) }
}
