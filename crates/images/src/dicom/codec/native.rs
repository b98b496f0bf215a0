//! Samples as they are (PS3.5 section 8.1.1).

use super::Shape;
use crate::dicom::syntax::Encoding;

/// The samples of a frame's bytes, pixel by pixel. `planes`: all of one colour come first.
pub(in crate::dicom) fn words(bytes: &[u8], shape: Shape, encoding: Encoding, planes: bool) -> Vec<u16> {
    let samples: Vec<u16> = match (shape.bytes, encoding) {
        (1, _) => bytes.iter().map(|b| u16::from(*b)).collect(),
        (_, Encoding::ExplicitBig) => {
            bytes.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect()
        }
        _ => bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect(),
    };
    if planes && shape.samples > 1 { interleaved(&samples, shape) } else { samples }
}

/// Planes of samples as pixels.
pub(super) fn interleaved(planes: &[u16], shape: Shape) -> Vec<u16> {
    let pixels = shape.pixels();
    let of = |pixel: usize| (0..shape.samples as usize).map(move |plane| planes[plane * pixels + pixel]);
    (0..pixels).flat_map(of).collect()
}

/// Pixels of one bit, the lowest of a byte first, from this bit on.
pub(in crate::dicom) fn binary(bytes: &[u8], first: usize, pixels: usize) -> Vec<u16> {
    (first..first + pixels).map(|bit| u16::from(bytes[bit / 8] >> (bit % 8) & 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_words_planes_and_bits_are_read_in_their_order() {
        let shape = |samples, bytes| Shape { columns: 2, rows: 1, samples, bytes, stored: 8 * bytes };
        let little = Encoding::ExplicitLittle;
        assert_eq!(words(&[1, 2], shape(1, 1), little, false), [1, 2]);
        assert_eq!(words(&[1, 0, 2, 1], shape(1, 2), little, false), [1, 258]);
        assert_eq!(words(&[0, 1, 1, 2], shape(1, 2), Encoding::ExplicitBig, false), [1, 258]);
        assert_eq!(words(&[1, 2, 3, 4, 5, 6], shape(3, 1), little, true), [1, 3, 5, 2, 4, 6]);
        assert_eq!(binary(&[0b1000_0000, 0b0000_0101], 7, 4), [1, 1, 0, 1]);
    }
}
