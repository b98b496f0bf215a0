//! Coarse pictures of an image, compared by scalar product.
//!
//! Two of them: one as the image lies, and one of its inner part, moved to where it lies best over what all images have in
//! common. The first finds what was blended or noised, the second what was shifted, which moves the whole by more than the first
//! can bear.

use crate::lookalike::detail;
use crate::{Depth, Image, resize};

/// Width and height of a picture: so coarse that a shift by a twentieth of the side is a pixel.
const SIDE: usize = 20;
/// Of the picture that is moved, before it is made coarse: twice as fine.
const FINE: usize = 2 * SIDE;
/// By how many of its pixels it is moved at most: an eighth of the side.
const REACH: isize = 5;
/// Pixels of a coarse picture that are left out at each edge once it was moved.
const MARGIN: usize = 2;
const INNER: usize = SIDE - 2 * MARGIN;

/// Values of both pictures.
pub const WIDTHS: [usize; 2] = [SIDE * SIDE, INNER * INNER];

/// An image less its local mean, over its local contrast: neither exposure nor grain.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// 20 x 20.
    coarse: Vec<f32>,
    /// 40 x 40.
    fine: Vec<f32>,
}

/// The sketch of an image.
pub fn sketch(image: &Image) -> Sketch {
    let image = image.clone().at(Depth::Sixteen);
    let texture = |side: usize, widths| detail(&resize::square(&image, side as u32).to_unit(), side, widths);
    Sketch { coarse: unit(texture(SIDE, [3.0, 5.0])), fine: texture(FINE, [6.0, 10.0]) }
}

impl Sketch {
    /// That of the mirrored image.
    pub fn mirrored(&self) -> Self {
        let turn = |values: &[f32], side: usize| -> Vec<f32> {
            values.chunks_exact(side).flat_map(|row| row.iter().rev()).copied().collect()
        };
        Self { coarse: turn(&self.coarse, SIDE), fine: turn(&self.fine, FINE) }
    }
}

/// What many sketches have in common, which every one is taken less of.
pub struct Frame {
    /// Mean of the fine pictures, which each is moved over.
    template: Vec<f32>,
    /// Means of both pictures.
    centres: [Vec<f32>; 2],
}

impl Frame {
    /// Of many sketches.
    pub fn of(sketches: &[Sketch]) -> Self {
        let template = mean(FINE * FINE, sketches.iter().map(|sketch| sketch.fine.clone()));
        let moved = mean(WIDTHS[1], sketches.iter().map(|sketch| unit(inner(&sketch.fine, &template))));
        let coarse = mean(WIDTHS[0], sketches.iter().map(|sketch| sketch.coarse.clone()));
        Self { template, centres: [coarse, moved] }
    }

    /// Both pictures of a sketch, less what all have in common, of length 1, so that the squared distance of two is
    /// 2 - 2 correlations.
    pub fn pictures(&self, sketch: &Sketch) -> [Vec<f32>; 2] {
        let moved = unit(inner(&sketch.fine, &self.template));
        let [plain, inside] = &self.centres;
        [less(&sketch.coarse, plain), less(&moved, inside)]
    }
}

fn mean(width: usize, pictures: impl Iterator<Item = Vec<f32>>) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0f64; width], 0.0);
    for picture in pictures {
        sums.iter_mut().zip(picture).for_each(|(sum, v)| *sum += f64::from(v));
        count += 1.0;
    }
    sums.iter().map(|sum| (sum / f64::max(count, 1.0)) as f32).collect()
}

/// The inner part of a fine picture, made coarse, from where it agrees best with a template.
fn inner(fine: &[f32], template: &[f32]) -> Vec<f32> {
    let shifts = (-REACH..=REACH).flat_map(|down| (-REACH..=REACH).map(move |right| [right, down]));
    let agreement = |[right, down]: [isize; 2]| {
        let (mut sums, overlap) = ([0.0f32; 3], |by: isize| (by.max(0), FINE as isize + by.min(0)));
        let ((left, end), (top, bottom)) = (overlap(right), overlap(down));
        for y in top..bottom {
            let row = (y * FINE as isize + left) as usize..(y * FINE as isize + end) as usize;
            let other = ((y - down) * FINE as isize + left - right) as usize;
            for (a, b) in fine[row].iter().zip(&template[other..]) {
                sums.iter_mut().zip([a * b, a * a, b * b]).for_each(|(sum, v)| *sum += v);
            }
        }
        let [shared, own, others] = sums;
        shared / (own * others).sqrt().max(1e-12)
    };
    let mut best = ([0, 0], f32::NEG_INFINITY);
    for shift in shifts {
        let found = agreement(shift);
        best = if found > best.1 { (shift, found) } else { best };
    }
    let [right, down] = best.0;
    let at = |x: usize, y: usize| {
        let [x, y] = [x as isize + right, y as isize + down].map(|v| v.clamp(0, FINE as isize - 1) as usize);
        fine[y * FINE + x]
    };
    let cell = |i: usize| {
        let [x, y] = [i % INNER, i / INNER].map(|v| 2 * (v + MARGIN));
        0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1))
    };
    (0..WIDTHS[1]).map(cell).collect()
}

fn less(picture: &[f32], centre: &[f32]) -> Vec<f32> {
    unit(picture.iter().zip(centre).map(|(v, c)| v - c).collect())
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    values.iter_mut().for_each(|v| *v *= scale);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::copies::plant::{Kind, plant};
    use crate::look::mirror;
    use crate::phantom::render;
    use doppelray_measures::rng::{Purpose, stream};

    #[test]
    fn a_shifted_copy_is_nearer_in_the_moved_picture_than_any_stranger() {
        let films: Vec<Image> = (0..24).map(|subject| render(6, subject, Side::Left, 96).image).collect();
        let sketches: Vec<Sketch> = films.iter().map(sketch).collect();
        let frame = Frame::of(&sketches);
        let moved = |sketch: &Sketch| frame.pictures(sketch)[1].clone();
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let mut first = 0;
        for (at, film) in films.iter().enumerate() {
            let copy = plant(Kind::Shifted, film, film, &mut stream(0, Purpose::Plant, at as u64));
            let copy = moved(&sketch(&copy));
            let best = (0..24).max_by(|a, b| {
                dot(&copy, &moved(&sketches[*a])).total_cmp(&dot(&copy, &moved(&sketches[*b])))
            });
            first += usize::from(best == Some(at));
        }
        assert!(first >= 20, "{first} of 24");
    }

    #[test]
    fn the_mirrored_sketch_is_that_of_the_mirrored_image() {
        let film = render(6, 1, Side::Left, 96).image;
        let (a, b) = (sketch(&film).mirrored(), sketch(&mirror(&film)));
        assert!(a.fine.iter().zip(&b.fine).all(|(a, b)| (a - b).abs() < 0.05));
    }
}
