//! Frames to samples. Each decoder is given the shape that the header declares, refuses a stream of another, and takes memory
//! for that shape alone; DICOM's own limit on it is held before (`frames`).

mod bits;
mod extended;
mod jpeg;
mod jpeg2000;
pub(crate) mod jpegls;
mod jpegxl;
mod native;
mod rle;

use super::contain::contained;
use super::refusal::{Refusal, Result};
use super::syntax::Codec;

pub(super) use native::{binary, words};

/// What a frame must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// Samples a pixel: 1 or 3.
    pub(super) samples: u32,
    /// Bytes of a native sample: 1 or 2.
    pub(super) bytes: u32,
    /// Bits that a sample uses.
    pub(super) stored: u32,
}

impl Shape {
    pub(super) fn pixels(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    /// All samples of a frame.
    pub(super) fn len(&self) -> usize {
        self.pixels() * self.samples as usize
    }

    /// Refuses a stream of another size or kind.
    fn agrees(&self, columns: u32, rows: u32, samples: u32) -> Result<(), String> {
        if (self.columns, self.rows, self.samples) == (columns, rows, samples) {
            return Ok(());
        }
        Err(format!(
            "holds {columns} x {rows} pixels of {samples} samples, where the header says {} x {} of {}",
            self.columns, self.rows, self.samples
        ))
    }
}

/// A codec's decoder; what it says of a bad stream stands behind the codec's name.
type Decoder = fn(&[u8], Shape) -> Result<Vec<u16>, String>;

/// The samples of a compressed frame, pixel by pixel; colours as red, green, blue.
pub(super) fn decode(codec: Codec, bytes: &[u8], shape: Shape, frame: u32) -> Result<Vec<u16>> {
    let (what, run): (_, Decoder) = match codec {
        Codec::Native => unreachable!("native frames are not compressed"),
        Codec::Rle => ("RLE decoder", rle::decode),
        Codec::Jpeg => ("JPEG decoder", jpeg::decode),
        Codec::JpegLs => ("JPEG-LS decoder", jpegls::decode),
        Codec::Jpeg2000 => ("JPEG 2000 decoder", jpeg2000::decode),
        Codec::HighThroughput => ("HTJ2K decoder", jpeg2000::high_throughput),
        Codec::JpegXl => ("JPEG XL decoder", jpegxl::decode),
    };
    let samples = contained(what, || run(bytes, shape))?;
    let samples = samples.and_then(|samples| match samples.len() == shape.len() {
        true => Ok(samples),
        false => Err(format!("holds {} samples where {} belong", samples.len(), shape.len())),
    });
    samples.map_err(|why| Refusal::Codec { frame: frame + 1, codec: codec.name(), why })
}
