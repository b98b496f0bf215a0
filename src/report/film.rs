//! Images as a page shows them.

use std::path::Path;

use doppelray_images::copies::Warp;
use doppelray_images::look::mirror;
use doppelray_images::{Depth, Image, png, resize};

/// The largest side shown.
const SIDE: u32 = 256;

/// The bytes of a PNG that is small enough for a page: the file's own, or those of a smaller copy.
pub(crate) fn small(path: &Path) -> anyhow::Result<Vec<u8>> {
    let image = png::load(path)?;
    if image.width().max(image.height()) <= SIDE && image.depth() == Depth::Eight {
        return std::fs::read(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()));
    }
    let image = resize::square(&image, image.width().max(image.height()).min(SIDE));
    encoded(image.width(), image.height(), &image.to_unit())
}

/// One film less another that is laid over it: mid grey where they agree, brighter where the other is. `mirrored`: the first is
/// mirrored before; `warp` tells where its places lie in the other.
pub(crate) fn difference(path: &Path, other: &Path, warp: Warp, mirrored: bool) -> anyhow::Result<Vec<u8>> {
    let [image, other] = [png::load(path)?, png::load(other)?];
    let side = image.width().min(SIDE);
    let [image, other] = [image, other].map(|image| resize::square(&image, side));
    let image = if mirrored { mirror(&image) } else { image };
    let seen = warp.look(&other.to_unit(), side as usize);
    let apart = |(a, b): (&f32, &f32)| if b.is_nan() { 0.5 } else { 0.5 + 0.5 * (b - a) };
    let values: Vec<f32> = image.to_unit().iter().zip(&seen).map(apart).collect();
    encoded(side, side, &values)
}

fn encoded(width: u32, height: u32, values: &[f32]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    png::encode(&Image::from_unit(width, height, Depth::Eight, values), &mut bytes)?;
    Ok(bytes)
}
