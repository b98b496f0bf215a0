//! Copies planted on purpose, to learn what an attack would find.

use doppelray_measures::rng::Stream;

use crate::look::mirror;
use crate::{Image, resize};

/// What is done to a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing.
    Exact,
    /// Left and right exchanged.
    Mirrored,
    /// Moved by a twentieth of the side, the edge repeated.
    Shifted,
    /// A tenth of the side cut off and the rest enlarged.
    Cropped,
    /// Made half as large and enlarged again.
    Rescaled,
    /// Brighter, of less contrast, and bent by a gamma of 1.5.
    Contrast,
    /// Normal noise of 6% of white on every pixel.
    Noised,
    /// Mixed with another image, 65 to 35.
    Blended,
    /// A quarter of the side squared replaced by another image's.
    Edited,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Exact,
        Self::Mirrored,
        Self::Shifted,
        Self::Cropped,
        Self::Rescaled,
        Self::Contrast,
        Self::Noised,
        Self::Blended,
        Self::Edited,
    ];

    /// What was done, for a reader.
    pub fn about(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Mirrored => "mirrored",
            Self::Shifted => "shifted by 5%",
            Self::Cropped => "cropped by 10% and enlarged",
            Self::Rescaled => "halved and enlarged again",
            Self::Contrast => "brightness and contrast changed",
            Self::Noised => "noise of 6% added",
            Self::Blended => "blended 65 to 35 with another image",
            Self::Edited => "a quarter of the width and height replaced",
        }
    }
}

/// A copy of `image` after this was done to it; `other` is an image of the same size.
pub fn plant(kind: Kind, image: &Image, other: &Image, random: &mut Stream) -> Image {
    let side = image.width();
    match kind {
        Kind::Exact => image.clone(),
        Kind::Mirrored => mirror(image),
        Kind::Shifted => shifted(image, random),
        Kind::Cropped => {
            let cut = resize::crop(image, (side * 9 / 10).max(1));
            resize::square(&cut, side)
        }
        Kind::Rescaled => resize::square(&resize::halved(image), side),
        Kind::Contrast => mapped(image, |v, _| 0.15 + 0.75 * libm::powf(v, 1.5)),
        Kind::Noised => {
            let noise = random.normals(image.pixels().len());
            mapped(image, |v, at| v + 0.06 * noise[at])
        }
        Kind::Blended => {
            let other = other.to_unit();
            mapped(image, |v, at| 0.65 * v + 0.35 * other[at])
        }
        Kind::Edited => edited(image, other, random),
    }
}

fn mapped(image: &Image, map: impl Fn(f32, usize) -> f32) -> Image {
    let values: Vec<f32> = image.to_unit().into_iter().enumerate().map(|(at, v)| map(v, at)).collect();
    Image::from_unit(image.width(), image.height(), image.depth(), &values)
}

fn shifted(image: &Image, random: &mut Stream) -> Image {
    let (width, height) = (image.width() as isize, image.height() as isize);
    let by = (width / 20).max(1);
    let mut way = || if random.below(2) == 0 { -by } else { by };
    let (right, down) = (way(), way());
    let pixel = |i: isize| {
        let x = (i % width - right).clamp(0, width - 1);
        let y = (i / width - down).clamp(0, height - 1);
        image.pixels()[(y * width + x) as usize]
    };
    Image::new(image.width(), image.height(), image.depth(), (0..width * height).map(pixel).collect())
}

fn edited(image: &Image, other: &Image, random: &mut Stream) -> Image {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let patch = [(width / 4).max(1), (height / 4).max(1)];
    let (left, top) = (random.below(width - patch[0] + 1), random.below(height - patch[1] + 1));
    let mut pixels = image.pixels().to_vec();
    for y in top..top + patch[1] {
        let row = y * width + left..y * width + left + patch[0];
        pixels[row.clone()].copy_from_slice(&other.pixels()[row]);
    }
    Image::new(image.width(), image.height(), image.depth(), pixels)
}

#[cfg(test)]
mod tests {
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;
    use crate::Side;
    use crate::copies::{Picture, Template};
    use crate::phantom::render;

    #[test]
    fn every_kind_of_copy_lies_closer_than_a_stranger() {
        let [film, other] = [1, 2].map(|subject| render(5, subject, Side::Left, 224).image);
        let template = Template::of(&film);
        let stranger = template.register(&Picture::of(&other)).correlation;
        for kind in Kind::ALL {
            let copy = plant(kind, &film, &other, &mut stream(0, Purpose::Plant, kind as u64));
            assert_eq!(copy == film, kind == Kind::Exact, "{kind:?}");
            // A mirrored copy is looked for in the mirror.
            let copy = if kind == Kind::Mirrored { mirror(&copy) } else { copy };
            let found = template.register(&Picture::of(&copy)).correlation;
            println!("{kind:?}: {found:.3}, stranger {stranger:.3}");
            assert!(found > stranger + 0.05, "{kind:?}: {found}, stranger {stranger}");
        }
    }
}
