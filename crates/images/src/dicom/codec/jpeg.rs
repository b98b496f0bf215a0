//! JPEG: 8 bits and lossless by jpeg-decoder, 12 bits by [`super::extended`], which no kept crate decodes.

use jpeg_decoder::{Decoder, PixelFormat};

use super::{Shape, extended};

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let frame = Frame::find(bytes).ok_or("has no frame header")?;
    shape.agrees(frame.columns, frame.rows, frame.samples)?;
    if frame.marker == 0xC1 && frame.precision != 8 {
        return extended::decode(bytes, shape);
    }
    // A stream is padded to an even length, at times by bytes that belong to no marker.
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(8 * shape.len());
    let samples = decoder.decode().map_err(|e| e.to_string())?;
    let format = decoder.info().ok_or("has no frame header")?.pixel_format;
    Ok(match format {
        PixelFormat::L16 => samples.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect(),
        PixelFormat::L8 | PixelFormat::RGB24 => samples.into_iter().map(u16::from).collect(),
        PixelFormat::CMYK32 => return Err("has four colours, which no DICOM image has".into()),
    })
}

/// A frame header (ISO/IEC 10918-1, B.2.2).
struct Frame {
    marker: u8,
    precision: u8,
    columns: u32,
    rows: u32,
    samples: u32,
}

impl Frame {
    /// The first one, found segment by segment.
    fn find(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[0xFF, 0xD8])?;
        loop {
            let [0xFF, marker, tail @ ..] = rest else { return None };
            let length = match marker {
                0xFF => 1,
                _ => 2 + usize::from(u16::from_be_bytes([*tail.first()?, *tail.get(1)?])),
            };
            let is_frame = (0xC0..=0xCF).contains(marker) && ![0xC4, 0xC8, 0xCC].contains(marker);
            if is_frame {
                let [_, _, precision, a, b, c, d, samples, ..] = *tail else { return None };
                let [rows, columns] = [[a, b], [c, d]].map(|pair| u32::from(u16::from_be_bytes(pair)));
                return Some(Self { marker: *marker, precision, columns, rows, samples: u32::from(samples) });
            }
            rest = rest.get(length..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_is_found_behind_other_segments_and_a_stream_of_another_size_is_refused() {
        let bytes = [
            0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0xFF, 0xC0, 0xFF, 0xFF, 0xC3, 0, 11, 16, 0, 2, 0, 3, 1, 1, 0x11, 0,
        ];
        let frame = Frame::find(&bytes).unwrap();
        assert_eq!((frame.marker, frame.precision), (0xC3, 16));
        assert_eq!((frame.columns, frame.rows, frame.samples), (3, 2, 1));
        let shape = Shape { columns: 9, rows: 2, samples: 1, bytes: 2, stored: 16 };
        assert!(decode(&bytes, shape).unwrap_err().contains("holds 3 x 2 pixels of 1 samples"));
        assert!(decode(b"\xFF\xD8\xFF", shape).unwrap_err().contains("no frame header"));
    }
}
