//! The log once more, for TensorBoard: `events.out.tfevents.*` beside `log.jsonl`.
//!
//! The file is a sequence of records (length, its checksum, bytes, theirs; TensorFlow's TFRecord) that each hold a protocol
//! buffer `Event` (tensorflow/core/util/event.proto). Six of its fields are all that is needed, so they are written here and no
//! code is generated. Every session writes a file of its own that begins with `SessionLog::START`, at which TensorBoard forgets
//! what an interrupted session had logged beyond its checkpoint.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use doppelray_images::{Image, png};

use crate::error::{Error, Result};

/// An open file of events.
pub struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Begins a session's file in a run's folder, at a step.
    pub fn begin(run: &Path, step: u64) -> Result<Self> {
        let now = now();
        let path = run.join(format!("events.out.tfevents.{:010}.{step}.doppelray", now as u64));
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut events = Self { file: file.map_err(Error::unwritten(&path))?, path };
        // TensorBoard reads no file that does not begin so.
        events.write(0, |event| event.text(3, "brain.Event:2"))?;
        events.write(step, |event| event.message(7, |session| session.number(1, 1)))?;
        Ok(events)
    }

    /// Adds numbers and a picture, each by its tag, at a step.
    pub fn log(&mut self, step: u64, scalars: &[(String, f64)], picture: (&str, &Image)) -> Result<()> {
        let (tag, image) = picture;
        let mut bytes = Vec::new();
        png::encode(image, &mut bytes).map_err(Error::unwritten(&self.path))?;
        self.write(step, |event| {
            event.message(5, |summary| {
                for (tag, value) in scalars {
                    summary.message(1, |entry| {
                        entry.text(1, tag);
                        entry.single(2, *value as f32);
                    });
                }
                summary.message(1, |entry| {
                    entry.text(1, tag);
                    entry.message(4, |picture| {
                        picture.number(1, u64::from(image.height()));
                        picture.number(2, u64::from(image.width()));
                        picture.number(3, 1); // grey
                        picture.bytes(4, &bytes);
                    });
                });
            });
        })
    }

    fn write(&mut self, step: u64, fill: impl FnOnce(&mut Message)) -> Result<()> {
        let mut event = Message::default();
        event.double(1, now());
        event.number(2, step);
        fill(&mut event);
        record(&mut self.file, &event.0).map_err(Error::unwritten(&self.path))
    }
}

/// Seconds since 1970, which TensorBoard shows beside each point.
#[allow(
    clippy::disallowed_methods,
    reason = "a log may tell the time; no number of the training depends on it"
)]
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// One record, written at once so that a kill leaves a short last one at most, which readers skip.
fn record(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    let mut whole = Vec::with_capacity(bytes.len() + 16);
    whole.extend(length);
    whole.extend(masked(&length).to_le_bytes());
    whole.extend(bytes);
    whole.extend(masked(bytes).to_le_bytes());
    out.write_all(&whole)
}

/// TFRecord's checksum: CRC-32C, turned and moved so that checksums of checksums are not special.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn single(&mut self, field: u64, value: f32) {
        self.varint(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_tensorflow_writes() {
        let mut out = Vec::new();
        record(&mut out, b"abc").unwrap();
        // By the format's description, in another language.
        let hex: String = out.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "0300000000000000b099490e6162636e57f121");
    }

    #[test]
    fn a_message_is_encoded_as_the_format_says() {
        let mut message = Message::default();
        message.number(1, 150); // the example of the format's documentation
        message.text(2, "testing");
        message.message(3, |inner| inner.number(1, 150));
        assert_eq!(message.0, b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01");
    }
}
