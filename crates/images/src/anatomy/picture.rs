//! A film at the scale it is measured at, and its slopes.

use crate::{Depth, Image, resize};

/// Width and height of the working picture: about 0.46 mm a pixel where a knee fills the frame.
pub(super) const SIDE: usize = 224;

/// Spread of the slopes' filter, pixels.
const SIGMA: f32 = 1.1;

/// Grey values in 0..1, row by row, with their slopes down and across (a pixel).
pub(super) struct Picture {
    pub(super) grey: Vec<f32>,
    pub(super) down: Vec<f32>,
    pub(super) across: Vec<f32>,
}

impl Picture {
    /// The picture of an image whose lateral side is on the viewer's right.
    pub(super) fn of(image: &Image) -> Self {
        let grey = resize::square(&image.clone().at(Depth::Sixteen), SIDE as u32).to_unit();
        let (bell, slope) = (taps(|_| 1.0), taps(|t| t / (SIGMA * SIGMA)));
        let turned = |values: &[f32]| -> Vec<f32> {
            (0..SIDE * SIDE).map(|i| values[i % SIDE * SIDE + i / SIDE]).collect()
        };
        let [smooth, steep] = [&bell, &slope].map(|taps| along_rows(&grey, taps));
        let across = turned(&along_rows(&turned(&steep), &bell));
        let down = turned(&along_rows(&turned(&smooth), &slope));
        Self { grey, down, across }
    }

    /// The slope that a tenth of all pixels exceed: what counts as an edge on this film.
    pub(super) fn steep(&self) -> f32 {
        let mut slopes: Vec<f32> = self.down.iter().map(|s| s.abs()).collect();
        let place = slopes.len() * 9 / 10;
        slopes.select_nth_unstable_by(place, f32::total_cmp).1.max(1e-4)
    }
}

type Taps = [f32; 9];

/// A Gaussian times `shape`.
fn taps(shape: impl Fn(f32) -> f32) -> Taps {
    let bell = |i: usize| libm::expf(-0.5 * ((i as f32 - 4.0) / SIGMA).powi(2));
    let total: f32 = (0..9).map(bell).sum();
    std::array::from_fn(|i| bell(i) / total * shape(i as f32 - 4.0))
}

/// Filtered along the rows, the ends repeated.
fn along_rows(values: &[f32], taps: &Taps) -> Vec<f32> {
    let filtered = |i: usize| {
        let (row, x) = (&values[i / SIDE * SIDE..][..SIDE], i % SIDE);
        let at = |k: usize| row[(x + k).saturating_sub(4).min(SIDE - 1)];
        taps.iter().enumerate().map(|(k, tap)| tap * at(k)).sum()
    };
    (0..SIDE * SIDE).map(filtered).collect()
}

/// The place of the largest of `value(i)` about `peak`, by the parabola through it and its neighbours.
pub(super) fn vertex(value: impl Fn(usize) -> f32, peak: usize) -> f64 {
    let [before, at, after] = [value(peak - 1), value(peak), value(peak + 1)].map(f64::from);
    let bend = before - 2.0 * at + after;
    let step = if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 };
    peak as f64 + step.clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_a_ramp_and_an_edge_is_found_between_pixels() {
        let ramp = Image::from_unit(
            224,
            224,
            Depth::Sixteen,
            &(0..SIDE * SIDE)
                .map(|i| (i % SIDE) as f32 * 0.002 + (i / SIDE) as f32 * 0.001)
                .collect::<Vec<_>>(),
        );
        let picture = Picture::of(&ramp);
        let middle = 100 * SIDE + 100;
        assert!((picture.across[middle] - 0.002).abs() < 1e-4 && (picture.down[middle] - 0.001).abs() < 1e-4);
        assert!((vertex(|i| -((i as f32 - 7.3).powi(2)), 7) - 7.3).abs() < 1e-5);
    }
}
