//! JPEG 2000, by a decoder that holds no unsafe code of its own.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::Shape;

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let (columns, rows, samples, signed) = size(bytes).ok_or("its header cannot be read")?;
    shape.agrees(columns, rows, samples)?;
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings).map_err(|e| e.to_string())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| e.to_string())?;
    let planes = decoded.components();
    if planes.len() != samples as usize {
        return Err(format!("decodes to {} components where {samples} belong", planes.len()));
    }
    let bits = planes[0].bit_depth();
    if !(1..=16).contains(&bits) {
        return Err(format!("has {bits} bits a sample, more than 16"));
    }
    // The decoder lifts signed values by half their range, too. Lossy values may leave the range.
    let lift = if signed { 1_i32 << (bits - 1) } else { 0 };
    let word = |value: f32| ((value.round() as i32).clamp(0, (1 << bits) - 1) - lift) as u16;
    if let [plane] = planes {
        return Ok(plane.samples().iter().map(|value| word(*value)).collect());
    }
    if planes.iter().any(|plane| plane.samples().len() != shape.pixels()) {
        return Err("its components have several sizes".into());
    }
    Ok((0..shape.pixels()).flat_map(|at| planes.iter().map(move |plane| word(plane.samples()[at]))).collect())
}

/// Columns, rows and components out of the SIZ marker (ISO/IEC 15444-1, A.5.1), and whether values are signed: before the
/// decoder takes memory for them.
fn size(bytes: &[u8]) -> Option<(u32, u32, u32, bool)> {
    let start = bytes.windows(4).take(4096).position(|marker| marker == [0xFF, 0x4F, 0xFF, 0x51])?;
    let siz = bytes.get(start + 4..)?;
    let long = |at: usize| Some(u32::from_be_bytes(siz.get(at..at + 4)?.try_into().ok()?));
    let columns = long(4)?.checked_sub(long(12)?)?;
    let rows = long(8)?.checked_sub(long(16)?)?;
    let components = u32::from(u16::from_be_bytes(siz.get(36..38)?.try_into().ok()?));
    Some((columns, rows, components, siz.get(38)? & 0x80 != 0))
}
