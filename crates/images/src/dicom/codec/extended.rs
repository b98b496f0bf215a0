//! The extended sequential process of JPEG with 12 bits (ISO/IEC 10918-1, process 4), grey: DICOM's transfer syntax
//! 1.2.840.10008.1.2.4.51.

use std::array::from_fn;
use std::f32::consts::{FRAC_1_SQRT_2, PI};

use super::Shape;
use super::bits::{Bits, Stuffing, segment};

/// Where the coefficients of a block stand, in the order of a scan (figure A.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// What the segments before a scan define.
#[derive(Default)]
struct Tables {
    /// Quantisation steps, in the order of a scan.
    steps: [Option<[u16; 64]>; 4],
    /// Codes of the first coefficients and of the others.
    codes: [[Option<Codes>; 4]; 2],
    /// Blocks between restarts; 0 for none.
    restart: usize,
    precision: u32,
    /// Which steps the component uses.
    quantiser: usize,
}

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    if shape.samples != 1 {
        return Err("has colours of more than 8 bits, which are not read".into());
    }
    let mut tables = Tables::default();
    let mut rest = bytes.get(2..).ok_or("is empty")?;
    loop {
        let (marker, segment) = segment(&mut rest)?;
        match marker {
            0xDB => tables.quantisers(segment)?,
            0xC4 => tables.huffman(segment)?,
            0xDD => tables.restart = segment.first_chunk().map_or(0, |b| usize::from(u16::from_be_bytes(*b))),
            0xC1 => {
                tables.quantiser = usize::from(*segment.get(8).ok_or("has a short frame header")? & 3);
                tables.precision = u32::from(segment[0]);
            }
            0xDA => return scan(&tables, *segment.get(2).ok_or("has a short scan header")?, rest, shape),
            _ => {}
        }
    }
}

impl Tables {
    fn quantisers(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let [head, tail @ ..] = segment {
            let wide = head >> 4 != 0;
            let length = if wide { 128 } else { 64 };
            let steps = tail.get(..length).ok_or("has a short quantisation table")?;
            let step = |at: usize| match wide {
                true => u16::from_be_bytes([steps[2 * at], steps[2 * at + 1]]),
                false => u16::from(steps[at]),
            };
            self.steps[usize::from(head & 3)] = Some(from_fn(step));
            segment = &tail[length..];
        }
        Ok(())
    }

    fn huffman(&mut self, mut segment: &[u8]) -> Result<(), String> {
        while let [head, tail @ ..] = segment {
            let counts: [u8; 16] = *tail.first_chunk().ok_or("has a short code table")?;
            let length: usize = counts.iter().map(|c| usize::from(*c)).sum();
            let symbols = tail.get(16..16 + length).ok_or("has a short code table")?;
            let place = &mut self.codes[usize::from(head >> 4 & 1)][usize::from(head & 3)];
            *place = Some(Codes::new(counts, symbols));
            segment = &tail[16 + length..];
        }
        Ok(())
    }
}

/// A code of JPEG (C.2, F.2.2.3): codes of a length are consecutive numbers.
struct Codes {
    /// For each length, one above its last code, filled up to 16 bits; and what takes a code to its symbol.
    ends: [(u32, i32); 16],
    symbols: Vec<u8>,
}

impl Codes {
    fn new(counts: [u8; 16], symbols: &[u8]) -> Self {
        let (mut code, mut at) = (0_u32, 0_i32);
        let ends = from_fn(|length| {
            let first = code;
            code += u32::from(counts[length]);
            let end = (code << (15 - length), at - first as i32);
            at += i32::from(counts[length]);
            code <<= 1;
            end
        });
        Self { ends, symbols: symbols.into() }
    }

    fn symbol(&self, bits: &mut Bits) -> Result<u8, &'static str> {
        let seen = bits.peek(16);
        let none = "holds a code that is none";
        let length = self.ends.iter().position(|(end, _)| seen < *end).ok_or(none)?;
        bits.skip(length as u32 + 1)?;
        let code = (seen >> (15 - length)) as i32;
        self.symbols.get((code + self.ends[length].1) as usize).copied().ok_or(none)
    }
}

fn scan(tables: &Tables, chosen: u8, bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let steps = tables.steps[tables.quantiser].as_ref().ok_or("has no quantisation table")?;
    let [first, others] = [(0, chosen >> 4), (1, chosen & 15)]
        .map(|(kind, at)| tables.codes[kind][usize::from(at & 3)].as_ref());
    let (first, others) = first.zip(others).ok_or("has no code table")?;
    if !(9..=12).contains(&tables.precision) {
        return Err(format!("has {} bits a sample, which this process has not", tables.precision));
    }
    let transform = Transform::new();
    let (columns, rows) = (shape.columns as usize, shape.rows as usize);
    let (across, down) = (columns.div_ceil(8), rows.div_ceil(8));
    let (middle, white) = (1 << (tables.precision - 1), (1 << tables.precision) - 1);
    let mut pixels = vec![0_u16; shape.pixels()];
    let mut bits = Bits::new(bytes, Stuffing::Byte);
    let mut mean = 0;
    for block in 0..across * down {
        if tables.restart > 0 && block > 0 && block % tables.restart == 0 {
            if !matches!(bits.marker(), Some(0xD0..=0xD7)) {
                return Err("lacks a restart marker".into());
            }
            mean = 0;
        }
        let coefficients = coefficients(&mut bits, (first, others), steps, &mut mean)?;
        let values = transform.inverse(&coefficients);
        let (left, top) = (block % across * 8, block / across * 8);
        for (y, line) in values.chunks_exact(8).enumerate().take(rows - top) {
            let target = &mut pixels[(top + y) * columns + left..(top + y + 1) * columns];
            for (pixel, value) in target.iter_mut().zip(line) {
                *pixel = (value.round() as i32 + middle).clamp(0, white) as u16;
            }
        }
    }
    Ok(pixels)
}

/// A block (F.2.2), each coefficient times its step, in its place.
fn coefficients(
    bits: &mut Bits,
    (first, others): (&Codes, &Codes),
    steps: &[u16; 64],
    mean: &mut i32,
) -> Result<[f32; 64], &'static str> {
    let mut block = [0.0; 64];
    let size = u32::from(first.symbol(bits)?);
    if size > 15 {
        return Err("holds a coefficient of more than 15 bits");
    }
    *mean = mean.wrapping_add(signed(bits.take(size)?, size));
    block[0] = *mean as f32 * f32::from(steps[0]);
    let mut at = 1;
    while at < 64 {
        let symbol = others.symbol(bits)?;
        let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => break,
            _ => {
                at += zeros;
                let place = *ZIGZAG.get(at).ok_or("holds more than 64 coefficients in a block")?;
                block[usize::from(place)] = signed(bits.take(size)?, size) as f32 * f32::from(steps[at]);
                at += 1;
            }
        }
    }
    Ok(block)
}

/// The number of `size` bits that stands for a difference (F.2.2.1, EXTEND).
fn signed(bits: u32, size: u32) -> i32 {
    if size == 0 || bits >> (size - 1) == 1 { bits as i32 } else { bits as i32 - (1 << size) + 1 }
}

/// The inverse cosine transform (A.3.3), one direction after the other.
struct Transform {
    /// By place, then by frequency.
    waves: [[f32; 8]; 8],
}

impl Transform {
    fn new() -> Self {
        let wave = |x: usize, u: usize| {
            let scale = if u == 0 { FRAC_1_SQRT_2 } else { 1.0 };
            0.5 * scale * libm::cosf((2 * x + 1) as f32 * u as f32 * PI / 16.0)
        };
        Self { waves: from_fn(|x| from_fn(|u| wave(x, u))) }
    }

    fn inverse(&self, block: &[f32; 64]) -> [f32; 64] {
        let lines: [f32; 64] = from_fn(|at| {
            let (v, x) = (at / 8, at % 8);
            (0..8).map(|u| self.waves[x][u] * block[8 * v + u]).sum()
        });
        from_fn(|at| {
            let (y, x) = (at / 8, at % 8);
            (0..8).map(|v| self.waves[y][v] * lines[8 * v + x]).sum()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_block_has_one_coefficient_of_eight_times_its_value() {
        let mut block = [0.0; 64];
        block[0] = 8.0 * 100.0;
        assert!(Transform::new().inverse(&block).iter().all(|v| (v - 100.0).abs() < 1e-3));
        // One frequency keeps its energy (the transform is orthonormal).
        block = [0.0; 64];
        block[10] = 50.0;
        let energy: f32 = Transform::new().inverse(&block).iter().map(|v| v * v).sum();
        assert!((energy - 2500.0).abs() < 0.1);
    }

    #[test]
    fn a_frame_header_without_bytes_is_refused() {
        let shape = Shape { columns: 8, rows: 8, samples: 1, bytes: 2, stored: 12 };
        assert_eq!(decode(&[0xFF, 0xD8, 0xFF, 0xC1, 0, 2], shape), Err("has a short frame header".into()));
    }

    #[test]
    fn codes_are_read_as_figure_c_2_makes_them() {
        // Two codes of two bits, one of three: 00, 01, 100.
        let mut counts = [0; 16];
        (counts[1], counts[2]) = (2, 1);
        let codes = Codes::new(counts, &[7, 8, 9]);
        let mut bits = Bits::new(&[0b0001_1000, 0b1100_0000, 0], Stuffing::Byte);
        let mut next = || codes.symbol(&mut bits);
        assert_eq!((next(), next(), next()), (Ok(7), Ok(8), Ok(9)));
        let mut none = Bits::new(&[0xC0, 0, 0], Stuffing::Byte);
        assert!(codes.symbol(&mut none).is_err());
        assert_eq!((signed(0, 1), signed(1, 1), signed(0b011, 3), signed(0, 0)), (-1, 1, -4, 0));
    }
}
