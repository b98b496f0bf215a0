//! Image files as they come: PNG or JPEG, told apart by their content.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};
use crate::{Depth, Image, jpeg, png};

/// What an image file says of itself before its pixels are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits a pixel, once grey.
    pub depth: Depth,
    /// Whether it is not stored as grey.
    pub colour: bool,
    /// Whether it has a transparency, which is ignored.
    pub alpha: bool,
}

/// Reads the header alone; refuses a size above [`png::MOST_PIXELS`].
pub fn probe(path: &Path) -> Result<Header> {
    match format(path)? {
        Format::Png => png::probe(path),
        Format::Jpeg => jpeg::probe(path),
    }
}

/// Reads the image as grey.
pub fn read(path: &Path) -> Result<Image> {
    match format(path)? {
        Format::Png => png::read(path),
        Format::Jpeg => jpeg::read(path),
    }
}

enum Format {
    Png,
    Jpeg,
}

fn format(path: &Path) -> Result<Format> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(4).read_to_end(&mut start)).map_err(Error::file(path))?;
    match start.as_slice() {
        [0x89, b'P', b'N', b'G'] => Ok(Format::Png),
        [0xFF, 0xD8, 0xFF, ..] => Ok(Format::Jpeg),
        [] => Err(Error::content(path, "is empty; export it again or leave it out")),
        _ => Err(Error::content(
            path,
            "is neither PNG nor JPEG, whatever its name; export it again or leave it out",
        )),
    }
}
