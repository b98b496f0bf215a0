//! An image at three sizes, each as texture: less its local mean, over its local contrast.

use crate::lookalike::detail;
use crate::{Depth, Image, resize};

/// Sides, coarse to fine.
pub(super) const SIDES: [usize; 3] = [24, 48, 96];

/// The textures of an image, coarse to fine.
pub(super) fn textures(image: &Image) -> [Vec<f32>; 3] {
    let image = image.clone().at(Depth::Sixteen);
    // Each picture is made of the one twice its size, so the image itself is resized once.
    let fine = resize::square(&image, SIDES[2] as u32);
    let middle = resize::square(&fine, SIDES[1] as u32);
    let coarse = resize::square(&middle, SIDES[0] as u32);
    let texture = |image: &Image, side: usize| detail(&image.to_unit(), side, [2.0, 5.0]);
    [texture(&coarse, SIDES[0]), texture(&middle, SIDES[1]), texture(&fine, SIDES[2])]
}
