//! Command sets and identifiers: short data sets in implicit little endian (PS3.7 section 6.3, PS3.5 section 7.1.3).

use std::collections::BTreeMap;

use crate::address::Tag;

/// Elements by their tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elements(BTreeMap<Tag, Vec<u8>>);

impl Elements {
    /// With a text, filled up to an even length as its kind asks: a UID by a zero, else by a space.
    pub(super) fn text(mut self, tag: Tag, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            let uid = matches!(tag, (0x0000, 0x0002 | 0x1000) | (0x0020, 0x000D | 0x000E));
            bytes.push(if uid { 0 } else { b' ' });
        }
        self.0.insert(tag, bytes);
        self
    }

    /// With a number of 16 bits.
    pub(super) fn short(mut self, tag: Tag, value: u16) -> Self {
        self.0.insert(tag, value.to_le_bytes().to_vec());
        self
    }

    /// A text without what fills it up; empty where there is none.
    pub(super) fn get_text(&self, tag: Tag) -> String {
        let bytes = self.0.get(&tag).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_owned()
    }

    /// A number of 16 bits.
    pub(super) fn get_short(&self, tag: Tag) -> Option<u16> {
        let bytes = self.0.get(&tag)?;
        Some(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let element = |((group, element), value): (&Tag, &Vec<u8>)| {
            let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
            bytes.extend((value.len() as u32).to_le_bytes());
            bytes.extend(value);
            bytes
        };
        self.0.iter().flat_map(element).collect()
    }

    /// The bytes of a command set, which begins with its length.
    pub(super) fn command(&self) -> Vec<u8> {
        let body = self.encode();
        let mut bytes = vec![0, 0, 0, 0, 4, 0, 0, 0];
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads a data set that has no sequences; `None` where it is none.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut found = BTreeMap::new();
        while !bytes.is_empty() {
            let (head, rest) = bytes.split_at_checked(8)?;
            let pair = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
            let (value, rest) = rest.split_at_checked(length as usize)?;
            found.insert((pair(0), pair(2)), value.to_vec());
            bytes = rest;
        }
        Some(Self(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_back_and_what_was_cut_is_none() {
        let elements = Elements::default()
            .text((0x0000, 0x0002), "1.2.3")
            .short((0x0000, 0x0100), 0x0020)
            .text((0x0010, 0x0020), "7");
        let bytes = elements.encode();
        assert_eq!(Elements::decode(&bytes), Some(elements.clone()));
        assert_eq!(elements.get_text((0x0000, 0x0002)), "1.2.3");
        assert_eq!((elements.get_short((0, 0x0100)), elements.get_short((0, 0x0900))), (Some(0x0020), None));
        for cut in 1..bytes.len() {
            let read = Elements::decode(&bytes[..cut]);
            assert!(read.is_none_or(|read| read.0.len() < 3), "{cut}");
        }
        let command = Elements::decode(&elements.command()).unwrap();
        assert_eq!(command.get_short((0, 0)), Some(bytes.len() as u16));
    }
}
