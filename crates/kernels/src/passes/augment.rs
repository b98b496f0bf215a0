//! Differentiable augmentation (Zhao et al. 2020): each image brightened, its contrast changed around its mean,
//! shifted, and a square of it put out, in one pass and by its own numbers.

use rayon::prelude::*;

use super::vectorised;
use crate::conv::{ShapeError, check_len};

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Added to every pixel.
    pub brightness: f32,
    /// Factor on a pixel's distance from the image's mean.
    pub contrast: f32,
    /// Rows and columns by which the content moves up and left; what comes in is black, -1.
    pub shift: [isize; 2],
    /// The hole's first row and column, and its side; inside it the image is 0.
    pub hole: Option<[isize; 3]>,
}

/// What lies around an image: black.
pub const OUTSIDE: f32 = -1.0;

impl Change {
    /// Changes nothing.
    pub const NONE: Self = Self { brightness: 0.0, contrast: 1.0, shift: [0, 0], hole: None };

    /// The columns of an output row that are put out.
    pub fn hole_in(&self, row: usize, side: usize) -> std::ops::Range<usize> {
        let Some([top, left, length]) = self.hole else { return 0..0 };
        if !(top..top + length).contains(&(row as isize)) {
            return 0..0;
        }
        let clamp = |column: isize| column.clamp(0, side as isize) as usize;
        clamp(left)..clamp(left + length)
    }

    /// The output columns that come from inside the image, or `None` where the whole row comes from outside, with
    /// the input row and the first input column.
    fn source(&self, row: usize, side: usize) -> Option<(std::ops::Range<usize>, usize, usize)> {
        let side = side as isize;
        let from = row as isize + self.shift[0];
        let first = (-self.shift[1]).clamp(0, side);
        let end = (side - self.shift[1]).clamp(0, side);
        let inside = (0..side).contains(&from) && first < end;
        inside.then(|| (first as usize..end as usize, from as usize, (first + self.shift[1]) as usize))
    }
}

/// `y` of square images `x [changes, side, side]`, each changed by its own numbers.
///
/// # Errors
/// Where a slice's length is not the shape's.
pub fn augment(changes: &[Change], side: usize, x: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    let area = side * side;
    check_len("x", x.len(), changes.len() * area)?;
    check_len("y", y.len(), changes.len() * area)?;
    let images = y.par_chunks_exact_mut(area.max(1)).zip(x.par_chunks_exact(area.max(1)));
    images.zip(changes).for_each(|((y, x), change)| {
        vectorised(
            #[inline(always)]
            || forward(change, side, x, y),
        );
    });
    Ok(())
}

/// `dx`, the gradient by `x` of `sum(dy * y)`.
///
/// # Errors
/// As [`augment`].
pub fn augment_gradient(
    changes: &[Change],
    side: usize,
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), ShapeError> {
    let area = side * side;
    check_len("dy", dy.len(), changes.len() * area)?;
    check_len("dx", dx.len(), changes.len() * area)?;
    let images = dx.par_chunks_exact_mut(area.max(1)).zip(dy.par_chunks_exact(area.max(1)));
    images.zip(changes).for_each(|((dx, dy), change)| {
        vectorised(
            #[inline(always)]
            || backward(change, side, dy, dx),
        );
    });
    Ok(())
}

#[inline(always)]
fn forward(change: &Change, side: usize, x: &[f32], y: &mut [f32]) {
    let rest = (1.0 - change.contrast) * mean(x) + change.brightness;
    for (row, out) in y.chunks_exact_mut(side).enumerate() {
        out.fill(OUTSIDE);
        if let Some((columns, from, first)) = change.source(row, side) {
            let count = columns.len();
            for (out, value) in out[columns].iter_mut().zip(&x[from * side + first..][..count]) {
                *out = change.contrast * value + rest;
            }
        }
        out[change.hole_in(row, side)].fill(0.0);
    }
}

#[inline(always)]
fn backward(change: &Change, side: usize, dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    for (row, gradient) in dy.chunks_exact(side).enumerate() {
        let Some((columns, from, first)) = change.source(row, side) else { continue };
        let (start, count) = (columns.start, columns.len());
        let target = &mut dx[from * side + first..][..count];
        target.copy_from_slice(&gradient[columns]);
        let hole = change.hole_in(row, side);
        let hole = hole.start.saturating_sub(start).min(count)..hole.end.saturating_sub(start).min(count);
        target[hole].fill(0.0);
    }
    let rest = (1.0 - change.contrast) * mean(dx);
    dx.iter_mut().for_each(|value| *value = change.contrast * *value + rest);
}

#[inline(always)]
fn mean(x: &[f32]) -> f32 {
    // Lanes of their own, so that the sum is both quick and exact to a few roundings.
    let mut lanes = [0f64; 16];
    let (whole, rest) = x.as_chunks::<16>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += f64::from(*value));
    }
    let sum: f64 = lanes.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v)).sum::<f64>();
    (sum / x.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 7;

    fn image(step: usize) -> Vec<f32> {
        (0..2 * SIDE * SIDE).map(|i| ((i * step + 3) % 11) as f32 / 5.0 - 1.0).collect()
    }

    const CHANGES: [Change; 2] = [
        Change { brightness: 0.2, contrast: 0.7, shift: [1, -2], hole: Some([2, 3, 3]) },
        Change { brightness: -0.1, contrast: 1.3, shift: [-3, 1], hole: Some([-1, 5, 4]) },
    ];

    #[test]
    fn each_pixel_is_what_the_definition_says() {
        let x = image(5);
        let mut y = vec![9.0; x.len()];
        augment(&CHANGES, SIDE, &x, &mut y).unwrap();
        for (i, change) in CHANGES.iter().enumerate() {
            let x = &x[i * SIDE * SIDE..][..SIDE * SIDE];
            let mean = x.iter().sum::<f32>() / x.len() as f32 + change.brightness;
            for row in 0..SIDE as isize {
                for column in 0..SIDE as isize {
                    let [from, at] = [row + change.shift[0], column + change.shift[1]];
                    let side = 0..SIDE as isize;
                    let [top, left, length] = change.hole.unwrap();
                    let expected =
                        if (top..top + length).contains(&row) && (left..left + length).contains(&column) {
                            0.0
                        } else if side.contains(&from) && side.contains(&at) {
                            let value = x[from as usize * SIDE + at as usize] + change.brightness;
                            (value - mean) * change.contrast + mean
                        } else {
                            OUTSIDE
                        };
                    let found = y[i * SIDE * SIDE + row as usize * SIDE + column as usize];
                    assert!((found - expected).abs() < 1e-5, "{row} {column}: {found} {expected}");
                }
            }
        }
        augment(&[Change::NONE; 2], SIDE, &x, &mut y).unwrap();
        assert_eq!(x, y);
    }

    #[test]
    fn the_gradient_is_the_transposed_map() {
        let (x, other, dy) = (image(5), image(3), image(7));
        let [mut y, mut z, mut dx] = [0; 3].map(|_| vec![0.0; x.len()]);
        augment(&CHANGES, SIDE, &x, &mut y).unwrap();
        augment(&CHANGES, SIDE, &other, &mut z).unwrap();
        augment_gradient(&CHANGES, SIDE, &dy, &mut dx).unwrap();
        // The map is linear up to a constant, so differences of outputs are the map of differences of inputs.
        let dot = |a: &[f32], b: &[f32], c: &[f32]| -> f64 {
            a.iter().zip(b).zip(c).map(|((a, b), c)| f64::from((a - b) * c)).sum()
        };
        let [left, right] = [dot(&y, &z, &dy), dot(&x, &other, &dx)];
        assert!((left - right).abs() < 1e-4 && left.abs() > 0.1, "{left} {right}");
    }
}
