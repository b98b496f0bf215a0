//! JPEG to image.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, Result};
use crate::png::MOST_PIXELS;
use crate::{Depth, Image};

/// Whether the file begins as a JPEG does.
pub fn is(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    File::open(path).and_then(|f| f.take(3).read_to_end(&mut start)).map_err(Error::file(path))?;
    Ok(start == [0xFF, 0xD8, 0xFF])
}

/// Reads a baseline or progressive JPEG as 8-bit grey (the luma of a coloured one).
pub fn read(path: &Path) -> Result<Image> {
    let bad = |e: String| Error::content(path, format!("not a readable JPEG ({e}); export it again or leave it out"));
    let bytes = fs::read(path).map_err(Error::file(path))?;
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::Luma)
        .set_max_width(MOST_PIXELS as usize)
        .set_max_height(MOST_PIXELS as usize)
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| bad(e.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| bad("no size is declared".into()))?;
    if (width * height) as u64 > MOST_PIXELS {
        let reason = format!("declares {width} x {height} pixels, more than {MOST_PIXELS}; scale it down");
        return Err(Error::content(path, reason));
    }
    let pixels = decoder.decode().map_err(|e| bad(e.to_string()))?;
    if pixels.len() != width * height {
        return Err(bad("fewer pixels than declared".into()));
    }
    let pixels = pixels.into_iter().map(u16::from).collect();
    Ok(Image::new(width as u32, height as u32, Depth::Eight, pixels))
}
