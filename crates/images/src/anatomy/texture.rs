//! The texture of bone under the tibial plate.

use super::picture::SIDE;

/// Fine and coarse detail: half-widths of the means that are taken off, pixels.
const MEANS: [usize; 2] = [1, 4];

/// Mean grey and texture of a rectangle of a picture.
pub(super) struct Patch {
    /// Mean grey, 0..1.
    pub(super) grey: f64,
    /// Standard deviation of what is finer than about 1.4 mm and of what is finer than about 4 mm.
    pub(super) detail: [f64; 2],
}

/// The patch with this middle and these half-sizes, clipped to the picture.
pub(super) fn patch(grey: &[f32], [x, y]: [f64; 2], [half_width, half_height]: [f64; 2]) -> Patch {
    let span = |middle: f64, half: f64| {
        let place = |v: f64| v.round().clamp(0.0, (SIDE - 1) as f64) as usize;
        place(middle - half)..place(middle + half) + 1
    };
    let (columns, rows) = (span(x, half_width), span(y, half_height));
    let places: Vec<(usize, usize)> = rows.flat_map(|y| columns.clone().map(move |x| (x, y))).collect();
    let at = |x: usize, y: usize| f64::from(grey[y * SIDE + x]);
    let mean = |x: usize, y: usize, by: usize| {
        let across = x.saturating_sub(by)..(x + by + 1).min(SIDE);
        let down = y.saturating_sub(by)..(y + by + 1).min(SIDE);
        let count = (across.len() * down.len()) as f64;
        down.flat_map(|y| across.clone().map(move |x| (x, y))).map(|(x, y)| at(x, y)).sum::<f64>() / count
    };
    let n = places.len() as f64;
    let detail = MEANS.map(|by| {
        let squares = places.iter().map(|(x, y)| (at(*x, *y) - mean(*x, *y, by)).powi(2));
        (squares.sum::<f64>() / n).sqrt()
    });
    Patch { grey: places.iter().map(|(x, y)| at(*x, *y)).sum::<f64>() / n, detail }
}
