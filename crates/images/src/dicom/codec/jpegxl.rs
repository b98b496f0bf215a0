//! JPEG XL (ISO/IEC 18181), by the decoder of the JPEG XL project.

use jxl::api::{
    Endianness, Event, JxlBitDepth, JxlColorType, JxlDataFormat, JxlDecoder, JxlDecoderOptions,
    JxlOutputBuffer, JxlPixelFormat, ProfileLevel,
};

use super::Shape;
use super::bits::SHORT;

pub(super) fn decode(bytes: &[u8], shape: Shape) -> Result<Vec<u16>, String> {
    let mut decoder = JxlDecoder::new(options(shape));
    let mut rest = bytes;
    until(Event::BasicInfo, &mut decoder, &mut rest, None)?;
    let format = format(&decoder, shape)?;
    decoder.set_pixel_format(format).map_err(|e| e.to_string())?;
    let mut samples = vec![0; 2 * shape.len()];
    let row = 2 * shape.columns as usize * shape.samples as usize;
    let mut buffers = [JxlOutputBuffer::new(&mut samples, shape.rows as usize, row)];
    until(Event::FrameComplete { has_more_frames: false }, &mut decoder, &mut rest, Some(&mut buffers))?;
    Ok(samples.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect())
}

/// Holds the decoder to the header's size: it counts three samples a pixel, and 16 columns at least.
fn options(shape: Shape) -> JxlDecoderOptions {
    let mut options = JxlDecoderOptions::default();
    options.sample_limit = Some(3 * shape.columns.max(16) as usize * shape.rows as usize + 1);
    options.max_profile_level = ProfileLevel::Main10;
    options
}

/// Goes on until this event; the first frame that is complete ends all.
fn until(
    awaited: Event,
    decoder: &mut JxlDecoder,
    rest: &mut &[u8],
    mut buffers: Option<&mut [JxlOutputBuffer]>,
) -> Result<(), String> {
    loop {
        match decoder.process(rest, buffers.as_deref_mut(), None).map_err(|e| e.to_string())? {
            event if event == awaited => return Ok(()),
            Event::NeedMoreInput { .. } => return Err(SHORT.into()),
            Event::FrameComplete { .. } | Event::Complete => {
                return Err("holds no frame, or several where one belongs".into());
            }
            Event::BasicInfo | Event::FrameHeader => {}
        }
    }
}

/// Whole samples of as many bits as the stream's own, once its header agrees with the file's.
fn format(decoder: &JxlDecoder, shape: Shape) -> Result<JxlPixelFormat, String> {
    let header = decoder.basic_info().zip(decoder.embedded_color_profile());
    let (info, profile) = header.ok_or("its header cannot be read")?;
    shape.agrees(info.size.0 as u32, info.size.1 as u32, profile.channels() as u32)?;
    if !info.extra_channels.is_empty() {
        return Err("has channels beside its colours, which no DICOM image has".into());
    }
    let bits = match info.bit_depth {
        JxlBitDepth::Int { bits_per_sample } if bits_per_sample <= 16 => bits_per_sample as u8,
        _ => return Err("has samples that are no whole numbers of at most 16 bits".into()),
    };
    Ok(JxlPixelFormat {
        color_type: if shape.samples == 1 { JxlColorType::Grayscale } else { JxlColorType::Rgb },
        color_data_format: Some(JxlDataFormat::U16 { endianness: Endianness::native(), bit_depth: bits }),
        extra_channel_format: Vec::new(),
    })
}
