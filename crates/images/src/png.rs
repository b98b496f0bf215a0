//! PNG to image and back. The declared size is checked before memory is taken for it.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Transformations};

use crate::error::{Error, Result};
use crate::{Depth, Image};

/// The most pixels an image may declare: four times the largest flat-panel detector.
pub const MOST_PIXELS: u64 = 1 << 26;

/// Reads a PNG of any kind as grey; colour by its luma (Rec. 601), alpha ignored.
pub fn read(path: &Path) -> Result<Image> {
    let bad = |e: png::DecodingError| {
        Error::content(path, format!("not a readable PNG ({e}); export it again or leave it out"))
    };
    let file = File::open(path).map_err(Error::file(path))?;
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(bad)?;
    let (width, height) = (reader.info().width, reader.info().height);
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let reason = format!("declares {width} x {height} pixels, more than {MOST_PIXELS}; scale it down");
        return Err(Error::content(path, reason));
    }
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut bytes).map_err(bad)?;
    bytes.truncate(info.buffer_size());
    let (depth, samples): (_, Vec<u16>) = match info.bit_depth {
        BitDepth::Sixteen => {
            (Depth::Sixteen, bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect())
        }
        _ => (Depth::Eight, bytes.iter().map(|b| u16::from(*b)).collect()),
    };
    Ok(Image::new(width, height, depth, grey(&samples, info.color_type)))
}

fn grey(samples: &[u16], color: ColorType) -> Vec<u16> {
    let luma = |p: &[u16]| {
        ((299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000) as u16
    };
    match color {
        ColorType::Rgb | ColorType::Rgba => samples.chunks_exact(color.samples()).map(luma).collect(),
        _ => samples.chunks_exact(color.samples()).map(|p| p[0]).collect(),
    }
}

/// Writes the image as a grey PNG of its depth. The same image always makes the same bytes.
pub fn encode(image: &Image, out: &mut dyn Write) -> std::io::Result<()> {
    let mut encoder = Encoder::new(out, image.width(), image.height());
    encoder.set_color(ColorType::Grayscale);
    encoder.set_compression(Compression::Fast);
    let bytes: Vec<u8> = match image.depth() {
        Depth::Eight => {
            encoder.set_depth(BitDepth::Eight);
            image.pixels().iter().map(|p| *p as u8).collect()
        }
        Depth::Sixteen => {
            encoder.set_depth(BitDepth::Sixteen);
            image.pixels().iter().flat_map(|p| p.to_be_bytes()).collect()
        }
    };
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(depth: Depth) -> Image {
        Image::new(5, 3, depth, (0..15).map(|i| i * (depth.white() / 15)).collect())
    }

    #[test]
    fn what_is_written_is_read_back_at_either_depth() {
        let folder = tempfile::tempdir().unwrap();
        for depth in [Depth::Eight, Depth::Sixteen] {
            let path = folder.path().join("a.png");
            crate::files::write_whole(&path, |out| encode(&ramp(depth), out)).unwrap();
            assert_eq!(read(&path).unwrap(), ramp(depth));
        }
    }

    #[test]
    fn a_truncated_or_foreign_or_gigantic_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        encode(&ramp(Depth::Eight), &mut bytes).unwrap();
        let mut gigantic = bytes.clone();
        gigantic[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
        let crc = crc32(&gigantic[12..29]);
        gigantic[29..33].copy_from_slice(&crc.to_be_bytes());
        let cases = [
            ("truncated.png", bytes[..bytes.len() / 2].to_vec(), "not a readable PNG"),
            ("empty.png", Vec::new(), "not a readable PNG"),
            ("text.png", b"not an image".to_vec(), "not a readable PNG"),
            ("gigantic.png", gigantic, "declares 50000 x 50000"),
        ];
        for (name, content, reason) in cases {
            let path = folder.path().join(name);
            crate::files::write_whole(&path, |out| out.write_all(&content)).unwrap();
            let message = read(&path).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(reason), "{message}");
        }
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg()))
        })
    }
}
