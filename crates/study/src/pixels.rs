//! `pixels.bin`: the images of a study, one after another, all of one length.
//!
//! Plain grey values, 8 bits or 16 little-endian: no header, no compression, so that no byte but the pixels differs, and
//! the browser gets all 16 bits to window.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use doppelray_images::{Depth, Image};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::log::hex;
use crate::study::Images;

/// Bytes an image takes.
fn length(size: u32, depth: Depth) -> usize {
    size as usize * size as usize * usize::from(u8::from(depth) / 8)
}

/// The bytes of an image.
fn bytes(image: &Image) -> Vec<u8> {
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

/// The hash of what is left of a file.
fn hash(mut file: &File) -> std::io::Result<String> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&block[..read]),
        }
    }
}

/// The file, open for reading from any thread.
pub struct Pixels {
    file: File,
    length: usize,
    images: Images,
}

impl Pixels {
    /// Opens the file, whose hash must be that in `study.toml`.
    pub fn open(path: &Path, images: &Images) -> Result<Self> {
        let unread = |e: std::io::Error| {
            Error::file(path, format!("cannot be read ({e}); put back the file of this study"))
        };
        let file = File::open(path).map_err(unread)?;
        if hash(&file).map_err(unread)? != images.sha256 {
            return Err(Error::file(
                path,
                "is not the one that study.toml names; put back the file of this study",
            ));
        }
        Ok(Self { file, length: length(images.size, images.depth), images: images.clone() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::tests::about;

    #[test]
    fn images_are_read_as_they_were_written_and_no_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pixels.bin");
        let image = |depth, white: u16| Image::new(32, 32, depth, (0..1024).map(|i| i % white).collect());
        for depth in [Depth::Eight, Depth::Sixteen] {
            let drawn = [7, 200].map(|white| image(depth, white));
            let images = Images { depth, sha256: write(&path, &drawn).unwrap(), ..about().images };
            let pixels = Pixels::open(&path, &images).unwrap();
            assert_eq!([0, 1].map(|n| pixels.image(n).unwrap()), drawn);
            assert!(pixels.read(2).is_err());
            write(&path, &[drawn[1].clone(), drawn[0].clone()]).unwrap();
            let said = Pixels::open(&path, &images).err().unwrap().to_string();
            assert!(said.contains("put back the file"), "{said}");
        }
    }
}
