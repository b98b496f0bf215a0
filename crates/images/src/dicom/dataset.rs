//! The attributes of a data set that were read, and their values by type; refusals name the attribute.

use std::collections::BTreeMap;

use super::refusal::{Refusal, Result};
use super::tags::Tag;

/// Attributes by tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dataset(pub(super) BTreeMap<Tag, Value>);

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// As it is written, its words with the lower byte first.
    Plain { vr: [u8; 2], bytes: Vec<u8> },
    /// A sequence.
    Items(Vec<Dataset>),
}

impl Dataset {
    fn plain(&self, tag: Tag) -> Option<(&[u8; 2], &[u8])> {
        match self.0.get(&tag)? {
            Value::Plain { vr, bytes } if !bytes.is_empty() => Some((vr, bytes)),
            _ => None,
        }
    }

    /// All texts of an attribute, without their padding and the empty ones.
    pub(super) fn texts(&self, tag: Tag) -> Vec<String> {
        let Some((_, bytes)) = self.plain(tag) else { return Vec::new() };
        // In what is read of a header, only names of institutions and odd identifiers leave ASCII; they are compared, not shown.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        };
        let parts = text.split('\\').map(|part| part.trim_matches([' ', '\0']));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The first text of an attribute; `None` where there is none.
    pub(super) fn text(&self, tag: Tag) -> Option<String> {
        self.texts(tag).into_iter().next()
    }

    /// All numbers of an attribute, written as text or in binary; empty where it is absent or empty.
    pub(super) fn numbers(&self, tag: Tag) -> Result<Vec<f64>> {
        let Some((vr, bytes)) = self.plain(tag) else { return Ok(Vec::new()) };
        Ok(match vr {
            b"US" | b"OW" => pairs(bytes).map(|b| f64::from(u16::from_le_bytes(b))).collect(),
            b"SS" => pairs(bytes).map(|b| f64::from(i16::from_le_bytes(b))).collect(),
            b"UL" => fours(bytes).map(|b| f64::from(u32::from_le_bytes(b))).collect(),
            b"SL" => fours(bytes).map(|b| f64::from(i32::from_le_bytes(b))).collect(),
            b"FL" => fours(bytes).map(|b| f64::from(f32::from_le_bytes(b))).collect(),
            _ => {
                let number = |text: &String| text.parse::<f64>().ok().filter(|n| n.is_finite());
                let no = |text: &str| {
                    let text: String = text.chars().take(64).collect();
                    Refusal::attribute(tag, format!("`{text}` is no number; correct it"))
                };
                self.texts(tag)
                    .iter()
                    .map(|text| number(text).ok_or_else(|| no(text)))
                    .collect::<Result<_>>()?
            }
        })
    }

    /// The first number of an attribute.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<f64>> {
        Ok(self.numbers(tag)?.first().copied())
    }

    /// A count or code that must be there.
    pub(super) fn whole(&self, tag: Tag) -> Result<u32> {
        self.count(tag)?.ok_or(Refusal::Missing(tag))
    }

    /// A count or code, or what holds where it is absent.
    pub(super) fn whole_or(&self, tag: Tag, default: u32) -> Result<u32> {
        Ok(self.count(tag)?.unwrap_or(default))
    }

    fn count(&self, tag: Tag) -> Result<Option<u32>> {
        match self.number(tag)? {
            None => Ok(None),
            Some(n) if n >= 0.0 && n <= f64::from(u32::MAX) && n.fract() == 0.0 => Ok(Some(n as u32)),
            Some(n) => Err(Refusal::attribute(tag, format!("`{n}` cannot be; correct it"))),
        }
    }

    /// 16-bit words of a table, whatever its representation.
    pub(super) fn words(&self, tag: Tag) -> Vec<u16> {
        self.plain(tag).map(|(_, bytes)| pairs(bytes).map(u16::from_le_bytes).collect()).unwrap_or_default()
    }

    /// 64-bit words.
    pub(super) fn longs(&self, tag: Tag) -> Vec<u64> {
        let bytes = self.plain(tag).map(|(_, bytes)| bytes).unwrap_or_default();
        bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect()
    }

    /// The items of a sequence; none where it is absent.
    pub(super) fn items(&self, tag: Tag) -> &[Self] {
        match self.0.get(&tag) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = [u8; 2]> + '_ {
    bytes.as_chunks::<2>().0.iter().copied()
}

fn fours(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> + '_ {
    bytes.as_chunks::<4>().0.iter().copied()
}
