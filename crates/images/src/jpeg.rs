//! JPEG to image.

use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{Error, Result};
use crate::png::refuse_gigantic;
use crate::source::Header;
use crate::{Depth, Image};

/// Reads the header of a JPEG.
pub fn probe(path: &Path, bytes: Vec<u8>) -> Result<Header> {
    let (decoder, [width, height]) = open(path, bytes)?;
    let colour = decoder.input_colorspace().is_some_and(|space| space != ColorSpace::Luma);
    Ok(Header { width, height, depth: Depth::Eight, colour, alpha: false, dicom: None })
}

/// Reads a baseline or progressive JPEG as 8-bit grey (the luma of a coloured one); a turn noted in EXIF is not made. Errors
/// name `path`.
pub fn read(path: &Path, bytes: Vec<u8>) -> Result<Image> {
    let (mut decoder, [width, height]) = open(path, bytes)?;
    let pixels = decoder.decode().map_err(|e| unreadable(path, &e.to_string()))?;
    if pixels.len() != width as usize * height as usize {
        return Err(unreadable(path, "fewer pixels than declared"));
    }
    let pixels = pixels.into_iter().map(u16::from).collect();
    Ok(Image::new(width, height, Depth::Eight, pixels))
}

/// A decoder after the header.
type Opened = JpegDecoder<ZCursor<Vec<u8>>>;

fn open(path: &Path, bytes: Vec<u8>) -> Result<(Opened, [u32; 2])> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::Luma)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| unreadable(path, &e.to_string()))?;
    let (width, height) = decoder.dimensions().ok_or_else(|| unreadable(path, "no size is declared"))?;
    let size = [width as u32, height as u32];
    refuse_gigantic(path, size[0], size[1])?;
    Ok((decoder, size))
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::content(path, format!("not a readable JPEG ({why}); export it again or leave it out"))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::files::write_whole;
    use crate::source::Origin;

    /// An 8 x 8 grey baseline JPEG, all of value 128: one block whose coefficients are all 0.
    fn flat() -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0];
        bytes.extend([1; 64]);
        bytes.extend([0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]);
        for table in [0x00, 0x10] {
            bytes.extend([0xFF, 0xC4, 0, 20, table, 1]);
            bytes.extend([0; 15]);
            bytes.push(0);
        }
        bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0b0011_1111, 0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn a_jpeg_is_told_by_its_content_and_a_cut_or_gigantic_one_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("knee.png");
        let write = |bytes: &[u8]| write_whole(&path, |f| f.write_all(bytes)).unwrap();
        write(&flat());
        assert_eq!(Origin::file(&path).read().unwrap(), Image::new(8, 8, Depth::Eight, vec![128; 64]));
        assert!(!Origin::file(&path).probe().unwrap().colour);
        let mut gigantic = flat();
        gigantic[76..80].copy_from_slice(&[0xC3, 0x50, 0xC3, 0x50]);
        for (bytes, reason) in [
            (&flat()[..20], "not a readable JPEG"),
            (&flat()[..flat().len() - 13], "not a readable JPEG"),
            (&gigantic, "declares 50000 x 50000"),
        ] {
            write(bytes);
            let message = Origin::file(&path).read().unwrap_err().to_string();
            assert!(message.contains("knee.png") && message.contains(reason), "{message}");
        }
    }
}
