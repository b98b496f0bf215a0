//! Image files as they come: PNG or JPEG, told apart by their content.

use std::path::Path;

use crate::error::Result;
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
    if jpeg::is(path)? { jpeg::probe(path) } else { png::probe(path) }
}

/// Reads the image as grey.
pub fn read(path: &Path) -> Result<Image> {
    if jpeg::is(path)? { jpeg::read(path) } else { png::read(path) }
}
