//! Lossless JPEG-LS (ISO/IEC 14495-1 annex A) of grey words, by the contexts of the decoder.

use super::bits::{Bits, Stuffing, segment};
use crate::dicom::codec::jpegls::{Coder, Header, RUN_ORDER, learned, predict};

/// What a scan of one component says: it, and no loss.
const SCAN: [u8; 6] = [1, 1, 0, 0, 0, 0];

/// A frame of as many rows as there are words.
pub(super) fn packed(words: &[u16], width: u16, depth: u8) -> Vec<u8> {
    let columns = usize::from(width);
    let [high, low] = width.to_be_bytes();
    let [top, bottom] = ((words.len() / columns) as u16).to_be_bytes();
    let mut out = vec![0xFF, 0xD8];
    segment(&mut out, 0xF7, &[depth, top, bottom, high, low, 1, 1, 0x11, 0]);
    segment(&mut out, 0xDA, &SCAN);
    let header = Header::new(depth.into(), [0; 5], &SCAN).expect("a depth of grey words");
    let mut writer =
        Writer { coder: Coder::new(&header), bits: Bits::after(out, Stuffing::Bit), white: (1 << depth) - 1 };
    let mut above = vec![0; columns + 2];
    let mut here = vec![0; columns + 2];
    for row in words.chunks_exact(columns) {
        here[0] = above[1];
        above[columns + 1] = above[columns];
        here[1..].iter_mut().zip(row).for_each(|(sample, word)| *sample = i32::from(*word));
        writer.line(&above, &here);
        std::mem::swap(&mut above, &mut here);
    }
    writer.bits.end()
}

struct Writer<'a> {
    coder: Coder<'a>,
    bits: Bits,
    white: i32,
}

impl Writer<'_> {
    fn line(&mut self, above: &[i32], here: &[i32]) {
        let width = here.len() - 2;
        let mut at = 1;
        while at <= width {
            let (left, up, corner, right) = (here[at - 1], above[at], above[at - 1], above[at + 1]);
            match self.coder.context([right - up, up - corner, corner - left]) {
                0 => at += self.stretch(above, here, at),
                context => {
                    self.regular(context, predict(left, up, corner), here[at]);
                    at += 1;
                }
            }
        }
    }

    fn regular(&mut self, context: i32, predicted: i32, value: i32) {
        let (sign, place) = (context.signum(), context.unsigned_abs() as usize);
        let context = self.coder.contexts[place];
        let predicted = (predicted + sign * context.correction).clamp(0, self.white);
        let error = self.within(sign * (value - predicted));
        let order = context.order(context.sizes);
        let turned = order == 0 && 2 * context.errors <= -context.count;
        let likely = if turned { -(error + 1) } else { error };
        let mapped = if likely < 0 { -2 * likely - 1 } else { 2 * likely };
        self.put(mapped, order, self.coder.limit);
        self.coder.contexts[place] = learned(context, error, 0, self.coder.header.reset);
    }

    /// An error as the nearer of those that give the same sample.
    fn within(&self, error: i32) -> i32 {
        let range = self.coder.range;
        let error = if error < 0 { error + range } else { error };
        if error >= (range + 1) / 2 { error - range } else { error }
    }

    /// A code of limited length (A.5.3).
    fn put(&mut self, mapped: i32, order: u32, limit: u32) {
        let most = limit - self.coder.plain - 1;
        let high = mapped as u32 >> order;
        if high < most {
            self.bits.put(1, high + 1);
            self.bits.put(mapped as u64 & ((1 << order) - 1), order);
        } else {
            self.bits.put(1, most + 1);
            self.bits.put(mapped as u64 - 1, self.coder.plain);
        }
    }

    /// A run of samples like the one before, and the one that ends it (A.7); how many samples that were.
    fn stretch(&mut self, above: &[i32], here: &[i32], at: usize) -> usize {
        let samples = &here[at..here.len() - 1];
        let length = samples.iter().take_while(|sample| **sample == here[at - 1]).count();
        let mut rest = length;
        while rest >= 1 << RUN_ORDER[self.coder.run] {
            self.bits.put(1, 1);
            rest -= 1 << RUN_ORDER[self.coder.run];
            self.coder.run = (self.coder.run + 1).min(31);
        }
        if length == samples.len() {
            if rest > 0 {
                self.bits.put(1, 1);
            }
            return length;
        }
        self.bits.put(rest as u64, 1 + RUN_ORDER[self.coder.run]);
        self.end([here[at - 1], above[at + length], here[at + length]]);
        self.coder.run = self.coder.run.saturating_sub(1);
        length + 1
    }

    /// The sample that ends a run (A.7.2), behind those left of it and above.
    fn end(&mut self, [left, up, value]: [i32; 3]) {
        let alike = left == up;
        let error = if left > up { up - value } else { value - up };
        let error = self.within(error);
        let context = self.coder.ends[usize::from(alike)];
        let order = context.end_order(alike);
        let odd = error != 0 && (error < 0) == context.flips(order);
        let mapped = 2 * error.abs() - i32::from(alike) - i32::from(odd);
        self.put(mapped, order, self.coder.limit - RUN_ORDER[self.coder.run] - 1);
        self.coder.ends[usize::from(alike)] = context.ended(error, mapped, alike, self.coder.header.reset);
    }
}
