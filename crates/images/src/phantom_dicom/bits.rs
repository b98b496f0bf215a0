//! Bits and segments of JPEG and JPEG-LS.

/// Writes a segment: its marker, its length, and what it holds.
pub(super) fn segment(out: &mut Vec<u8>, marker: u8, bytes: &[u8]) {
    out.extend([0xFF, marker]);
    out.extend((bytes.len() as u16 + 2).to_be_bytes());
    out.extend(bytes);
}

/// What follows a byte of ones: a byte of zeros in JPEG, a bit of zero in JPEG-LS.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuffing {
    Byte,
    Bit,
}

/// A writer of bits, the highest first.
pub(super) struct Bits {
    out: Vec<u8>,
    stuffing: Stuffing,
    held: u64,
    count: u32,
}

impl Bits {
    /// Behind what was written before.
    pub(super) fn after(out: Vec<u8>, stuffing: Stuffing) -> Self {
        Self { out, stuffing, held: 0, count: 0 }
    }

    /// At most 48 bits.
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.held = self.held << count | bits;
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.held &= (1 << self.count) - 1;
            self.out.push(byte);
            match self.stuffing {
                Stuffing::Byte if byte == 0xFF => self.out.push(0),
                Stuffing::Bit if byte == 0xFF => self.count += 1,
                _ => {}
            }
        }
    }

    /// Fills the last byte, and ends the image.
    pub(super) fn end(mut self) -> Vec<u8> {
        match self.stuffing {
            Stuffing::Byte => self.put((1 << 7) - 1, 7),
            Stuffing::Bit => self.put(0, 7),
        }
        self.out.extend([0xFF, 0xD9]);
        self.out
    }
}
