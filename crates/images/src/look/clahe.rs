//! Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994, VIII.5).

use crate::{Depth, Image};

/// Tiles a side.
const TILES: usize = 8;

/// How often a grey may occur in a tile, times the mean; what is above is spread over all greys.
const LIMIT: f64 = 2.0;

/// Greys that are told apart; values between two of a deeper image are interpolated.
const GREYS: usize = 256;

/// Every 8th of either length is equalised by its own histogram, clipped at twice the mean count; between the tiles'
/// middles their curves are mixed bilinearly. OpenCV's
/// `createCLAHE(2.0, (8, 8))` comes out some greys brighter in small tiles, as it hands the remainder of what it clips to the
/// darkest greys. An image smaller than 8 x 8 stays as it is.
pub fn clahe(image: &Image) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if width < TILES || height < TILES {
        return image.clone();
    }
    let (low, step) = greys(image);
    let grey = |value: u16| (f64::from(value) - low) / step;
    let curves: Vec<Vec<f64>> = (0..TILES * TILES).map(|tile| curve(image, tile, &grey)).collect();
    let white = f64::from(image.depth().white());
    let columns: Vec<Between> = (0..width).map(|x| Between::of(x, width)).collect();
    let pixels = image.pixels().chunks_exact(width).enumerate().flat_map(|(y, row)| {
        let (down, columns, curves, grey) = (Between::of(y, height), &columns, &curves, &grey);
        row.iter().zip(columns).map(move |(value, across)| {
            let at = |row: usize, column: usize| read(&curves[row * TILES + column], grey(*value));
            let upper = across.mix(at(down.before, across.before), at(down.before, across.after));
            let lower = across.mix(at(down.after, across.before), at(down.after, across.after));
            (down.mix(upper, lower) * white + 0.5) as u16
        })
    });
    Image::new(image.width(), image.height(), image.depth(), pixels.collect())
}

/// The value of the first grey and the distance between greys: all of 8 bits, else the range that is used.
fn greys(image: &Image) -> (f64, f64) {
    let (low, high) = match image.depth() {
        Depth::Eight => (0, u8::MAX.into()),
        Depth::Sixteen => image.pixels().iter().fold((u16::MAX, 0), |(l, h), v| (l.min(*v), h.max(*v))),
    };
    (f64::from(low), (f64::from(high.saturating_sub(low)) / (GREYS - 1) as f64).max(f64::MIN_POSITIVE))
}

/// For each grey the share of a tile's pixels that do not exceed it, after clipping; 0..=1.
fn curve(image: &Image, tile: usize, grey: &impl Fn(u16) -> f64) -> Vec<f64> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let ends = |at: usize, length: usize| at * length / TILES..(at + 1) * length / TILES;
    let (down, across) = (ends(tile / TILES, height), ends(tile % TILES, width));
    let pixels = (down.len() * across.len()) as f64;
    let mut counts = [0.0; GREYS];
    for row in image.pixels().chunks_exact(width).take(down.end).skip(down.start) {
        for value in &row[across.clone()] {
            counts[(grey(*value) + 0.5) as usize] += 1.0;
        }
    }
    let most = (LIMIT * pixels / GREYS as f64).floor().max(1.0);
    let above: f64 = counts.iter().map(|count| f64::max(count - most, 0.0)).sum();
    let mut below = 0.0;
    let share = |count: &f64| {
        below += count.min(most) + above / GREYS as f64;
        below / pixels
    };
    counts.iter().map(share).collect()
}

/// The curve between its two nearest greys.
fn read(curve: &[f64], grey: f64) -> f64 {
    let first = (grey as usize).min(GREYS - 1);
    let second = (first + 1).min(GREYS - 1);
    curve[first] + (curve[second] - curve[first]) * (grey - first as f64)
}

/// Where a pixel lies between the middles of two tiles.
struct Between {
    before: usize,
    after: usize,
    share: f64,
}

impl Between {
    fn of(at: usize, length: usize) -> Self {
        let place = (at as f64 + 0.5) * TILES as f64 / length as f64 - 0.5;
        let before = place.floor().max(0.0) as usize;
        let after = (before + 1).min(TILES - 1);
        Self { before, after, share: (place - before as f64).clamp(0.0, 1.0) }
    }

    fn mix(&self, before: f64, after: f64) -> f64 {
        before + (after - before) * self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::mirror;
    use crate::phantom::render;
    use crate::{Depth, Side};

    #[test]
    fn a_faint_corner_gains_contrast_but_no_more_than_the_limit() {
        // A dark ramp of 32 greys across one tile in a bright image: the clipped curve at most doubles it, and more
        // where the neighbours' curves are steeper.
        let pixel = |i: u16| if i % 128 < 64 && i / 128 < 64 { 40 + (i % 32) } else { 200 + (i % 7) };
        let image = Image::new(128, 128, Depth::Eight, (0..128 * 128).map(pixel).collect());
        let range = |image: &Image| {
            let row = &image.pixels()[8 * 128..8 * 128 + 32];
            row.iter().max().unwrap() - row.iter().min().unwrap()
        };
        assert_eq!(range(&image), 31);
        assert!((45..=66).contains(&range(&clahe(&image))), "{}", range(&clahe(&image)));
    }

    #[test]
    fn it_treats_left_and_right_alike_and_both_depths() {
        let film = render(1, 1, Side::Left, 96).image;
        let apart = |a: &Image, b: &Image| {
            let pairs = a.pixels().iter().zip(b.pixels());
            pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap()
        };
        assert!(apart(&mirror(&clahe(&film)), &clahe(&mirror(&film))) <= 1);
        let eight = film.at(Depth::Eight);
        assert!(apart(&mirror(&clahe(&eight)), &clahe(&mirror(&eight))) <= 1);
        let tiny = Image::new(7, 9, Depth::Eight, vec![1; 63]);
        assert_eq!(clahe(&tiny), tiny);
    }
}
