//! A coarse picture of an image, compared by scalar product.

use crate::lookalike::detail;
use crate::{Depth, Image, resize};

/// Width and height of a sketch: so coarse that a shift by a twentieth of the side is a pixel.
const SIDE: usize = 20;

/// Values of a sketch.
pub const WIDTH: usize = SIDE * SIDE;

/// The image at 20 x 20 less its local mean, over its local contrast: neither exposure nor grain, of length 1.
pub fn sketch(image: &Image) -> Vec<f32> {
    let small = resize::square(&image.clone().at(Depth::Sixteen), SIDE as u32).to_unit();
    unit(detail(&small, SIDE, [3.0, 5.0]))
}

/// The sketch of the mirrored image.
pub fn mirrored(sketch: &[f32]) -> Vec<f32> {
    sketch.chunks_exact(SIDE).flat_map(|row| row.iter().rev()).copied().collect()
}

/// What many sketches have in common: their mean.
pub fn centre<'a>(sketches: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0f64; WIDTH], 0.0);
    for sketch in sketches {
        sums.iter_mut().zip(sketch).for_each(|(sum, v)| *sum += f64::from(*v));
        count += 1.0;
    }
    sums.iter().map(|sum| (sum / f64::max(count, 1.0)) as f32).collect()
}

/// A sketch less what all knees have in common, of length 1, so that the squared distance of two is 2 - 2 correlations.
pub fn centred(sketch: &[f32], centre: &[f32]) -> Vec<f32> {
    unit(sketch.iter().zip(centre).map(|(s, c)| s - c).collect())
}

fn unit(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    values.iter_mut().for_each(|v| *v *= scale);
    values
}
