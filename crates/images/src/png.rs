//! PNG to image and back. The declared size is checked before memory is taken for it.

use std::io::{BufReader, Write};
use std::path::Path;

use png::{BitDepth, ColorType, Compression, Decoder, DecodingError, Encoder, Reader, Transformations};

use crate::dicom::Bytes;
use crate::error::{Error, Result};
use crate::source::{Header, Opened, Origin};
use crate::{Depth, Image};

/// The most pixels an image may declare: four times the largest flat-panel detector.
pub const MOST_PIXELS: u64 = 1 << 26;

/// DEFLATE expands at most 1032-fold (zlib's technical details).
const MOST_INFLATED: u64 = 1032;

/// Reads the header of a PNG, and refuses what cannot be an image of that size.
pub fn probe(path: &Path, file: Opened) -> Result<Header> {
    let reader = header(path, file)?;
    let info = reader.info();
    let (colour, alpha) = match info.color_type {
        ColorType::Grayscale => (false, false),
        ColorType::GrayscaleAlpha => (false, true),
        ColorType::Rgb | ColorType::Indexed => (true, false),
        ColorType::Rgba => (true, true),
    };
    let alpha = alpha || info.trns.is_some();
    Ok(Header {
        width: info.width,
        height: info.height,
        depth: depth(info.bit_depth),
        colour,
        alpha,
        dicom: None,
    })
}

/// Reads a PNG on disk.
pub fn load(path: &Path) -> Result<Image> {
    read(path, Origin::file(path).open()?)
}

/// Reads a PNG of any kind as grey; colour by its luma (Rec. 601), alpha ignored, of an animation the first image. Errors
/// name `path`.
pub fn read(path: &Path, file: Opened) -> Result<Image> {
    let mut reader = header(path, file)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let mut bytes = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut bytes).map_err(unreadable(path))?;
    bytes.truncate(info.buffer_size());
    let depth = depth(info.bit_depth);
    let samples: Vec<u16> = match depth {
        Depth::Sixteen => bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect(),
        Depth::Eight => bytes.iter().map(|b| u16::from(*b)).collect(),
    };
    Ok(Image::new(width, height, depth, grey(samples, info.color_type)))
}

/// The file after its header, whose declared size its length can hold.
fn header(path: &Path, file: Opened) -> Result<Reader<BufReader<Box<dyn Bytes>>>> {
    let length = file.length;
    if length == 0 {
        return Err(Error::content(path, "is empty; export it again or leave it out"));
    }
    let mut decoder = Decoder::new(file.buffered());
    decoder.set_transformations(Transformations::EXPAND);
    let reader = decoder.read_info().map_err(unreadable(path))?;
    let (width, height) = (reader.info().width, reader.info().height);
    refuse_gigantic(path, width, height)?;
    let raw = reader.info().raw_bytes();
    if raw as u64 / MOST_INFLATED > length {
        let reason = format!(
            "declares {width} x {height} pixels, which its {length} bytes cannot hold; export it again or leave it out"
        );
        return Err(Error::content(path, reason));
    }
    Ok(reader)
}

/// Refuses a declared size before memory is taken for it.
pub(crate) fn refuse_gigantic(path: &Path, width: u32, height: u32) -> Result<()> {
    if u64::from(width) * u64::from(height) <= MOST_PIXELS {
        return Ok(());
    }
    let reason = format!("declares {width} x {height} pixels, more than {MOST_PIXELS}; scale it down");
    Err(Error::content(path, reason))
}

fn unreadable(path: &Path) -> impl Fn(DecodingError) -> Error + '_ {
    move |e| Error::content(path, format!("not a readable PNG ({e}); export it again or leave it out"))
}

/// After [`Transformations::EXPAND`].
fn depth(bits: BitDepth) -> Depth {
    match bits {
        BitDepth::Sixteen => Depth::Sixteen,
        _ => Depth::Eight,
    }
}

fn grey(samples: Vec<u16>, color: ColorType) -> Vec<u16> {
    let luma = |p: &[u16]| {
        ((299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000) as u16
    };
    match color {
        ColorType::Grayscale => samples,
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

/// The bytes of a colour PNG, red, green and blue pixel by pixel.
pub fn encode_rgb(width: u32, height: u32, rgb: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

/// Milliseconds a frame of an animation stays.
const FRAME: u16 = 80;

/// Writes equal images of 8 bits as one animated PNG that repeats for ever.
pub fn animate(frames: &[Image], out: &mut dyn Write) -> std::io::Result<()> {
    let Some(first) = frames.first() else {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "an animation without frames"));
    };
    let mut encoder = Encoder::new(out, first.width(), first.height());
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_animated(frames.len() as u32, 0)?;
    encoder.set_frame_delay(FRAME, 1000)?;
    let mut writer = encoder.write_header()?;
    for frame in frames {
        let bytes: Vec<u8> = frame.pixels().iter().map(|p| *p as u8).collect();
        writer.write_image_data(&bytes)?;
    }
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
            assert_eq!(load(&path).unwrap(), ramp(depth));
        }
    }

    #[test]
    fn a_truncated_or_foreign_or_gigantic_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        encode(&ramp(Depth::Eight), &mut bytes).unwrap();
        let cases = [
            ("truncated.png", bytes[..bytes.len() / 2].to_vec(), "not a readable PNG"),
            ("empty.png", Vec::new(), "is empty"),
            ("text.png", b"not an image".to_vec(), "not a readable PNG"),
            ("gigantic.png", declaring(&bytes, 50_000), "declares 50000 x 50000 pixels, more than"),
            ("hollow.png", declaring(&bytes, 8_000), "cannot hold"),
        ];
        for (name, content, reason) in cases {
            let path = folder.path().join(name);
            crate::files::write_whole(&path, |out| out.write_all(&content)).unwrap();
            let message = load(&path).unwrap_err().to_string();
            assert!(message.contains(name) && message.contains(reason), "{message}");
        }
    }

    /// The PNG with another size in its header.
    fn declaring(png: &[u8], side: u32) -> Vec<u8> {
        let mut png = png.to_vec();
        png[16..20].copy_from_slice(&side.to_be_bytes());
        png[20..24].copy_from_slice(&side.to_be_bytes());
        let crc = crc32(&png[12..29]);
        png[29..33].copy_from_slice(&crc.to_be_bytes());
        png
    }

    #[test]
    fn colour_alpha_palettes_and_few_bits_become_grey() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let cases: [(ColorType, BitDepth, &[u8], u16); 5] = [
            (ColorType::Rgb, BitDepth::Eight, &[255, 0, 0], 76),
            (ColorType::Rgba, BitDepth::Eight, &[0, 255, 0, 9], 150),
            (ColorType::GrayscaleAlpha, BitDepth::Sixteen, &[1, 2, 9, 9], 258),
            (ColorType::Grayscale, BitDepth::Two, &[0b1000_0000], 170),
            (ColorType::Indexed, BitDepth::One, &[0b1000_0000], 29),
        ];
        for (color, bits, data, expected) in cases {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 1, 1);
            encoder.set_color(color);
            encoder.set_depth(bits);
            encoder.set_palette(&[9, 9, 9, 0, 0, 255][..]);
            encoder.write_header().unwrap().write_image_data(data).unwrap();
            crate::files::write_whole(&path, |out| out.write_all(&bytes)).unwrap();
            assert_eq!(load(&path).unwrap().pixels(), [expected], "{color:?}");
            let coloured = matches!(color, ColorType::Rgb | ColorType::Rgba | ColorType::Indexed);
            assert_eq!(
                probe(&path, Origin::file(&path).open().unwrap()).unwrap().colour,
                coloured,
                "{color:?}"
            );
        }
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ (0xEDB8_8320 & (c & 1).wrapping_neg()))
        })
    }

    #[test]
    fn an_animation_holds_every_frame_and_its_first_is_what_a_still_viewer_shows() {
        let frames = [0, 1, 2].map(|shade| Image::new(5, 3, Depth::Eight, vec![shade; 15]));
        let mut bytes = Vec::new();
        animate(&frames, &mut bytes).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
        let mut pixels = vec![9; 15];
        for shade in 0..3 {
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels, [shade; 15]);
        }
        assert!(animate(&[], &mut Vec::new()).is_err());
    }
}
