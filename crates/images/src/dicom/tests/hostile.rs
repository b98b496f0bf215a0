//! Files that lie, are cut, or nest without end: each is refused by tag, quickly, and takes no memory that it has not earned.

use super::maker::{LITTLE, film, open};
use crate::dicom::tags;

fn refusal(bytes: Vec<u8>) -> String {
    open(bytes).and_then(|mut film| film.image(0)).unwrap_err().to_string()
}

/// One explicit element with a length of 32 bits.
fn long(tag: [u16; 2], vr: &[u8; 2], length: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = tag.iter().flat_map(|half| half.to_le_bytes()).collect();
    bytes.extend(vr);
    bytes.extend([0, 0]);
    bytes.extend(length.to_le_bytes());
    bytes
}

/// A film's file with these bytes in place of its pixels.
fn ending(bytes: &[u8]) -> Vec<u8> {
    let mut file = film([0; 4]).without(tags::PIXELS).file(LITTLE);
    file.extend(bytes);
    file
}

#[test]
fn sizes_that_cannot_be_are_refused_before_memory_is_taken() {
    let huge = film([0; 4]).short(tags::ROWS, 65_535).short(tags::COLUMNS, 65_535).text(
        tags::NUMBER_OF_FRAMES,
        b"IS",
        "1000",
    );
    assert!(refusal(huge.file(LITTLE)).starts_with("(0028,0010) Rows: 65535 x 65535 pixels of 1 samples"));
    for (made, why) in [
        (film([0; 4]).short(tags::ROWS, 0), "(0028,0010) Rows: 2 x 0 pixels"),
        (film([0; 4]).without(tags::ROWS), "(0028,0010) Rows is missing"),
        (film([0; 4]).short(tags::BITS_STORED, 17), "(0028,0101) Bits Stored: 17 bits cannot stand in 16"),
        (film([0; 4]).short(tags::HIGH_BIT, 3), "(0028,0102) High Bit: 3 cannot be the highest of 16 bits"),
        (film([0; 4]).short(tags::BITS_ALLOCATED, 32), "(0028,0100) Bits Allocated: 32 bits are not read"),
        (film([0; 4]).short(tags::SAMPLES_PER_PIXEL, 3), "(0028,0002) Samples per Pixel: is 3 where"),
        (
            film([0; 4]).text(tags::WINDOW_CENTER, b"DS", "x").text(tags::WINDOW_WIDTH, b"DS", "1"),
            "(0028,1050) Window Center: `x` is no number",
        ),
        (film([0; 4]).text(tags::RESCALE_SLOPE, b"DS", "0"), "(0028,1053) Rescale Slope: is 0"),
        (
            film([0; 4]).text(tags::NUMBER_OF_FRAMES, b"IS", "-1"),
            "(0028,0008) Number of Frames: `-1` cannot be",
        ),
        (film([0; 4]).without(tags::PIXELS), "(7FE0,0010) Pixel Data is missing"),
    ] {
        let said = refusal(made.file(LITTLE));
        assert!(said.starts_with(why), "{said}");
    }
}

#[test]
fn lengths_are_held_against_the_bytes_that_are_there() {
    let said = refusal(ending(&long([0x7FE0, 0x10], b"OW", 4_000_000_000)));
    assert_eq!(
        said,
        "(7FE0,0010) Pixel Data declares 4000000000 bytes where 0 are left: the file was cut; copy it again"
    );
    let said = refusal(ending(&long([0x0043, 0x1010], b"UN", 8_000)));
    assert!(said.starts_with("(0043,1010) declares 8000 bytes where 0 are left"), "{said}");
    // A length within a wanted sequence.
    let mut table = long([0x5400, 0x0100], b"SQ", 0);
    table.splice(0..4, [0x28, 0, 0x10, 0x30]);
    table[8] = 28;
    table.extend([0xFE, 0xFF, 0x00, 0xE0, 20, 0, 0, 0]);
    table.extend(long([0x28, 0x3006], b"OW", 3_000_000_000));
    table.extend([0; 8]);
    let said = refusal(ending(&table));
    assert!(said.starts_with("(0028,3006) LUT Data declares 3000000000 bytes where 8 are left"), "{said}");
    let whole = film([1, 2, 3, 4]).file(LITTLE);
    for length in 0..whole.len() {
        assert!(open(whole[..length].to_vec()).is_err(), "cut at {length}");
    }
}

#[test]
fn sequences_that_nest_without_end_are_refused_and_not_followed() {
    let mut nest = Vec::new();
    for _ in 0..100_000 {
        nest.extend(long([0x28, 0x3010], b"SQ", u32::MAX));
        nest.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    let said = refusal(ending(&nest));
    assert!(said.starts_with("(0028,3010) VOI LUT Sequence: sequences lie more than 24 deep"), "{said}");
    let said = refusal(ending(&nest[..40]));
    assert!(said.contains("nothing ends it: the file was cut"), "{said}");
}

#[test]
fn compressed_pixels_that_are_something_else_are_refused_by_codec() {
    let fragments = |codec: &str, bytes: &[u8]| {
        refusal(film([0; 4]).frames(tags::PIXELS, vec![bytes.to_vec()]).file(codec))
    };
    for (uid, name) in [
        ("1.2.840.10008.1.2.5", "RLE"),
        ("1.2.840.10008.1.2.4.50", "JPEG"),
        ("1.2.840.10008.1.2.4.70", "JPEG"),
        ("1.2.840.10008.1.2.4.80", "JPEG-LS"),
        ("1.2.840.10008.1.2.4.91", "JPEG 2000"),
        ("1.2.840.10008.1.2.4.202", "HTJ2K"),
        ("1.2.840.10008.1.2.4.112", "JPEG XL"),
    ] {
        for bytes in [&b""[..], &[0; 2], &[0xFF; 80], &[0xFF, 0xD8, 0xFF, 0xD9]] {
            let said = fragments(uid, bytes);
            assert!(said.starts_with(&format!("(7FE0,0010) Pixel Data, frame 1, {name}: ")), "{said}");
        }
    }
    let said = refusal(film([0; 4]).file("1.2.840.10008.1.2.4.100"));
    assert!(said.starts_with("(0002,0010) Transfer Syntax UID: 1.2.840.10008.1.2.4.100"), "{said}");
}
