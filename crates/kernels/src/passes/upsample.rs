//! Bilinear upsampling by two, half-pixel centres, edges repeated (PyTorch's `align_corners=False`):
//! `up[2 i] = x[i - 1] / 4 + 3 x[i] / 4` and `up[2 i + 1] = 3 x[i] / 4 + x[i + 1] / 4` along each axis.

use rayon::prelude::*;

use super::vectorised;
use crate::conv::{ShapeError, check_len};
use crate::memory::Room;

/// Planes of one size: batch and channels alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes {
    /// How many.
    pub count: usize,
    /// Rows of each before upsampling.
    pub height: usize,
    /// Columns of each before upsampling.
    pub width: usize,
}

impl Planes {
    /// Elements before upsampling, and a check that there are so many, and four times so many after.
    fn check(self, small: usize, large: usize) -> Result<usize, ShapeError> {
        let plane = self.height.saturating_mul(self.width);
        check_len("the smaller", small, plane.saturating_mul(self.count))?;
        check_len("the larger", large, small.saturating_mul(4))?;
        Ok(plane)
    }
}

/// `up [count, 2 height, 2 width]` of `x [count, height, width]`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn upsample_bilinear<'y>(
    planes: Planes,
    x: &[f32],
    up: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut up = up.into();
    let plane = planes.check(x.len(), up.len())?;
    if plane > 0 {
        up.parts(4 * plane).zip(x.par_chunks_exact(plane)).for_each(|(up, x)| {
            vectorised(
                #[inline(always)]
                || plane_up(planes, x, up),
            );
        });
    }
    // SAFETY: each plane was cleared and written; where planes are empty there is none.
    Ok(unsafe { up.written() })
}

/// `dx [count, height, width]`, the gradient by `x` of `sum(dup * up)`.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn upsample_bilinear_gradient<'y>(
    planes: Planes,
    dup: &[f32],
    dx: impl Into<Room<'y>>,
) -> Result<&'y mut [f32], ShapeError> {
    let mut dx = dx.into();
    let plane = planes.check(dx.len(), dup.len())?;
    if plane > 0 {
        dx.parts(plane).zip(dup.par_chunks_exact(4 * plane)).for_each(|(dx, dup)| {
            vectorised(
                #[inline(always)]
                || plane_gradient(planes, dup, dx),
            );
        });
    }
    // SAFETY: as there.
    Ok(unsafe { dx.written() })
}

#[inline(always)]
fn plane_up(Planes { height, width, .. }: Planes, x: &[f32], up: &mut [f32]) {
    let mut blend = vec![0.0; width + 2];
    for (index, out) in up.chunks_exact_mut(2 * width).enumerate() {
        row_up([height, width], x, index, &mut blend, out);
    }
}

/// Row `index` of a plane upsampled; `blend` has room for a row of `x` and two values more.
#[inline(always)]
pub(crate) fn row_up(
    [height, width]: [usize; 2],
    x: &[f32],
    index: usize,
    blend: &mut [f32],
    out: &mut [f32],
) {
    let row = |index: usize| &x[index * width..][..width];
    let near = index / 2;
    let far = if index.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(height - 1) };
    // A blended row between two repeated edges.
    let blend = &mut blend[..width + 2];
    for ((blend, &near), &far) in blend[1..=width].iter_mut().zip(row(near)).zip(row(far)) {
        *blend = 0.75 * near + 0.25 * far;
    }
    blend[0] = blend[1];
    blend[width + 1] = blend[width];
    let sides = blend[..width].iter().zip(&blend[2..]);
    for ((out, &middle), (&left, &right)) in out.as_chunks_mut::<2>().0.iter_mut().zip(&blend[1..]).zip(sides)
    {
        *out = [0.75 * middle + 0.25 * left, 0.75 * middle + 0.25 * right];
    }
}

#[inline(always)]
fn plane_gradient(Planes { height, width, .. }: Planes, dup: &[f32], dx: &mut [f32]) {
    let row = |index: usize| &dup[index * 2 * width..][..2 * width];
    let mut blend = vec![0.0; 2 * width + 2];
    for (index, out) in dx.chunks_exact_mut(width).enumerate() {
        // An edge that is repeated going up is counted twice coming down.
        let (above, below) = ((2 * index).saturating_sub(1), (2 * index + 2).min(2 * height - 1));
        let near = row(2 * index).iter().zip(row(2 * index + 1));
        let far = row(above).iter().zip(row(below));
        for ((blend, (a, b)), (c, d)) in blend[1..=2 * width].iter_mut().zip(near).zip(far) {
            *blend = 0.75 * (a + b) + 0.25 * (c + d);
        }
        blend[0] = blend[1];
        blend[2 * width + 1] = blend[2 * width];
        let (middles, sides) = (blend[1..].as_chunks::<2>().0, blend.as_chunks::<2>().0);
        for ((out, [a, b]), pair) in out.iter_mut().zip(middles).zip(sides.windows(2)) {
            *out = 0.75 * (a + b) + 0.25 * (pair[0][0] + pair[1][1]);
        }
    }
}
