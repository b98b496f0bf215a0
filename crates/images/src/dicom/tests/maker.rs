//! Small DICOM files, made as a test wants them.

use std::io::Cursor;

use crate::dicom::tags::{self, Tag};
use crate::dicom::write::Written;
use crate::dicom::{Film, Refusal};

/// A film of 2 x 2 pixels of 16 bits, MONOCHROME2, to be changed.
pub(crate) fn film(words: [u16; 4]) -> Written {
    let film = Written::default()
        .text(Tag(8, 0x16), b"UI", "1.2.840.10008.5.1.4.1.1.1.1")
        .text(Tag(8, 0x18), b"UI", "2.25.7")
        .text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", "MONOCHROME2")
        .short(tags::SAMPLES_PER_PIXEL, 1)
        .short(tags::ROWS, 2)
        .short(tags::COLUMNS, 2)
        .short(tags::BITS_ALLOCATED, 16)
        .short(tags::PIXEL_REPRESENTATION, 0)
        .words(tags::PIXELS, b"OW", &words);
    bits(film, 16)
}

/// Bits Stored, and the High Bit that belongs to them.
pub(crate) fn bits(film: Written, stored: u16) -> Written {
    film.short(tags::BITS_STORED, stored).short(tags::HIGH_BIT, stored - 1)
}

/// A look-up table as an item.
pub(super) fn lut(descriptor: [u16; 3], entries: &[u16]) -> Vec<Written> {
    vec![Written::default().words(tags::LUT_DESCRIPTOR, b"US", &descriptor).words(
        tags::LUT_DATA,
        b"OW",
        entries,
    )]
}

pub(super) const LITTLE: &str = "1.2.840.10008.1.2.1";

/// What a reader finds in a film.
pub(super) fn made(film: &Written) -> Result<Film, Refusal> {
    open(film.file(LITTLE))
}

/// What a reader finds in these bytes.
pub(super) fn open(bytes: Vec<u8>) -> Result<Film, Refusal> {
    Film::open(Box::new(Cursor::new(bytes)))
}
