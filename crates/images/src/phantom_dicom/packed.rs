//! Compressed frames of phantoms.

use jpeg_encoder::{ColorType, Encoder};
use zune_core::bit_depth::BitDepth;
use zune_core::colorspace::ColorSpace;
use zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

use super::{jpegls, lossless, rle};

pub(super) const RLE: &str = "1.2.840.10008.1.2.5";
pub(super) const BASELINE: &str = "1.2.840.10008.1.2.4.50";
pub(super) const LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
pub(super) const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
pub(super) const JPEG_XL: &str = "1.2.840.10008.1.2.4.110";

/// Of baseline JPEG, in hundredths: what a film can bear.
const QUALITY: u8 = 95;

/// Bits of a film's samples in this syntax: 12, but where it has 8, or its encoder 16.
pub(super) fn bits(syntax: &str) -> u16 {
    match syntax {
        BASELINE => 8,
        JPEG_XL => 16,
        _ => 12,
    }
}

/// A square frame of words of [`bits`] as the syntax has it; `None` where it is native.
pub(super) fn frame(words: &[u16], size: u16, syntax: &str) -> Option<Vec<u8>> {
    let depth = bits(syntax) as u8;
    match syntax {
        RLE => Some(rle::packed(words)),
        BASELINE => Some(baseline(words, size)),
        LOSSLESS => Some(lossless::packed(words, size, depth)),
        JPEG_LS => Some(jpegls::packed(words, size, depth)),
        JPEG_XL => Some(jpeg_xl(words, size)),
        _ => None,
    }
}

fn baseline(words: &[u16], size: u16) -> Vec<u8> {
    let bytes: Vec<u8> = words.iter().map(|word| *word as u8).collect();
    let mut out = Vec::new();
    let encoder = Encoder::new(&mut out, QUALITY);
    encoder.encode(&bytes, size, size, ColorType::Luma).expect("memory takes all");
    out
}

fn jpeg_xl(words: &[u16], size: u16) -> Vec<u8> {
    let native: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let options = EncoderOptions::new(size.into(), size.into(), ColorSpace::Luma, BitDepth::Sixteen);
    let mut out = Vec::new();
    JxlSimpleEncoder::new(&native, options.set_num_threads(1)).encode(&mut out).expect("memory takes all");
    out
}
