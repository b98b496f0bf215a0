//! The second look: fine texture, the images laid over each other as well as shifting allows.

use super::print::detail;
use crate::{Depth, Image, resize};

/// Width and height of the picture that is compared.
const SIDE: usize = 96;

/// How far one picture is shifted over the other, in its pixels: a twentieth of it.
const SHIFT: isize = 5;

/// An image's fine texture, of mean 0 and length 1.
pub struct Fine(Vec<f32>);

impl Fine {
    /// The texture of an image.
    pub fn of(image: &Image) -> Self {
        let picture = resize::square(&image.clone().at(Depth::Sixteen), SIDE as u32).to_unit();
        let mut texture = detail(&picture, SIDE, [2.0, 6.0]);
        let mean = texture.iter().sum::<f32>() / texture.len() as f32;
        let length = texture.iter().map(|t| (t - mean) * (t - mean)).sum::<f32>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        texture.iter_mut().for_each(|t| *t = (*t - mean) * scale);
        Self(texture)
    }
}

/// How alike two textures are: their correlation at the best of 11 x 11 shifts. 1 is the same; two knees stay below 0.6.
pub fn likeness(a: &Fine, b: &Fine) -> f64 {
    let shifts = (-SHIFT..=SHIFT).flat_map(|y| (-SHIFT..=SHIFT).map(move |x| (y, x)));
    shifts.map(|shift| f64::from(overlap(&a.0, &b.0, shift))).fold(-1.0, f64::max)
}

/// The scalar product where one picture, shifted, lies over the other.
fn overlap(a: &[f32], b: &[f32], (down, across): (isize, isize)) -> f32 {
    let side = SIDE as isize;
    let rows = down.max(0)..side + down.min(0);
    let (from, to) = (across.max(0) as usize, (side + across.min(0)) as usize);
    let row = |y: isize| {
        let mine = &a[y as usize * SIDE..][from..to];
        let theirs = &b[(y - down) as usize * SIDE..][(from as isize - across) as usize..][..to - from];
        mine.iter().zip(theirs).map(|(a, b)| a * b).sum::<f32>()
    };
    rows.map(row).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::look::{invert, mirror, stretch};
    use crate::lookalike::{ALIKE, Print, search};
    use crate::phantom::render;

    fn film(subject: u64, size: u32) -> Image {
        render(4, subject, Side::Left, size).image
    }

    fn darkened(image: &Image) -> Image {
        let white = f32::from(image.depth().white());
        let values: Vec<f32> = image.pixels().iter().map(|v| (f32::from(*v) / white).powi(2)).collect();
        Image::from_unit(image.width(), image.height(), image.depth(), &values)
    }

    fn shifted(image: &Image, by: usize) -> Image {
        let rows = image.pixels().chunks_exact(image.width() as usize);
        let pixels = rows.flat_map(|row| row[by..].iter().chain(&row[..by])).copied().collect();
        Image::new(image.width(), image.height(), image.depth(), pixels)
    }

    #[test]
    fn copies_are_found_among_other_knees_whatever_was_done_to_them() {
        let mut films: Vec<Image> = (0..24).map(|subject| film(subject, 224)).collect();
        let original = film(5, 224);
        let copies = [
            original.clone().at(Depth::Eight),
            resize::square(&original, 150),
            darkened(&original),
            stretch(&original),
            mirror(&original),
            shifted(&original, 4),
        ];
        films.extend(copies);
        let prints: Vec<_> = films.iter().map(Print::of).collect();
        let sure = |near: &super::super::Near| {
            let other = if near.mirrored { mirror(&films[near.b]) } else { films[near.b].clone() };
            likeness(&Fine::of(&films[near.a]), &Fine::of(&other)) >= ALIKE
        };
        let found: Vec<_> = search(&prints).into_iter().filter(sure).collect();
        let of_original: Vec<_> = found.iter().filter(|n| n.a == 5).map(|n| (n.b, n.mirrored)).collect();
        assert_eq!(
            of_original,
            [(24, false), (25, false), (26, false), (27, false), (29, false), (28, true)]
        );
        assert!(found.iter().all(|near| near.a == 5 || near.a >= 24), "{found:?}");
    }

    #[test]
    fn the_same_is_1_and_a_negative_is_not_alike() {
        let a = Fine::of(&film(1, 96));
        assert!((likeness(&a, &a) - 1.0).abs() < 1e-3);
        assert!(likeness(&a, &Fine::of(&invert(&film(1, 96)))) < 0.5);
        assert!(likeness(&a, &Fine::of(&film(2, 96))) < 0.6);
    }
}
