//! JPEG 2000 by hayro-jpeg2000, and its high-throughput blocks, which that does not read, by a fork that does. Neither holds
//! unsafe code of its own.

use dicom_toolkit_jpeg2000 as high;
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::Shape;

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let size = Size::checked(bytes, shape)?;
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|e| e.to_string())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| e.to_string())?;
    let planes = decoded.components();
    if planes.len() != shape.samples as usize {
        return Err(format!("decodes to {} components where {} belong", planes.len(), shape.samples));
    }
    let bits = planes[0].bit_depth();
    let lift = size.lift(bits)?;
    // Lossy values may leave the range.
    let white = ((1_u32 << bits) - 1) as f32;
    let word = |value: f32| ((value.clamp(0.0, white) + 0.5) as u16).wrapping_sub(lift);
    if let [plane] = planes {
        return Ok(plane.samples().iter().map(|value| word(*value)).collect());
    }
    if planes.iter().any(|plane| plane.samples().len() != shape.pixels()) {
        return Err("its components have several sizes".into());
    }
    Ok((0..shape.pixels()).flat_map(|at| planes.iter().map(move |plane| word(plane.samples()[at]))).collect())
}

/// HTJ2K (ISO/IEC 15444-15): headers and wavelets of JPEG 2000, blocks of another code.
pub(super) fn high_throughput(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let size = Size::checked(bytes, shape)?;
    let settings = high::DecodeSettings { strict: true, ..high::DecodeSettings::default() };
    let image = high::Image::new(bytes, &settings).map_err(|e| e.to_string())?;
    let lift = size.lift(image.original_bit_depth())?;
    let decoded = image.decode_native().map_err(|e| e.to_string())?;
    if u32::from(decoded.num_components) != shape.samples {
        return Err(format!(
            "decodes to {} components where {} belong",
            decoded.num_components, shape.samples
        ));
    }
    let word = |value: u16| value.wrapping_sub(lift);
    Ok(match decoded.bytes_per_sample {
        1 => decoded.data.into_iter().map(|byte| word(byte.into())).collect(),
        _ => decoded.data.chunks_exact(2).map(|b| word(u16::from_le_bytes([b[0], b[1]]))).collect(),
    })
}

/// The size that a stream declares (SIZ; ISO/IEC 15444-1, A.5.1).
struct Size {
    columns: u32,
    rows: u32,
    components: u32,
    signed: bool,
    /// Tiles across and down.
    tiles: [u32; 2],
    /// Where the codestream begins.
    start: usize,
}

impl Size {
    /// The stream's size, which is the header's, and whose parts its bytes can hold.
    fn checked(bytes: &[u8], shape: Shape) -> Result<Self, String> {
        let size = Self::read(bytes).ok_or("its header cannot be read")?;
        shape.agrees(size.columns, size.rows, size.components)?;
        size.fits(bytes)?;
        Ok(size)
    }

    /// By how much both decoders lift samples of so many bits: signed ones, too.
    fn lift(&self, bits: u8) -> Result<u16, String> {
        match bits {
            1..=16 if self.signed => Ok(1 << (bits - 1)),
            1..=16 => Ok(0),
            _ => Err(format!("has {bits} bits a sample, more than 16")),
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let start = bytes.windows(4).take(4096).position(|marker| marker == [0xFF, 0x4F, 0xFF, 0x51])?;
        let siz = bytes.get(start + 4..)?;
        let long = |at: usize| Some(u32::from_be_bytes(siz.get(at..at + 4)?.try_into().ok()?));
        let tiles = |end: u32, offset: u32, size: u32| {
            (size > 0).then_some(end.checked_sub(offset)?.div_ceil(size.max(1)))
        };
        Some(Self {
            columns: long(4)?.checked_sub(long(12)?)?,
            rows: long(8)?.checked_sub(long(16)?)?,
            components: u32::from(u16::from_be_bytes(siz.get(36..38)?.try_into().ok()?)),
            signed: siz.get(38)? & 0x80 != 0,
            tiles: [tiles(long(4)?, long(28)?, long(20)?)?, tiles(long(8)?, long(32)?, long(24)?)?],
            start,
        })
    }

    /// Refuses parts that the stream's bytes cannot fill, before the decoder takes memory for each of them: a tile has a header
    /// of 14 bytes (A.4.2), a precinct of each resolution at least one byte (B.10).
    fn fits(&self, bytes: &[u8]) -> Result<(), String> {
        let tiles = u64::from(self.tiles[0]) * u64::from(self.tiles[1]);
        let most = bytes.len() as u64;
        if 14 * tiles > most {
            return Err(format!("declares {tiles} tiles, which its {most} bytes cannot hold"));
        }
        let styles = styles(&bytes[self.start..], self.components);
        match styles.iter().map(|style| self.precincts(style)).max() {
            Some(precincts) if precincts > most + 64 => {
                Err(format!("declares {precincts} precincts, which its {most} bytes cannot hold"))
            }
            _ => Ok(()),
        }
    }

    /// Precincts of one component under a coding style (B.6), as of one tile.
    fn precincts(&self, style: &Style) -> u64 {
        let levels = style.precincts.len() as u32 - 1;
        let count = |(resolution, [across, down]): (usize, &[u32; 2])| {
            let shrunk = |length: u32| u64::from(length).div_ceil(1 << (levels - resolution as u32).min(32));
            (shrunk(self.columns) >> across).max(1) * (shrunk(self.rows) >> down).max(1)
        };
        style.precincts.iter().enumerate().map(count).sum()
    }
}

/// How a component is cut up: exponents of a precinct's width and height, by resolution.
struct Style {
    precincts: Vec<[u32; 2]>,
}

impl Style {
    /// After the number of levels, four bytes of other matters and then a byte a resolution, if any are given.
    fn read(given: bool, parameters: &[u8]) -> Option<Self> {
        let levels = usize::from(*parameters.first()?).min(32);
        let exponents = |at: usize| match given {
            true => parameters.get(5 + at).map(|byte| [u32::from(byte & 15), u32::from(byte >> 4)]),
            false => Some([15, 15]),
        };
        Some(Self { precincts: (0..=levels).map(exponents).collect::<Option<_>>()? })
    }
}

/// Every coding style of the main header and of the tiles' headers (COD and COC; A.6.1 and A.6.2).
fn styles(codestream: &[u8], components: u32) -> Vec<Style> {
    let mut styles = Vec::new();
    let (mut at, mut tile) = (2, None);
    while let Some([0xFF, marker, high, low]) = codestream.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let segment = codestream.get(at + 4..at + 2 + length).unwrap_or_default();
        match marker {
            0x52 => styles.extend(segment.get(5..).and_then(|rest| Style::read(segment[0] & 1 == 1, rest))),
            0x53 => {
                let style = segment.get(if components < 257 { 1 } else { 2 }..).unwrap_or_default();
                styles.extend(style.get(1..).and_then(|rest| Style::read(style[0] & 1 == 1, rest)));
            }
            0x90 => {
                let part = segment.get(2..6).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
                tile = (part > 0).then_some(at + part as usize);
            }
            // The data of a tile, behind which the next one's header stands.
            0x93 => match tile.take() {
                Some(next) if next > at => {
                    at = next;
                    continue;
                }
                _ => break,
            },
            _ => {}
        }
        at += 2 + length.max(2);
    }
    styles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a stream of one component with a coding style of five levels.
    fn stream(side: u32, tile: u32, precinct: u8) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
        bytes.extend([side, side, 0, 0, tile, tile, 0, 0].iter().flat_map(|long| long.to_be_bytes()));
        bytes.extend([0, 1, 15, 1, 1]);
        bytes.extend([0xFF, 0x52, 0, 18, 1, 0, 0, 1, 0, 5, 4, 4, 0, 1]);
        bytes.extend([precinct; 6]);
        bytes.extend([0xFF, 0x90, 0, 10, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0x93]);
        bytes.resize(2000, 0);
        bytes
    }

    #[test]
    fn more_tiles_or_precincts_than_bytes_are_refused_before_the_decoder_sees_them() {
        let shape = Shape { columns: 8000, rows: 8000, samples: 1, bytes: 2, stored: 16 };
        let said = |tile, precinct| decode(&stream(8000, tile, precinct), shape).unwrap_err();
        assert!(said(1, 0xFF).contains("declares 64000000 tiles, which its 2000 bytes cannot hold"));
        assert!(
            said(8000, 0x11).contains("precincts, which its 2000 bytes cannot hold"),
            "{}",
            said(8000, 0x11)
        );
        assert!(!said(8000, 0xFF).contains("cannot hold"), "{}", said(8000, 0xFF));
        let size = Size::read(&stream(8000, 1000, 0x77)).unwrap();
        assert_eq!((size.columns, size.components, size.tiles), (8000, 1, [8, 8]));
    }

    #[test]
    fn high_throughput_blocks_are_read_and_a_stream_of_another_size_is_refused() {
        let words: Vec<u16> = (0..64 * 48_u32).map(|at| (at * 7919 % 4096) as u16).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        // What its encoder writes with a wavelet, other decoders do not read.
        let options = high::EncodeOptions { num_decomposition_levels: 0, ..high::EncodeOptions::default() };
        let stream = high::encode_htj2k(&bytes, 64, 48, 1, 12, false, &options).unwrap();
        let shape = Shape { columns: 64, rows: 48, samples: 1, bytes: 2, stored: 12 };
        assert_eq!(high_throughput(&stream, shape).unwrap(), words);
        let why = high_throughput(&stream, Shape { rows: 50, ..shape }).unwrap_err();
        assert!(why.contains("holds 64 x 48 pixels"), "{why}");
    }
}
