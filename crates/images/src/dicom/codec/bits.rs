//! Bits of an entropy-coded segment, the highest first. JPEG puts a zero byte behind each 0xFF, JPEG-LS a zero bit.

/// What follows a byte of ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuffing {
    Byte,
    Bit,
}

/// A reader of bits that ends at a marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    stuffing: Stuffing,
    held: u64,
    count: u32,
    after_ones: bool,
}

/// What a decoder says where bits end too early.
pub(super) const SHORT: &str = "ends before its pixels do";

/// Takes the next segment of JPEG or JPEG-LS off `rest`: its marker and what it holds (ISO/IEC 10918-1, B.1.1.4).
pub(super) fn segment<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), &'static str> {
    while let [0xFF, 0xFF, ..] = rest {
        *rest = &rest[1..];
    }
    let [0xFF, marker, tail @ ..] = *rest else {
        return Err("has bytes that belong to no segment");
    };
    let length = tail.first_chunk().map_or(0, |b| usize::from(u16::from_be_bytes(*b)));
    let held = tail.get(2..length).ok_or("is cut within a segment")?;
    *rest = &tail[length..];
    Ok((*marker, held))
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], stuffing: Stuffing) -> Self {
        Self { bytes, at: 0, stuffing, held: 0, count: 0, after_ones: false }
    }

    /// Takes in whole bytes while there is room for them.
    #[inline(never)]
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            let bits = if self.after_ones { 7 } else { 8 };
            if byte == 0xFF {
                match (self.stuffing, self.bytes.get(self.at + 1)) {
                    (Stuffing::Byte, Some(0)) => self.at += 1,
                    (Stuffing::Bit, Some(0..=0x7F)) => {}
                    _ => return,
                }
            }
            self.after_ones = byte == 0xFF && self.stuffing == Stuffing::Bit;
            self.held = self.held << bits | u64::from(byte);
            self.count += bits;
            self.at += 1;
        }
    }

    /// The next `count` bits, at most 32, as a number; zeros where there are no more, which [`Self::skip`] notes.
    #[inline]
    pub(super) fn peek(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.fill();
        }
        let mask = (1_u64 << count) - 1;
        let held = if self.count >= count {
            self.held >> (self.count - count)
        } else {
            self.held << (count - self.count)
        };
        (held & mask) as u32
    }

    /// Goes past bits that were seen.
    #[inline]
    pub(super) fn skip(&mut self, count: u32) -> Result<(), &'static str> {
        self.count = self.count.checked_sub(count).ok_or(SHORT)?;
        self.held &= (1 << self.count) - 1;
        Ok(())
    }

    /// The next `count` bits, at most 32.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<u32, &'static str> {
        let bits = self.peek(count);
        self.skip(count).map(|()| bits)
    }

    /// How many zeros come before the next one, which is taken too; more than `most` are none.
    #[inline]
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32, &'static str> {
        let mut zeros = 0;
        loop {
            let bits = self.peek(16);
            let here = if bits == 0 { 16 } else { bits.leading_zeros() - 16 };
            zeros += here;
            if zeros > most {
                return Err("holds a code that is none");
            }
            if here < 16 {
                return self.skip(here + 1).map(|()| zeros);
            }
            self.skip(16)?;
        }
    }

    /// Goes on behind the marker that ended the bits; what is left of the last byte is filling. `None` where there is none.
    pub(super) fn marker(&mut self) -> Option<u8> {
        self.held = 0;
        self.count = 0;
        self.after_ones = false;
        while let [0xFF, code, ..] = self.bytes.get(self.at..)? {
            self.at += 1;
            if *code != 0xFF {
                self.at += 1;
                return Some(*code);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_taken_with_its_filling_and_a_cut_one_is_refused() {
        let mut rest = &[0xFF, 0xFF, 0xDD, 0, 4, 1, 2, 9][..];
        assert_eq!(segment(&mut rest), Ok((0xDD, &[1, 2][..])));
        assert_eq!(rest, [9]);
        assert!(segment(&mut rest).is_err());
        assert!(segment(&mut &[0xFF, 0xDD, 0, 5, 1, 2][..]).is_err());
        assert!(segment(&mut &[0xFF, 0xDD, 0, 1, 1, 2][..]).is_err());
    }

    #[test]
    fn stuffed_bytes_and_bits_are_left_out_and_a_marker_ends_the_bits() {
        let mut bits = Bits::new(&[0xFF, 0x00, 0x12, 0xFF, 0xD9], Stuffing::Byte);
        assert_eq!(bits.take(16), Ok(0xFF12));
        assert_eq!(bits.take(1), Err(SHORT));
        assert_eq!(bits.marker(), Some(0xD9));
        let mut bits = Bits::new(&[0xFF, 0x7F, 0x80, 0xFF, 0xD9], Stuffing::Bit);
        assert_eq!(bits.take(15), Ok(0x7FFF));
        assert_eq!((bits.zeros(9), bits.take(7)), (Ok(0), Ok(0)));
        assert_eq!(Bits::new(&[0, 0, 1], Stuffing::Byte).zeros(30), Ok(23));
        assert!(Bits::new(&[0, 0, 1], Stuffing::Byte).zeros(20).is_err());
    }
}
