//! A coarse print of an image: its middle frequencies, in 225 bytes.

use crate::{Depth, Image, resize};

/// Width and height of the picture that is taken apart.
const SIDE: usize = 64;

/// Frequencies (rows plus columns, in half periods a side) that count: not exposure and pose, and not grain.
const BAND: std::ops::RangeInclusive<usize> = 3..=20;

/// How many there are.
pub(super) const LENGTH: usize = 225;

/// Below this many pixels a side, there is too little to tell knees apart by.
const LEAST: u32 = 32;

/// What an image is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Print(pub(super) Box<[i8; LENGTH]>);

impl Print {
    /// The print of an image; `None` for one smaller than 32 pixels a side, or without any detail.
    pub fn of(image: &Image) -> Option<Self> {
        if image.width().min(image.height()) < LEAST {
            return None;
        }
        let small = resize::square(&image.clone().at(Depth::Sixteen), SIDE as u32).to_unit();
        let detail = detail(&small, SIDE, [4.0, 6.0]);
        let waves = waves(&detail);
        let power = waves.iter().map(|w| w * w).sum::<f32>() / LENGTH as f32;
        if power < 1e-6 {
            return None;
        }
        // Some thirty steps a standard deviation; what is beyond four of them is cut.
        let scale = 32.0 / power.sqrt();
        let mut print = Box::new([0; LENGTH]);
        print.iter_mut().zip(waves).for_each(|(p, w)| *p = (w * scale).round().clamp(-127.0, 127.0) as i8);
        Some(Self(print))
    }

    /// The print of the mirrored image: odd frequencies across change their sign.
    pub(super) fn mirrored(&self) -> Self {
        let mut print = self.0.clone();
        print.iter_mut().zip(places()).filter(|(_, (_, x))| x % 2 == 1).for_each(|(p, _)| *p = -*p);
        Self(print)
    }
}

/// The places of the band, row and column frequency.
fn places() -> impl Iterator<Item = (usize, usize)> {
    let ends = *BAND.end();
    (0..=ends).flat_map(move |y| (0..=ends).map(move |x| (y, x))).filter(|(y, x)| BAND.contains(&(y + x)))
}

/// The band of the discrete cosine transform (type 2) of a square picture.
fn waves(picture: &[f32]) -> Vec<f32> {
    let count = BAND.end() + 1;
    let angle = |k: usize, x: usize| std::f64::consts::PI * k as f64 * (x as f64 + 0.5) / SIDE as f64;
    let table: Vec<f32> = (0..count * SIDE).map(|i| libm::cos(angle(i / SIDE, i % SIDE)) as f32).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    // First along the rows, stored by column frequency, then along the columns.
    let rows: Vec<f32> = table
        .chunks_exact(SIDE)
        .flat_map(|wave| picture.chunks_exact(SIDE).map(move |row| dot(row, wave)))
        .collect();
    places().map(|(y, x)| dot(&rows[x * SIDE..(x + 1) * SIDE], &table[y * SIDE..(y + 1) * SIDE])).collect()
}

/// A square picture (values in 0..1) less its local mean, over its local contrast; both widths in pixels.
pub(crate) fn detail(picture: &[f32], side: usize, [mean, contrast]: [f32; 2]) -> Vec<f32> {
    let around = blurred(picture, side, mean);
    let mut detail: Vec<f32> = picture.iter().zip(around).map(|(p, m)| p - m).collect();
    let squares: Vec<f32> = detail.iter().map(|d| d * d).collect();
    let power = blurred(&squares, side, contrast);
    // Half a step of 8 bits, so that a flat part does not become all noise.
    let least = 0.5 / 255.0;
    detail.iter_mut().zip(power).for_each(|(d, p)| *d /= p.max(0.0).sqrt() + least);
    detail
}

/// A Gaussian blur; at the edges the picture is mirrored.
fn blurred(picture: &[f32], side: usize, sigma: f32) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as isize;
    let weight = |d: isize| libm::expf(-0.5 * (d as f32 / sigma).powi(2));
    let total: f32 = (-reach..=reach).map(weight).sum();
    let weights: Vec<f32> = (-reach..=reach).map(|d| weight(d) / total).collect();
    let mirrored = |at: isize| {
        let at = if at < 0 { -1 - at } else { at };
        if at >= side as isize { 2 * side as isize - 1 - at } else { at }.clamp(0, side as isize - 1) as usize
    };
    let across = |picture: &[f32]| {
        let mut out = vec![0.0; side * side];
        let mut padded = vec![0.0; side + 2 * reach as usize];
        for (y, row) in picture.chunks_exact(side).enumerate() {
            padded.iter_mut().enumerate().for_each(|(i, p)| *p = row[mirrored(i as isize - reach)]);
            // Written turned, so that doing it twice blurs both ways and turns back.
            for x in 0..side {
                let window = &padded[x..x + weights.len()];
                out[x * side + y] = window.iter().zip(&weights).map(|(v, w)| v * w).sum();
            }
        }
        out
    };
    across(&across(picture))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::look::mirror;
    use crate::phantom::render;

    #[test]
    fn the_band_has_as_many_places_as_a_print() {
        assert_eq!(places().count(), LENGTH);
    }

    #[test]
    fn a_blur_keeps_the_mean_and_spreads_a_point_as_wide_as_it_says() {
        let mut point = vec![0.0; 64 * 64];
        point[32 * 64 + 32] = 1.0;
        let spread = blurred(&point, 64, 3.0);
        let variance: f32 =
            spread.iter().enumerate().map(|(i, v)| v * ((i % 64) as f32 - 32.0).powi(2)).sum();
        assert!((spread.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert!((variance - 9.0).abs() < 0.3, "{variance}");
    }

    #[test]
    fn the_print_of_the_mirrored_image_is_the_mirrored_print() {
        let film = render(3, 1, Side::Left, 128).image;
        let [a, b] = [Print::of(&mirror(&film)).unwrap(), Print::of(&film).unwrap().mirrored()];
        assert!(a.0.iter().zip(b.0.iter()).all(|(a, b)| a.abs_diff(*b) <= 1));
    }

    #[test]
    fn what_shows_nothing_has_no_print() {
        assert_eq!(Print::of(&Image::new(64, 64, Depth::Eight, vec![9; 4096])), None);
        assert_eq!(Print::of(&Image::new(16, 16, Depth::Eight, (0..256).collect())), None);
    }
}
