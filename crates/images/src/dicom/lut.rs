//! Look-up tables (PS3.3 C.11.1.1 and C.11.2.1.1).

use super::dataset::Dataset;
use super::refusal::{Refusal, Result};
use super::tags::Tag;

/// A table from whole numbers to whole numbers; what lies outside has the value of the end that is nearer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lut {
    /// The input of the first entry.
    first: i64,
    entries: Vec<u16>,
    /// Bits of an entry.
    bits: u32,
}

/// How a table's first input is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Signed,
    Unsigned,
}

impl Lut {
    /// The table of a descriptor and its data.
    pub(super) fn read(head: &Dataset, descriptor: Tag, data: Tag, input: Input) -> Result<Self> {
        let [count, first, bits] = head.words(descriptor)[..] else {
            return Err(Refusal::attribute(descriptor, "does not hold three numbers; export it again"));
        };
        let count = if count == 0 { 1 << 16 } else { usize::from(count) };
        let first = if input == Input::Signed { i64::from(first as i16) } else { i64::from(first) };
        if !(1..=16).contains(&bits) {
            return Err(Refusal::attribute(
                descriptor,
                format!("`{bits}` bits an entry cannot be; export it again"),
            ));
        }
        let words = head.words(data);
        let entries: Vec<u16> = if words.len() >= count {
            words[..count].to_vec()
        } else if bits <= 8 && 2 * words.len() >= count {
            // Two entries a word, the first in its lower byte.
            words.iter().flat_map(|word| word.to_le_bytes().map(u16::from)).take(count).collect()
        } else {
            let why = format!("holds {} entries where {count} are declared; export it again", words.len());
            return Err(Refusal::attribute(data, why));
        };
        let used = 16 - entries.iter().fold(0, |all, entry| all | entry).leading_zeros();
        Ok(Self { first, entries, bits: u32::from(bits).max(used) })
    }

    /// The entry of an input.
    pub(super) fn of(&self, input: f64) -> u16 {
        let at = (input.round() as i64 - self.first).clamp(0, self.entries.len() as i64 - 1);
        self.entries[at as usize]
    }

    /// The largest entry that its bits allow.
    pub(super) fn white(&self) -> f64 {
        f64::from((1_u32 << self.bits) - 1)
    }
}
