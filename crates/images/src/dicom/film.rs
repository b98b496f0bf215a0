//! A DICOM image: its header understood, its frames on request.

use super::codec::{self, Shape};
use super::dataset::Dataset;
use super::grey::{Grey, Stored};
use super::lut::{Input, Lut};
use super::object::{Bytes, Object, Pixels};
use super::person::Person;
use super::refusal::{Refusal, Result};
use super::spacing::{self, Spacing};
use super::syntax::Codec;
use super::tags;
use crate::png::MOST_PIXELS;
use crate::{Depth, Image};

/// An opened DICOM image. At most one frame is in memory at a time.
pub struct Film {
    object: Object,
    shape: Shape,
    stored: Stored,
    colour: Colour,
    /// Bits that a sample takes: 1, 8 or 16.
    allocated: u32,
    frames: u32,
}

/// What samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    Grey,
    Palette,
    Red,
    /// Luma comes first.
    Luma,
}

impl Film {
    /// Reads the header, and finds the pixels.
    pub fn open(source: Box<dyn Bytes>) -> Result<Self> {
        let object = Object::open(source)?;
        let head = &object.head;
        let colour = colour(head, object.syntax.codec)?;
        let allocated = head.whole(tags::BITS_ALLOCATED)?;
        if ![1, 8, 16].contains(&allocated) {
            let why = format!("{allocated} bits are not read, only 1, 8 and 16; convert it");
            return Err(Refusal::attribute(tags::BITS_ALLOCATED, why));
        }
        let stored = stored(head, allocated)?;
        let shape = Shape {
            columns: head.whole(tags::COLUMNS)?,
            rows: head.whole(tags::ROWS)?,
            samples: if matches!(colour, Colour::Grey | Colour::Palette) { 1 } else { 3 },
            bytes: allocated.div_ceil(8),
            stored: stored.bits,
        };
        let samples = head.whole_or(tags::SAMPLES_PER_PIXEL, 1)?;
        if samples != shape.samples {
            let why = format!("is {samples} where the photometric interpretation has {}", shape.samples);
            return Err(Refusal::attribute(tags::SAMPLES_PER_PIXEL, why));
        }
        let frames = head.whole_or(tags::NUMBER_OF_FRAMES, 1)?.max(1);
        let film = Self { shape, stored, colour, allocated, frames, object };
        film.fits()?;
        Ok(film)
    }

    /// Refuses a size that nobody's film has, or that the pixels do not fill.
    fn fits(&self) -> Result<()> {
        let Shape { columns, rows, samples, .. } = self.shape;
        let pixels = u64::from(columns) * u64::from(rows);
        if pixels == 0 || pixels * u64::from(samples) > MOST_PIXELS {
            let why = format!(
                "{columns} x {rows} pixels of {samples} samples are none, or more than {MOST_PIXELS}; scale it down"
            );
            return Err(Refusal::attribute(tags::ROWS, why));
        }
        if let Pixels::Native { length, .. } = self.object.pixels {
            let needed = (u64::from(self.frames) * self.frame_bits()).div_ceil(8);
            if length < needed {
                let why = format!(
                    "holds {length} bytes where {} frames of {columns} x {rows} need {needed}",
                    self.frames
                );
                return Err(Refusal::attribute(tags::PIXELS, why + "; export it again"));
            }
        }
        Ok(())
    }

    fn frame_bits(&self) -> u64 {
        self.shape.len() as u64 * u64::from(self.allocated)
    }

    /// Columns.
    pub fn columns(&self) -> u32 {
        self.shape.columns
    }

    /// Rows.
    pub fn rows(&self) -> u32 {
        self.shape.rows
    }

    /// Pictures.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Whether it is not stored as grey.
    pub fn coloured(&self) -> bool {
        self.colour != Colour::Grey
    }

    /// How its pixels are written.
    pub fn codec(&self) -> Codec {
        self.object.syntax.codec
    }

    /// Bits that a sample uses.
    pub fn bits(&self) -> u32 {
        self.shape.stored
    }

    /// Whose it is.
    pub fn person(&self) -> Person {
        Person::read(&self.object.head)
    }

    /// Millimetres between pixels.
    pub fn spacing(&self) -> Result<Option<Spacing>> {
        spacing::read(&self.object.head)
    }

    /// The words of a frame (counted from 0) as they are stored, pixel by pixel: 1 or 3 samples each.
    pub fn words(&mut self, frame: u32) -> Result<Vec<u16>> {
        let bytes = self.bytes(frame)?;
        let Self { shape, object, .. } = self;
        match object.syntax.codec {
            Codec::Native if self.allocated == 1 => {
                let bit = u64::from(frame) * shape.len() as u64 % 8;
                Ok(codec::binary(&bytes, bit as usize, shape.len()))
            }
            Codec::Native => {
                let planes = object.head.whole_or(tags::PLANAR_CONFIGURATION, 0)? == 1;
                Ok(codec::words(&bytes, *shape, object.syntax.encoding, planes))
            }
            codec => {
                let mut words = codec::decode(codec, &bytes, *shape, frame)?;
                if object.syntax.lossy {
                    words.iter_mut().for_each(|word| *word = self.stored.nearest(*word));
                }
                Ok(words)
            }
        }
    }

    /// The values of a frame of one sample a pixel, before any table.
    pub fn values(&mut self, frame: u32) -> Result<Vec<i32>> {
        let stored = self.stored;
        Ok(self.words(frame)?.into_iter().map(|word| stored.value(word)).collect())
    }

    /// A frame as it is meant to be seen, at 16 bits: 0 is black.
    pub fn image(&mut self, frame: u32) -> Result<Image> {
        let words = self.words(frame)?;
        let head = &self.object.head;
        let grey = match self.colour {
            Colour::Grey => Grey::read(head, self.stored, frame)?.of(words),
            Colour::Palette => {
                let table = palette(head)?;
                words.into_iter().map(|word| table[usize::from(word)]).collect()
            }
            Colour::Red | Colour::Luma => {
                let white = (1_u32 << self.stored.bits) - 1;
                let of = |pixel: &[u16]| {
                    let value = if self.colour == Colour::Red {
                        luma([pixel[0], pixel[1], pixel[2]])
                    } else {
                        pixel[0]
                    };
                    ((u32::from(value).min(white) * u32::from(u16::MAX) + white / 2) / white) as u16
                };
                words.chunks_exact(3).map(of).collect()
            }
        };
        Ok(Image::new(self.shape.columns, self.shape.rows, Depth::Sixteen, grey))
    }

    /// Whether a window or a table decides on the greys of its first frame.
    pub fn windowed(&self) -> Result<bool> {
        match self.colour {
            Colour::Grey => Ok(Grey::read(&self.object.head, self.stored, 0)?.interested()),
            _ => Ok(false),
        }
    }

    fn bytes(&mut self, frame: u32) -> Result<Vec<u8>> {
        assert!(frame < self.frames, "a frame that is there");
        let bits = self.frame_bits();
        match self.object.pixels.clone() {
            Pixels::Native { at, .. } => {
                let [first, last] = [u64::from(frame) * bits, (u64::from(frame) + 1) * bits];
                self.object.read(at + first / 8, last.div_ceil(8) - first / 8)
            }
            Pixels::Fragments { offsets, fragments } => {
                let extended = self.object.head.longs(tags::EXTENDED_OFFSETS);
                let offsets =
                    if extended.is_empty() { offsets.into_iter().map(u64::from).collect() } else { extended };
                let mut bytes = Vec::new();
                for (at, length) in self.share(&offsets, &fragments, frame)? {
                    bytes.extend(self.object.read(*at, *length)?);
                }
                Ok(bytes)
            }
        }
    }

    /// The fragments of a frame (PS3.5 annex A.4).
    fn share<'a>(&self, offsets: &[u64], all: &'a [(u64, u64)], frame: u32) -> Result<&'a [(u64, u64)]> {
        let (frame, frames) = (frame as usize, self.frames as usize);
        if frames == 1 {
            return Ok(all);
        }
        if all.len() == frames {
            return Ok(&all[frame..=frame]);
        }
        let start = |offset: u64| all.iter().position(|(at, _)| at - all[0].0 == offset);
        let range = (offsets.len() == frames).then(|| {
            let first = start(offsets[frame])?;
            let last = offsets.get(frame + 1).map_or(Some(all.len()), |next| start(*next))?;
            all.get(first..last)
        });
        range.flatten().ok_or_else(|| {
            let why =
                format!("has {} fragments for {frames} frames, and no table tells whose they are", all.len());
            Refusal::attribute(tags::PIXELS, why + "; export it again")
        })
    }
}

fn colour(head: &Dataset, codec: Codec) -> Result<Colour> {
    let tag = tags::PHOTOMETRIC_INTERPRETATION;
    let plain = matches!(codec, Codec::Native | Codec::Rle);
    match head.text(tag).ok_or(Refusal::Missing(tag))?.as_str() {
        "MONOCHROME1" | "MONOCHROME2" => Ok(Colour::Grey),
        "PALETTE COLOR" => Ok(Colour::Palette),
        "RGB" => Ok(Colour::Red),
        "YBR_FULL" if plain => Ok(Colour::Luma),
        // Decoders of colour give red, green and blue.
        "YBR_FULL" | "YBR_FULL_422" | "YBR_PARTIAL_420" | "YBR_ICT" | "YBR_RCT" | "XYB" if !plain => {
            Ok(Colour::Red)
        }
        other => Err(Refusal::attribute(tag, format!("`{other}` is not read; convert it to MONOCHROME2"))),
    }
}

fn stored(head: &Dataset, allocated: u32) -> Result<Stored> {
    let bits = head.whole_or(tags::BITS_STORED, allocated)?;
    if bits == 0 || bits > allocated {
        let why = format!("{bits} bits cannot stand in {allocated}; correct it");
        return Err(Refusal::attribute(tags::BITS_STORED, why));
    }
    let high = head.whole_or(tags::HIGH_BIT, bits - 1)?;
    if high + 1 < bits || high >= allocated {
        let why = format!("{high} cannot be the highest of {bits} bits in {allocated}; correct it");
        return Err(Refusal::attribute(tags::HIGH_BIT, why));
    }
    let signed = head.whole_or(tags::PIXEL_REPRESENTATION, 0)? == 1;
    Ok(Stored { bits, shift: high + 1 - bits, signed })
}

/// Grey in 0..=65535 for each index (PS3.3 C.7.6.3.1.5).
fn palette(head: &Dataset) -> Result<Vec<u16>> {
    if !head.words(tags::SEGMENTED_RED_DATA).is_empty() {
        let tag = tags::SEGMENTED_RED_DATA;
        return Err(Refusal::attribute(tag, "segmented palettes are not read; convert it to MONOCHROME2"));
    }
    let table = |descriptor, data| Lut::read(head, descriptor, data, Input::Unsigned);
    let tables = [
        table(tags::RED_DESCRIPTOR, tags::RED_DATA)?,
        table(tags::GREEN_DESCRIPTOR, tags::GREEN_DATA)?,
        table(tags::BLUE_DESCRIPTOR, tags::BLUE_DATA)?,
    ];
    let of = |index: u32| {
        let shade = |lut: &Lut| (f64::from(lut.of(f64::from(index))) / lut.white() * 65_535.0).round() as u16;
        luma([shade(&tables[0]), shade(&tables[1]), shade(&tables[2])])
    };
    Ok((0..1 << 16).map(of).collect())
}

/// Rec. 601.
fn luma([red, green, blue]: [u16; 3]) -> u16 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u16
}
