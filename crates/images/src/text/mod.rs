//! Burnt-in text: names, dates and side markers that someone wrote into the pixels.
//!
//! Writing is thin strokes of one brightness that stand out of what is around them (`strokes`), in pieces of one height on
//! one line (`lines`). Three pieces in a row are taken for a line of text, wherever it stands; a single piece, such as a
//! side marker, only where the ground around it is flat, as over tissue it could as well be a screw. The same is done at
//! half and quarter size in large images, so that heights of about 6 to 200 pixels are seen.
//!
//! What is missed, and how often: docs/text.md, measured by `bench/text.py`.

pub(crate) mod font;
mod lines;
mod strokes;

use std::str::FromStr;

use crate::image::Image;
use crate::look::Part;
use crate::{Depth, resize};

/// What becomes of images that bear text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// Nobody looks.
    #[default]
    Keep,
    /// Text is painted over in the brightness around it.
    Mask,
    /// The image is refused.
    Refuse,
}

impl FromStr for Text {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "keep" => Ok(Self::Keep),
            "mask" => Ok(Self::Mask),
            "refuse" => Ok(Self::Refuse),
            other => Err(format!("`{other}` is not keep, mask or refuse")),
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Mask => "mask",
            Self::Refuse => "refuse",
        })
    }
}

/// Shorter sides from which on an image is searched at half its size too, and again.
const LARGE: u32 = 448;

/// Where an image bears text: boxes that hold it with a margin, of all sizes together.
pub fn find(image: &Image) -> Vec<Part> {
    let mut found = Vec::new();
    let mut picture = image.clone().at(Depth::Eight);
    let mut scale = 1;
    loop {
        let boxes = [strokes::Ink::Light, strokes::Ink::Dark]
            .into_iter()
            .flat_map(|ink| lines::lines(&strokes::pieces(&picture, ink)));
        found.extend(boxes.map(|part| grown(part, scale, image)));
        if picture.width().min(picture.height()) < LARGE || scale == 8 {
            return found;
        }
        picture = resize::halved(&picture);
        scale *= 2;
    }
}

/// The image with these parts painted over, each in the median brightness of its rim.
pub fn mask(image: &Image, parts: &[Part]) -> Image {
    let (width, depth) = (image.width() as usize, image.depth());
    let mut pixels = image.pixels().to_vec();
    for part in parts {
        let (left, top) = (part.left as usize, part.top as usize);
        let (right, bottom) = (left + part.width as usize, top + part.height as usize);
        let mut rim: Vec<u16> = (top..bottom)
            .flat_map(|y| (left..right).map(move |x| (x, y)))
            .filter(|(x, y)| *x == left || *x + 1 == right || *y == top || *y + 1 == bottom)
            .map(|(x, y)| image.pixels()[y * width + x])
            .collect();
        let middle = rim.len() / 2;
        let ground = *rim.select_nth_unstable(middle).1;
        for y in top..bottom {
            pixels[y * width + left..y * width + right].fill(ground);
        }
    }
    Image::new(image.width(), image.height(), depth, pixels)
}

/// A box in the picture's pixels, back in the image's, with room for faint edges, and for a letter that was missed at
/// either end.
fn grown(part: Part, scale: u32, image: &Image) -> Part {
    let (across, around) = (part.height * scale, (part.height * scale / 4).max(2));
    let (left, top) = (part.left * scale, part.top * scale);
    let right = (left + part.width * scale + across).min(image.width());
    let bottom = (top + part.height * scale + around).min(image.height());
    let (left, top) = (left.saturating_sub(across), top.saturating_sub(around));
    Part { left, top, width: right - left, height: bottom - top }
}

#[cfg(test)]
mod tests;
