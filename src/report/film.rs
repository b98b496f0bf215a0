//! Images as a page shows them.

use std::path::Path;

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
    let grey = Image::from_unit(image.width(), image.height(), Depth::Eight, &image.to_unit());
    let mut bytes = Vec::new();
    png::encode(&grey, &mut bytes)?;
    Ok(bytes)
}
