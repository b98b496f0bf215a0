//! One look for all images: which part is kept, at what brightness, facing which side. Each step is a pure function.

use std::str::FromStr;

use crate::{Depth, Image, Side, resize};

/// What is done to every image of a collection before it is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The centred square that is kept, in pixels of the source; all of it where `None`.
    pub crop: Option<u32>,
    /// How brightness is made alike.
    pub equalize: Equalize,
    /// The side that all knees are shown as; `None` leaves them as they are.
    pub mirror: Option<Side>,
}

/// How brightness is made alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Equalize {
    /// Not at all.
    #[default]
    None,
    /// The 1st percentile becomes black, the 99th white, linearly between.
    Percentile,
}

impl FromStr for Equalize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "percentile" => Ok(Self::Percentile),
            other => Err(format!("`{other}` is neither none nor percentile")),
        }
    }
}

impl std::fmt::Display for Equalize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Percentile => "percentile",
        })
    }
}

impl Look {
    /// The image of a knee of this side, as the collection shows it. Where the side is unknown, nothing is mirrored.
    pub fn apply(&self, image: Image, side: Option<Side>) -> Image {
        let image = match self.crop {
            Some(side) => resize::crop(&image, side),
            None => image,
        };
        let image = match self.equalize {
            Equalize::None => image,
            Equalize::Percentile => stretch(&image),
        };
        if self.mirrors(side) { mirror(&image) } else { image }
    }

    /// Whether a knee of this side is mirrored.
    pub fn mirrors(&self, side: Option<Side>) -> bool {
        self.mirror.is_some_and(|shown| side.is_some_and(|side| side != shown))
    }
}

/// Left and right exchanged.
pub fn mirror(image: &Image) -> Image {
    let rows = image.pixels().chunks_exact(image.width().max(1) as usize);
    let pixels = rows.flat_map(|row| row.iter().rev()).copied().collect();
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

/// The 1st percentile to black, the 99th to white, values outside clipped. An image of one value stays as it is.
pub fn stretch(image: &Image) -> Image {
    let [low, high] = percentiles(image, [0.01, 0.99]).map(f64::from);
    if high <= low {
        return image.clone();
    }
    let white = f64::from(image.depth().white());
    let table = |value: u16| ((f64::from(value) - low) / (high - low) * white + 0.5).clamp(0.0, white) as u16;
    let pixels = image.pixels().iter().map(|value| table(*value)).collect();
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

/// The smallest values that at least these shares of the pixels do not exceed.
fn percentiles(image: &Image, shares: [f64; 2]) -> [u16; 2] {
    let levels = match image.depth() {
        Depth::Eight => 256,
        Depth::Sixteen => 65_536,
    };
    let mut counts = vec![0u32; levels];
    image.pixels().iter().for_each(|value| counts[usize::from(*value)] += 1);
    shares.map(|share| {
        let wanted = share * image.pixels().len() as f64;
        let mut below = 0.0;
        let place = counts.iter().position(|count| {
            below += f64::from(*count);
            below >= wanted
        });
        place.unwrap_or(levels - 1) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_uses_the_whole_range_whatever_the_exposure() {
        let dim = Image::new(100, 1, Depth::Sixteen, (0..100).map(|i| 1000 + 10 * i).collect());
        let bright = Image::new(100, 1, Depth::Sixteen, (0..100).map(|i| 30_000 + 100 * i).collect());
        assert_eq!(stretch(&dim), stretch(&bright));
        let pixels = stretch(&dim).pixels().to_vec();
        assert_eq!((pixels[0], pixels[99]), (0, u16::MAX));
        assert!(pixels.is_sorted());
        let flat = Image::new(2, 1, Depth::Eight, vec![9, 9]);
        assert_eq!(stretch(&flat), flat);
    }

    #[test]
    fn only_the_other_side_is_mirrored() {
        let image = Image::new(3, 1, Depth::Eight, vec![1, 2, 3]);
        let look = Look { mirror: Some(Side::Left), ..Look::default() };
        assert_eq!(look.apply(image.clone(), Some(Side::Right)).pixels(), [3, 2, 1]);
        assert_eq!(look.apply(image.clone(), Some(Side::Left)), image);
        assert_eq!(look.apply(image.clone(), None), image);
    }
}
