//! Lossless JPEG (ISO/IEC 10918-1 annex H) of grey words: process 14 and predictor 1, as DICOM asks.

use super::bits::{Bits, Stuffing, segment};

/// How many codes have each length, from one bit on, of the categories 0 to 16 in their order.
const LENGTHS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0];

/// A frame of as many rows as there are words.
pub(super) fn packed(words: &[u16], width: u16, depth: u8) -> Vec<u8> {
    let columns = usize::from(width);
    let [high, low] = width.to_be_bytes();
    let [top, bottom] = ((words.len() / columns) as u16).to_be_bytes();
    let categories: Vec<u8> = (0..=16).collect();
    let mut out = vec![0xFF, 0xD8];
    segment(&mut out, 0xC4, &[&[0][..], &LENGTHS, &categories].concat());
    segment(&mut out, 0xC3, &[depth, top, bottom, high, low, 1, 1, 0x11, 0]);
    segment(&mut out, 0xDA, &[1, 1, 0, 1, 0, 0]);
    let mut bits = Bits::after(out, Stuffing::Byte);
    for (at, word) in words.iter().enumerate() {
        let predicted = match (at % columns, at / columns) {
            (0, 0) => 1 << (depth - 1),
            (0, _) => words[at - columns],
            _ => words[at - 1],
        };
        put(&mut bits, word.wrapping_sub(predicted) as i16);
    }
    bits.end()
}

/// The code of its category, and which of the category's differences it is (H.1.2.2).
fn put(bits: &mut Bits, difference: i16) {
    let category = 16 - difference.unsigned_abs().leading_zeros();
    match category {
        0 => bits.put(0, 2),
        1..=5 => bits.put(u64::from(category) + 1, 3),
        _ => bits.put((1 << (category - 2)) - 2, category - 2),
    }
    // Of the last category there is one alone.
    if category < 16 {
        let place = i64::from(difference) - i64::from(difference < 0);
        bits.put(place as u64 & ((1 << category) - 1), category);
    }
}
