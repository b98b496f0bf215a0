//! Where a classifier looks: what an answer loses when a part of the image is covered (Zeiler and Fergus 2014).
//!
//! It needs nothing but the classifier's answers, so that heads on any features and whole networks are looked at alike.

use doppelray_images::{Image, png};
use doppelray_measures::classify::{GRADES, Task};
use rayon::prelude::*;
use serde::Serialize;

/// Places along a side at which the cover stands.
pub(crate) const PLACES: usize = 12;
/// The cover's side as a share of the image's.
const COVER: f64 = 1.0 / 6.0;

/// What looking at an image gave: how much the logarithm of the odds of the answer falls where the cover stands at each of [`PLACES`]² places, row by row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Map(Vec<f32>);

/// Covers the image place by place with its own mean.
pub(crate) fn occluded(image: &Image, task: Task, judge: impl Fn(&Image) -> [f64; GRADES] + Sync) -> Map {
    let whole = judge(image);
    let answer = task.decide(&whole);
    let odds = |p: &[f64; GRADES]| {
        let p = p[answer].clamp(1e-9, 1.0 - 1e-9);
        libm::log(p / (1.0 - p))
    };
    let before = odds(&whole);
    let fall = |at: usize| (before - odds(&judge(&covered(image, at)))) as f32;
    Map((0..PLACES * PLACES).into_par_iter().map(fall).collect())
}

/// The image with the cover at a place.
fn covered(image: &Image, at: usize) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let mean = image.pixels().iter().map(|v| f64::from(*v)).sum::<f64>() / image.pixels().len() as f64;
    let span = |place: usize, side: usize| {
        let (centre, half) = ((place as f64 + 0.5) / PLACES as f64 * side as f64, 0.5 * COVER * side as f64);
        ((centre - half).max(0.0) as usize, ((centre + half).ceil() as usize).min(side))
    };
    let ((left, right), (top, bottom)) = (span(at % PLACES, width), span(at / PLACES, height));
    let mut pixels = image.pixels().to_vec();
    for row in pixels.chunks_exact_mut(width).take(bottom).skip(top) {
        row[left..right].fill(mean.round() as u16);
    }
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

impl Map {
    /// The value at each pixel of a square image, between places bilinear.
    fn spread(&self, side: usize) -> Vec<f32> {
        let at = |place: f64| {
            let place = (place * PLACES as f64 - 0.5).clamp(0.0, (PLACES - 1) as f64);
            let near = (place as usize).min(PLACES - 2);
            (near, (place - near as f64) as f32)
        };
        let value = |y: usize, x: usize| {
            let ((row, v), (column, u)) =
                (at((y as f64 + 0.5) / side as f64), at((x as f64 + 0.5) / side as f64));
            let along = |row: usize| {
                let start = row * PLACES + column;
                self.0[start] * (1.0 - u) + self.0[start + 1] * u
            };
            along(row) * (1.0 - v) + along(row + 1) * v
        };
        (0..side * side).map(|i| value(i / side, i % side)).collect()
    }

    /// The image as a PNG in colour: red where the answer rests on what is there, blue where it stands against it.
    pub(crate) fn over(&self, image: &Image) -> anyhow::Result<Vec<u8>> {
        let (width, grey) = (image.width() as usize, image.to_unit());
        let spread = self.spread(width);
        let top = self.0.iter().fold(1e-6f32, |top, v| top.max(v.abs()));
        let colour = |(grey, fall): (&f32, &f32)| {
            let strength = 0.6 * (fall / top).clamp(-1.0, 1.0);
            let tint = if strength > 0.0 { [1.0, 0.15, 0.1] } else { [0.1, 0.35, 1.0] };
            tint.map(|tint| (255.0 * (grey * (1.0 - strength.abs()) + tint * strength.abs())).round() as u8)
        };
        let rgb: Vec<u8> = grey.iter().zip(&spread).flat_map(colour).collect();
        Ok(png::encode_rgb(image.width(), image.height(), &rgb)?)
    }
}

#[cfg(test)]
mod tests {
    use doppelray_images::Depth;

    use super::*;

    #[test]
    fn the_place_that_the_answer_rests_on_is_found() {
        // The answer is yes where the pixels around (45, 15) are bright.
        let mut pixels = vec![40u16; 60 * 60];
        for y in 12..18 {
            pixels[y * 60 + 42..y * 60 + 48].fill(250);
        }
        let image = Image::new(60, 60, Depth::Eight, pixels);
        let judge = |image: &Image| {
            let bright = image.pixels()[15 * 60 + 45] > 200;
            if bright { [0.1, 0.9, 0.0, 0.0, 0.0] } else { [0.7, 0.3, 0.0, 0.0, 0.0] }
        };
        let map = occluded(&image, Task::Binary, judge);
        let spread = map.spread(60);
        let top = spread.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
        assert!((top / 60).abs_diff(15) <= 5 && (top % 60).abs_diff(45) <= 5, "{} {}", top % 60, top / 60);
        assert!(spread[50 * 60 + 10].abs() < 1e-6);
        assert!(map.over(&image).unwrap().starts_with(b"\x89PNG"));
    }
}
