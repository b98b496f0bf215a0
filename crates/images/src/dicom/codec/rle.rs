//! RLE (PS3.5 annex G): a segment for each byte of a pixel, the highest first, packed as PackBits.

use super::Shape;
use super::native::interleaved;

/// Length of the header: a count, and 15 offsets.
const HEADER: usize = 64;

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let header = bytes.get(..HEADER).ok_or("is shorter than its header")?;
    let word =
        |at: usize| u32::from_le_bytes(header[4 * at..4 * at + 4].try_into().expect("four bytes")) as usize;
    let segments = (shape.samples * shape.bytes) as usize;
    if word(0) != segments {
        return Err(format!("has {} segments where {segments} belong", word(0)));
    }
    let mut planes = vec![0; shape.len()];
    let mut segment = Vec::with_capacity(shape.pixels());
    for at in 0..segments {
        let start = word(1 + at);
        let end = if at + 1 < segments { word(2 + at) } else { bytes.len() };
        let packed = bytes.get(start..end).ok_or_else(|| format!("segment {} lies outside", at + 1))?;
        segment.clear();
        unpack(packed, shape.pixels(), &mut segment)?;
        let (plane, byte) = (at / shape.bytes as usize, at % shape.bytes as usize);
        let shift = 8 * (shape.bytes as usize - 1 - byte);
        let target = &mut planes[plane * shape.pixels()..][..shape.pixels()];
        target.iter_mut().zip(&segment).for_each(|(sample, byte)| *sample |= u16::from(*byte) << shift);
    }
    Ok(if shape.samples > 1 { interleaved(&planes, shape) } else { planes })
}

/// `count` bytes out of a segment; what follows them is filling.
fn unpack(packed: &[u8], count: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = packed;
    while out.len() < count {
        let (&head, tail) = rest.split_first().ok_or("ends before its pixels do")?;
        let left = count - out.len();
        match head as i8 {
            -128 => rest = tail,
            run @ ..0 => {
                let (&value, tail) = tail.split_first().ok_or("ends within a run")?;
                out.resize(out.len() + (1 - isize::from(run)).unsigned_abs().min(left), value);
                rest = tail;
            }
            literal => {
                let length = literal as usize + 1;
                let bytes = tail.get(..length).ok_or("ends within its bytes")?;
                out.extend(&bytes[..length.min(left)]);
                rest = &tail[length..];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_runs_and_filling_are_unpacked_and_a_short_segment_is_refused() {
        // The example of Apple's technical note TN1023.
        let packed = [
            0xFE, 0xAA, 0x02, 0x80, 0x00, 0x2A, 0xFD, 0xAA, 0x03, 0x80, 0x00, 0x2A, 0x22, 0xF7, 0xAA, 0x80, 0,
        ];
        let mut out = Vec::new();
        unpack(&packed, 24, &mut out).unwrap();
        let mut expected = vec![0xAA, 0xAA, 0xAA, 0x80, 0, 0x2A, 0xAA, 0xAA, 0xAA, 0xAA, 0x80, 0, 0x2A, 0x22];
        expected.extend([0xAA; 10]);
        assert_eq!(out, expected);
        assert!(unpack(&packed[..15], 25, &mut Vec::new()).is_err());
    }

    #[test]
    fn segments_that_lie_outside_or_are_too_few_are_refused() {
        let shape = Shape { columns: 2, rows: 1, samples: 1, bytes: 2, stored: 16 };
        let frame = |count: u32, second: u32| {
            let mut bytes: Vec<u8> = [count, 64, second].iter().flat_map(|w| w.to_le_bytes()).collect();
            bytes.resize(64, 0);
            bytes.extend([1, 1, 2, 0, 1, 3, 4, 0]);
            bytes
        };
        assert_eq!(decode(&frame(2, 68), shape), Ok(vec![0x0103, 0x0204]));
        for (bytes, why) in
            [(frame(1, 0), "1 segments where 2"), (frame(2, 999), "lies outside"), (vec![0; 9], "shorter")]
        {
            assert!(decode(&bytes, shape).unwrap_err().contains(why));
        }
    }
}
