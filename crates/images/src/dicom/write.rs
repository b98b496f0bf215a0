//! DICOM files out: what phantoms and tests are made of.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::syntax::Encoding;
use super::tags::Tag;

/// A data set in the making; elements are written in the order of their tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written(std::collections::BTreeMap<Tag, ([u8; 2], Content)>);

/// What an element holds.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// Bytes whose words are as wide as this, the lower byte first.
    Plain(Vec<u8>, usize),
    Items(Vec<Written>),
    /// Compressed frames.
    Frames(Vec<Vec<u8>>),
}

impl Written {
    /// A text, filled up to an even length as its representation asks.
    pub fn text(mut self, tag: Tag, vr: &[u8; 2], text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == b"UI" { 0 } else { b' ' });
        }
        self.0.insert(tag, (*vr, Content::Plain(bytes, 1)));
        self
    }

    /// A coded concept, as an item of a sequence (PS3.3 8.8).
    pub fn code(value: &str, scheme: &str, meaning: &str) -> Self {
        Self::default().text(Tag(0x0008, 0x0100), b"SH", value).text(Tag(0x0008, 0x0102), b"SH", scheme).text(
            Tag(0x0008, 0x0104),
            b"LO",
            meaning,
        )
    }

    /// A number of 16 bits.
    pub fn short(self, tag: Tag, value: u16) -> Self {
        self.words(tag, b"US", &[value])
    }

    /// Words of 16 bits.
    pub fn words(mut self, tag: Tag, vr: &[u8; 2], words: &[u16]) -> Self {
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.insert(tag, (*vr, Content::Plain(bytes, 2)));
        self
    }

    /// Bytes.
    pub fn bytes(mut self, tag: Tag, vr: &[u8; 2], bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        self.0.insert(tag, (*vr, Content::Plain(bytes, 1)));
        self
    }

    /// A sequence.
    pub fn items(mut self, tag: Tag, items: Vec<Self>) -> Self {
        self.0.insert(tag, (*b"SQ", Content::Items(items)));
        self
    }

    /// Compressed pixels, a fragment a frame.
    pub fn frames(mut self, tag: Tag, frames: Vec<Vec<u8>>) -> Self {
        self.0.insert(tag, (*b"OB", Content::Frames(frames)));
        self
    }

    /// Without an element.
    pub fn without(mut self, tag: Tag) -> Self {
        self.0.remove(&tag);
        self
    }

    /// A whole file of this transfer syntax: preamble, meta information, data set.
    pub fn file(&self, uid: &str) -> Vec<u8> {
        let (encoding, deflated) = match uid {
            "1.2.840.10008.1.2" => (Encoding::ImplicitLittle, false),
            "1.2.840.10008.1.2.2" => (Encoding::ExplicitBig, false),
            _ => (Encoding::ExplicitLittle, uid == "1.2.840.10008.1.2.1.99"),
        };
        let named = |tag| match self.0.get(&tag) {
            Some((_, Content::Plain(bytes, _))) => {
                String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
            }
            _ => String::new(),
        };
        let mut meta = Vec::new();
        let group = Self::default()
            .bytes(Tag(2, 1), b"OB", &[0, 1])
            .text(Tag(2, 2), b"UI", &named(Tag(8, 0x16)))
            .text(Tag(2, 3), b"UI", &named(Tag(8, 0x18)))
            .text(Tag(2, 0x10), b"UI", uid)
            // 2.25 and a UUID as a number (PS3.5 annex B.2): doppelray's own.
            .text(Tag(2, 0x12), b"UI", "2.25.183401727540981220345913408125092877123");
        group.encode(Encoding::ExplicitLittle, &mut meta);
        let mut file = vec![0; 128];
        file.extend(b"DICM\x02\0\0\0UL\x04\0");
        file.extend((meta.len() as u32).to_le_bytes());
        file.extend(meta);
        if deflated {
            let mut data = Vec::new();
            self.encode(encoding, &mut data);
            let mut encoder = DeflateEncoder::new(file, Compression::fast());
            encoder.write_all(&data).and_then(|()| encoder.finish()).expect("memory takes all")
        } else {
            self.encode(encoding, &mut file);
            file
        }
    }

    fn encode(&self, encoding: Encoding, out: &mut Vec<u8>) {
        let big = encoding == Encoding::ExplicitBig;
        let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let item = |out: &mut Vec<u8>, element: u16, length: u32| {
            out.extend([half(0xFFFE), half(element)].concat());
            out.extend(long(length));
        };
        for (tag, (vr, content)) in &self.0 {
            let length = match content {
                Content::Plain(bytes, _) => bytes.len() as u32,
                _ => u32::MAX,
            };
            out.extend([half(tag.0), half(tag.1)].concat());
            let is_long = matches!(
                vr,
                b"OB" | b"OW" | b"OV" | b"SQ" | b"UN" | b"UT" | b"UC" | b"UR" | b"OF" | b"OD" | b"OL"
            );
            match encoding {
                Encoding::ImplicitLittle => out.extend(long(length)),
                _ if is_long => out.extend([&vr[..], &[0, 0], &long(length)].concat()),
                _ => out.extend([&vr[..], &half(length as u16)].concat()),
            }
            match content {
                Content::Plain(bytes, width) => {
                    let start = out.len();
                    out.extend(bytes);
                    if big {
                        out[start..].chunks_exact_mut(*width).for_each(<[u8]>::reverse);
                    }
                }
                Content::Items(items) => {
                    for inner in items {
                        item(out, 0xE000, u32::MAX);
                        inner.encode(encoding, out);
                        item(out, 0xE00D, 0);
                    }
                    item(out, 0xE0DD, 0);
                }
                Content::Frames(frames) => {
                    item(out, 0xE000, 0);
                    for frame in frames {
                        item(out, 0xE000, frame.len().next_multiple_of(2) as u32);
                        out.extend(frame);
                        out.resize(out.len() + frame.len() % 2, 0);
                    }
                    item(out, 0xE0DD, 0);
                }
            }
        }
    }
}
