//! An invisible watermark: 64 bits in the low frequencies of an image.
//!
//! Each bit is the sign of the image's projection onto a fixed pattern of cosines (DCT-II, orthonormal), spread over a ring of
//! frequencies that halving and JPEG leave alone. Cosines are counted in half waves across the image, so that its size
//! does not matter. The bits are written knowing the image (Malvar and Florencio, "Improved spread spectrum", 2003): a
//! projection that has its sign already, and far enough from zero, is left as it is, so little changes.
//!
//! The patterns are no secret: who knows this file can read the mark, and can take it out. It tells the honest, and it
//! outlives conversions that lose the file's text.

use doppelray_measures::rng::{Purpose, stream};

use crate::{Depth, Image};

/// Bits of the mark.
pub const BITS: u32 = 64;
/// Bits that must be right for an image to count as marked. By chance 54 or more of 64 are right in one image of 100 million.
pub const ENOUGH: u32 = 54;

/// The ring, in half waves across the image: inner and outer radius.
const RING: [usize; 2] = [20, 56];
/// How far from zero a projection is pushed, in grey levels of 255, for images up to [`USUAL`] pixels wide.
const DISTANCE: f32 = 14.0;
/// The width beyond which the distance grows with the image, so that it survives halving as well.
const USUAL: f32 = 224.0;
/// Rounding to whole grey levels and cutting at black and white undo a little: so often it is put again.
const ROUNDS: usize = 4;

/// A cosine of the ring: half waves down and across, and its weight in the pattern.
type Cosine = (usize, usize, f32);

/// What reads and writes the mark in images of one size.
pub struct Watermark {
    width: usize,
    height: usize,
    /// Cosines across and down: [k][x], orthonormal.
    across: Vec<Vec<f32>>,
    down: Vec<Vec<f32>>,
    patterns: Vec<Vec<Cosine>>,
    word: Vec<f32>,
}

impl Watermark {
    /// For images of `width` x `height` pixels, at least 32 each: smaller ones have too little of the ring.
    pub fn new(width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        let [inner, outer] = RING;
        let within = |u: &usize, v: &usize| (inner * inner..outer * outer).contains(&(u * u + v * v));
        let mut ring: Vec<(usize, usize)> =
            (0..outer).flat_map(|u| (0..outer).map(move |v| (u, v))).filter(|(u, v)| within(u, v)).collect();
        stream(0, Purpose::Watermark, 0).shuffle(&mut ring);
        let mut draws = stream(0, Purpose::Watermark, 1);
        let mut sign = || if draws.below(2) == 0 { -1.0 } else { 1.0 };
        let each = ring.len() / BITS as usize;
        let pattern = |part: &[(usize, usize)], sign: &mut dyn FnMut() -> f32| -> Vec<Cosine> {
            let all: Vec<Cosine> = part.iter().map(|(u, v)| (*u, *v, sign())).collect();
            // A small image does not have the high ones.
            let there: Vec<Cosine> = all.into_iter().filter(|(u, v, _)| *u < height && *v < width).collect();
            let norm = (there.len().max(1) as f32).sqrt();
            there.into_iter().map(|(u, v, s)| (u, v, s / norm)).collect()
        };
        let patterns =
            ring.chunks_exact(each).take(BITS as usize).map(|part| pattern(part, &mut sign)).collect();
        let word = (0..BITS).map(|_| sign()).collect();
        Self { width, height, across: cosines(width), down: cosines(height), patterns, word }
    }

    /// The image with the mark. Panics if it is of another size.
    pub fn put(&self, image: &Image) -> Image {
        let scale = scale(image.depth());
        let distance = DISTANCE * (self.width.max(self.height) as f32 / USUAL).max(1.0);
        let mut marked = image.clone();
        for _ in 0..ROUNDS {
            let mut change = vec![vec![0.0; self.across.len()]; self.down.len()];
            let mut enough = true;
            for ((pattern, bit), held) in self.patterns.iter().zip(&self.word).zip(self.projections(&marked))
            {
                let lacking = distance - bit * held;
                if lacking > 0.0 {
                    enough &= lacking < 0.1 * distance;
                    pattern.iter().for_each(|(u, v, weight)| change[*u][*v] += lacking * bit * weight);
                }
            }
            if enough {
                break;
            }
            let white = f32::from(image.depth().white());
            let moved = self.pixels(&change);
            let add = |(pixel, change): (&u16, &f32)| {
                (f32::from(*pixel) + change / scale).round().clamp(0.0, white) as u16
            };
            let pixels = marked.pixels().iter().zip(&moved).map(add).collect();
            marked = Image::new(image.width(), image.height(), image.depth(), pixels);
        }
        marked
    }

    /// How many bits of the mark an image holds, of [`BITS`]; about half by chance. Panics if it is of another size.
    pub fn held(&self, image: &Image) -> u32 {
        let right = |(bit, held): (&f32, &f32)| u32::from(bit * held > 0.0);
        self.word.iter().zip(&self.projections(image)).map(right).sum()
    }

    /// The image's projection onto each bit's pattern, in grey levels of 255.
    fn projections(&self, image: &Image) -> Vec<f32> {
        assert_eq!((image.width() as usize, image.height() as usize), (self.width, self.height), "the size");
        let scale = scale(image.depth());
        // Down first: [u][x].
        let mut tall = vec![vec![0.0_f32; self.width]; self.down.len()];
        for (y, row) in image.pixels().chunks_exact(self.width).enumerate() {
            let row: Vec<f32> = row.iter().map(|p| f32::from(*p) * scale).collect();
            for (sums, wave) in tall.iter_mut().zip(&self.down) {
                sums.iter_mut().zip(&row).for_each(|(sum, grey)| *sum += wave[y] * grey);
            }
        }
        let at =
            |u: usize, v: usize| -> f32 { tall[u].iter().zip(&self.across[v]).map(|(t, c)| t * c).sum() };
        let project = |p: &Vec<Cosine>| p.iter().map(|(u, v, weight)| at(*u, *v) * weight).sum();
        self.patterns.iter().map(project).collect()
    }

    /// The picture of coefficients [u][v].
    fn pixels(&self, coefficients: &[Vec<f32>]) -> Vec<f32> {
        let mut wide = vec![vec![0.0_f32; self.width]; coefficients.len()];
        for (row, sums) in coefficients.iter().zip(&mut wide) {
            for (value, wave) in row.iter().zip(&self.across).filter(|(value, _)| **value != 0.0) {
                sums.iter_mut().zip(wave).for_each(|(sum, cosine)| *sum += value * cosine);
            }
        }
        let mut pixels = vec![0.0_f32; self.width * self.height];
        for (y, row) in pixels.chunks_exact_mut(self.width).enumerate() {
            for (sums, wave) in wide.iter().zip(&self.down) {
                row.iter_mut().zip(sums).for_each(|(pixel, sum)| *pixel += wave[y] * sum);
            }
        }
        pixels
    }
}

/// The first cosines of the orthonormal DCT-II of `length` values; libm's, so that they are the same on every machine.
fn cosines(length: usize) -> Vec<Vec<f32>> {
    let cosine = |k: usize, x: usize| {
        let norm = if k == 0 { 1.0 } else { 2.0 };
        let angle = std::f64::consts::PI * (2 * x + 1) as f64 * k as f64 / (2 * length) as f64;
        ((norm / length as f64).sqrt() * libm::cos(angle)) as f32
    };
    (0..RING[1].min(length)).map(|k| (0..length).map(|x| cosine(k, x)).collect()).collect()
}

/// To grey levels of 255.
fn scale(depth: Depth) -> f32 {
    255.0 / f32::from(depth.white())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::phantom::render;
    use crate::resize::halved;

    fn knee(subject: u64) -> Image {
        render(0, subject, Side::Left, 224).image
    }

    fn held(image: &Image) -> u32 {
        Watermark::new(image.width(), image.height()).held(image)
    }

    fn marked(image: &Image) -> Image {
        Watermark::new(image.width(), image.height()).put(image)
    }

    /// What JPEG of quality 80 keeps of an 8-bit image: its luminance table (ITU-T T.81, K.1), scaled as libjpeg does.
    fn jpeg(image: &Image) -> Image {
        const TABLE: [f32; 64] = [
            16., 11., 10., 16., 24., 40., 51., 61., 12., 12., 14., 19., 26., 58., 60., 55., 14., 13., 16.,
            24., 40., 57., 69., 56., 14., 17., 22., 29., 51., 87., 80., 62., 18., 22., 37., 56., 68., 109.,
            103., 77., 24., 35., 55., 64., 81., 104., 113., 92., 49., 64., 78., 87., 103., 121., 120., 101.,
            72., 92., 95., 98., 112., 100., 103., 99.,
        ];
        let (waves, width) = (cosines(8), image.width() as usize);
        let mut pixels = image.pixels().to_vec();
        for corner in (0..pixels.len()).filter(|at| at % 8 == 0 && (at / width) % 8 == 0) {
            let at = |x: usize, y: usize| corner + y * width + x;
            let cells = || (0..64).map(|i| (i % 8, i / 8));
            let kept: Vec<f32> = cells()
                .map(|(v, u)| {
                    let sum: f32 = cells()
                        .map(|(x, y)| (f32::from(pixels[at(x, y)]) - 128.0) * waves[u][y] * waves[v][x])
                        .sum();
                    let step = (TABLE[u * 8 + v] * 0.4 + 0.5).floor();
                    (sum / step).round() * step
                })
                .collect();
            let back = |x: usize, y: usize| -> f32 {
                cells().map(|(v, u)| kept[u * 8 + v] * waves[u][y] * waves[v][x]).sum::<f32>() + 128.0
            };
            let block: Vec<(usize, f32)> = cells().map(|(x, y)| (at(x, y), back(x, y))).collect();
            block.into_iter().for_each(|(at, grey)| pixels[at] = grey.round().clamp(0.0, 255.0) as u16);
        }
        Image::new(image.width(), image.height(), Depth::Eight, pixels)
    }

    #[test]
    fn the_mark_outlives_eight_bits_halving_and_jpeg() {
        for subject in 0..8 {
            let image = marked(&knee(subject));
            assert_eq!(held(&image), BITS);
            let eight = image.at(Depth::Eight);
            for (name, changed) in [
                ("8 bits", eight.clone()),
                ("halved", halved(&eight)),
                ("jpeg", jpeg(&eight)),
                ("both", jpeg(&halved(&eight))),
            ] {
                let held = held(&changed);
                assert!(held >= ENOUGH, "{name}: {held} of {BITS}");
            }
        }
    }

    #[test]
    fn unmarked_images_hold_half_the_bits_as_a_coin_would() {
        let all: Vec<u32> = (0..60).map(|subject| held(&knee(subject))).collect();
        let mean = f64::from(all.iter().sum::<u32>()) / 60.0;
        // A coin's mean is 32 with a standard error of 4 / sqrt(60).
        assert!((mean - 32.0).abs() < 5.0 * 4.0 / 60.0_f64.sqrt(), "{mean}");
        assert!(all.iter().all(|held| *held < ENOUGH), "{all:?}");
    }

    #[test]
    fn the_mark_is_fainter_than_an_eye_can_see_and_the_same_each_time() {
        for subject in 0..4 {
            let image = knee(subject).at(Depth::Eight);
            let with = marked(&image);
            assert_eq!(with, marked(&image));
            let square = |(a, b): (&u16, &u16)| (f64::from(*a) - f64::from(*b)).powi(2);
            let mean: f64 =
                image.pixels().iter().zip(with.pixels()).map(square).sum::<f64>() / (224.0 * 224.0);
            let psnr = 10.0 * (255.0 * 255.0 / mean).log10();
            assert!(psnr > 42.0, "{psnr} dB");
            assert_eq!(marked(&with), with, "what is marked stays as it is");
        }
    }

    #[test]
    fn small_and_oblong_and_deep_images_are_marked_too() {
        let small = render(0, 1, Side::Right, 32).image;
        assert!(held(&marked(&small)) >= ENOUGH);
        let deep = knee(3);
        assert_eq!(deep.depth(), Depth::Sixteen);
        assert_eq!(held(&marked(&deep)), BITS);
        let pixels = deep.pixels()[..224 * 160].to_vec();
        assert!(held(&marked(&Image::new(224, 160, Depth::Sixteen, pixels))) >= ENOUGH);
    }
}
