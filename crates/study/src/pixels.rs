//! `pixels.bin`: the images of a study, one after another, all of one length.
//!
//! Plain grey values, 8 bits or 16 little-endian: no header, no compression, so that no byte but the pixels differs, and
//! the browser gets all 16 bits to window.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use doppelray_images::{Depth, Image};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::log::hex;
use crate::study::Images;

/// Bytes an image takes.
pub fn length(size: u32, depth: Depth) -> usize {
    size as usize * size as usize * usize::from(u8::from(depth) / 8)
}

/// The bytes of an image.
pub fn bytes(image: &Image) -> Vec<u8> {
    match image.depth() {
        Depth::Eight => image.pixels().iter().map(|p| *p as u8).collect(),
        Depth::Sixteen => image.pixels().iter().flat_map(|p| p.to_le_bytes()).collect(),
    }
}

/// Writes all images whole; the hash of the file.
pub(crate) fn write(path: &Path, images: &[Image]) -> Result<String> {
    let mut hash = Sha256::new();
    let fill = |file: &mut dyn Write| {
        images.iter().try_for_each(|image| {
            let bytes = bytes(image);
            hash.update(&bytes);
            file.write_all(&bytes)
        })
    };
    doppelray_images::files::write_whole(path, fill)
        .map_err(|e| Error::file(path, format!("cannot be written ({e})")))?;
    Ok(hex(&hash.finalize()))
}

/// The file, open for reading from any thread.
pub struct Pixels {
    file: File,
    length: usize,
    images: Images,
}

impl Pixels {
    /// Opens the file, whose length must be that of a whole number of images.
    pub fn open(path: &Path, images: &Images) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::file(path, e.to_string()))?;
        let (length, whole) = (length(images.size, images.depth), file.metadata().map(|m| m.len()));
        let whole = whole.map_err(|e| Error::file(path, e.to_string()))?;
        if !whole.is_multiple_of(length as u64) {
            return Err(Error::file(
                path,
                "is not as long as study.toml says; put back the file of this study",
            ));
        }
        Ok(Self { file, length, images: images.clone() })
    }

    /// The bytes of one image.
    pub fn read(&self, number: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.length];
        self.file.read_exact_at(&mut bytes, number as u64 * self.length as u64)?;
        Ok(bytes)
    }

    /// One image.
    pub fn image(&self, number: usize) -> std::io::Result<Image> {
        let bytes = self.read(number)?;
        let pixels = match self.images.depth {
            Depth::Eight => bytes.iter().map(|b| u16::from(*b)).collect(),
            Depth::Sixteen => bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect(),
        };
        Ok(Image::new(self.images.size, self.images.size, self.images.depth, pixels))
    }
}
