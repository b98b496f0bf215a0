//! Brightness made alike, whatever the exposure and the vendor's curve.

use std::str::FromStr;

use super::{clahe, mapped};
use crate::{Depth, Image};

/// How brightness is made alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Equalize {
    /// Not at all.
    #[default]
    None,
    /// The 1st percentile becomes black, the 99th white, linearly between: [`stretch`].
    Percentile,
    /// Every grey as frequent as every other: [`flatten`].
    Hist,
    /// The same by neighbourhoods, with contrast limited: [`clahe`].
    Clahe,
}

const WORDS: [(&str, Equalize); 4] = [
    ("none", Equalize::None),
    ("percentile", Equalize::Percentile),
    ("hist", Equalize::Hist),
    ("clahe", Equalize::Clahe),
];

impl FromStr for Equalize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = WORDS.iter().find(|(word, _)| *word == text).map(|(_, how)| *how);
        found.ok_or_else(|| format!("`{text}` is not none, percentile, hist or clahe"))
    }
}

impl std::fmt::Display for Equalize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(WORDS.iter().find(|(_, how)| how == self).map_or("", |(word, _)| word))
    }
}

impl Equalize {
    /// The image with its brightness made alike.
    pub fn apply(self, image: Image) -> Image {
        match self {
            Self::None => image,
            Self::Percentile => stretch(&image),
            Self::Hist => flatten(&image),
            Self::Clahe => clahe(&image),
        }
    }
}

/// The 1st percentile to black, the 99th to white, values outside clipped. An image of one value stays as it is.
pub fn stretch(image: &Image) -> Image {
    let counts = counts(image);
    let [low, high] = [0.01, 0.99].map(|share| f64::from(percentile(&counts, share, image.pixels().len())));
    if high <= low {
        return image.clone();
    }
    let white = f64::from(image.depth().white());
    mapped(image, |value| ((f64::from(value) - low) / (high - low) * white + 0.5).clamp(0.0, white) as u16)
}

/// Histogram equalisation (Gonzalez and Woods, Digital Image Processing, 3.3.1): a value becomes the share of pixels that
/// do not exceed it, the smallest black and the largest white. An image of one value stays as it is.
pub fn flatten(image: &Image) -> Image {
    let counts = counts(image);
    let all = image.pixels().len() as f64;
    let least = counts.iter().find(|count| **count > 0).map_or(0.0, |count| f64::from(*count));
    if all <= least {
        return image.clone();
    }
    let white = f64::from(image.depth().white());
    let mut below = 0.0;
    let share = |count: &u32| {
        below += f64::from(*count);
        ((below - least) / (all - least) * white + 0.5).clamp(0.0, white) as u16
    };
    let table: Vec<u16> = counts.iter().map(share).collect();
    mapped(image, |value| table[usize::from(value)])
}

/// How many pixels have each value.
fn counts(image: &Image) -> Vec<u32> {
    let levels = match image.depth() {
        Depth::Eight => 256,
        Depth::Sixteen => 65_536,
    };
    let mut counts = vec![0; levels];
    image.pixels().iter().for_each(|value| counts[usize::from(*value)] += 1);
    counts
}

/// The smallest value that at least this share of all pixels does not exceed.
fn percentile(counts: &[u32], share: f64, all: usize) -> u16 {
    let wanted = share * all as f64;
    let mut below = 0.0;
    let place = counts.iter().position(|count| {
        below += f64::from(*count);
        below >= wanted
    });
    place.unwrap_or(counts.len() - 1) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramps() -> [Image; 2] {
        let ramp = |first: u16, step: u16| {
            Image::new(100, 1, Depth::Sixteen, (0..100).map(|i| first + step * i).collect())
        };
        [ramp(1000, 10), ramp(30_000, 100)]
    }

    #[test]
    fn the_whole_range_is_used_whatever_the_exposure() {
        let [dim, bright] = ramps();
        for how in [Equalize::Percentile, Equalize::Hist] {
            assert_eq!(how.apply(dim.clone()), how.apply(bright.clone()));
            let pixels = how.apply(dim.clone()).pixels().to_vec();
            assert_eq!((pixels[0], pixels[99]), (0, u16::MAX));
            assert!(pixels.is_sorted());
        }
    }

    #[test]
    fn an_image_of_one_value_stays() {
        let flat = Image::new(2, 1, Depth::Eight, vec![9, 9]);
        for (_, how) in &WORDS[..3] {
            assert_eq!(how.apply(flat.clone()), flat);
        }
    }

    #[test]
    fn equal_shares_come_out_of_any_histogram() {
        let squares = Image::new(256, 1, Depth::Eight, (0..256_u32).map(|i| (i * i / 256) as u16).collect());
        let flat = flatten(&squares);
        let below = |value: u16| flat.pixels().iter().filter(|p| **p <= value).count() as f64 / 256.0;
        // Values that many pixels shared before still do; those are the steps.
        for value in [64, 128, 192] {
            assert!((below(value) - f64::from(value) / 255.0).abs() < 0.07, "{}", below(value));
        }
    }

    #[test]
    fn words_read_back() {
        for (word, how) in WORDS {
            assert_eq!((word.parse(), how.to_string().as_str()), (Ok(how), word));
        }
        assert!("auto".parse::<Equalize>().unwrap_err().contains("none, percentile, hist or clahe"));
    }
}
