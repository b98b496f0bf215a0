//! A walk over the elements of a data set (PS3.5 section 7) that reads headers and skips values: what a file declares is
//! held against the bytes that are there before anything is taken from it, and names of patients are not even read.

use std::io::{self, Read, Seek, SeekFrom};

use super::dataset::{Dataset, Value};
use super::refusal::{Refusal, Result};
use super::syntax::Encoding;
use super::tags::{self, Tag};

/// Sequences within sequences, at most. Radiographs have five.
const DEEPEST: u32 = 24;

/// The most bytes of wanted attributes: a look-up table has 128 KiB, functional groups of a thousand frames a few MiB.
const MOST_HEADER: u64 = 16 << 20;

pub(super) const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
pub(super) const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The header of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) tag: Tag,
    /// As it stands there; `None` where the encoding is implicit or the element delimits.
    pub(super) vr: Option<[u8; 2]>,
    /// Where the header begins.
    pub(super) start: u64,
    /// Where the value begins.
    pub(super) value: u64,
    /// Bytes of the value; `None` where a delimiter ends it.
    pub(super) length: Option<u64>,
}

/// A reader at a place in a data set.
pub(super) struct Walk<R> {
    reader: R,
    at: u64,
    /// Bytes in all.
    end: u64,
    encoding: Encoding,
    /// Bytes of the header that may yet be read.
    budget: u64,
    /// The tag at this place, where it was read ahead.
    ahead: Option<Tag>,
}

/// Values up to this length are read past: a seek would throw away what is buffered.
const SHORT: u64 = 2048;

impl<R: Read + Seek> Walk<R> {
    /// A walk from where the data set begins.
    pub(super) fn new(mut reader: R, start: u64, encoding: Encoding) -> Result<Self> {
        let end = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(start))?;
        Ok(Self { reader, at: start, end, encoding, budget: MOST_HEADER, ahead: None })
    }

    /// The next element; `None` at the end, where a file may be filled up.
    pub(super) fn next(&mut self) -> Result<Option<Element>> {
        if self.end - self.at < 8 {
            return Ok(None);
        }
        let start = self.at;
        let tag = self.tag()?;
        let delimits = tag.0 == ITEM.0;
        let (vr, length) = if delimits || self.encoding == Encoding::ImplicitLittle {
            (None, self.long()?)
        } else {
            let vr = self.bytes::<2>()?;
            (Some(vr), self.explicit(tag, vr)?)
        };
        if start == 0 && length != u32::MAX && u64::from(length) > self.end {
            return Err(Refusal::Foreign);
        }
        let length = (length != u32::MAX).then_some(u64::from(length));
        let element = Element { tag, vr, start, value: self.at, length };
        match length {
            Some(declared) if declared > self.end - self.at => {
                Err(Refusal::Cut { tag, declared, there: self.end - self.at })
            }
            _ => Ok(Some(element)),
        }
    }

    /// The length of an explicit element, in the form that its VR has.
    fn explicit(&mut self, tag: Tag, vr: [u8; 2]) -> Result<u32> {
        const LONG: [&[u8; 2]; 13] =
            [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];
        if LONG.contains(&&vr) {
            self.bytes::<2>()?;
            return self.long();
        }
        if !vr.iter().all(u8::is_ascii_uppercase) {
            let why = format!(
                "its value representation is `{}`; export it again or leave it out",
                vr.escape_ascii()
            );
            return Err(Refusal::attribute(tag, why));
        }
        let bytes = self.bytes::<2>()?;
        Ok(u32::from(if self.big() { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }))
    }

    /// Goes past a value.
    pub(super) fn skip(&mut self, element: &Element) -> Result<()> {
        match element.length {
            Some(length) => self.go(element.value + length),
            None => self.value(element, 0).map(drop),
        }
    }

    /// Reads a value: of a sequence, the attributes in it that are wanted.
    pub(super) fn value(&mut self, element: &Element, depth: u32) -> Result<Value> {
        let vr = element.vr.unwrap_or_else(|| tags::known(element.tag).map_or(*b"UN", |known| known.vr));
        match element.length {
            Some(length) if vr != *b"SQ" => {
                self.budget = self.budget.checked_sub(length).ok_or_else(|| {
                    let why =
                        format!("the header has more than {MOST_HEADER} bytes that matter; leave it out");
                    Refusal::attribute(element.tag, why)
                })?;
                let mut bytes = self.read(element.value, length)?;
                if self.big() {
                    lower_first(vr, &mut bytes);
                }
                Ok(Value::Plain { vr, bytes })
            }
            // An undefined length of unknown kind is written implicitly (PS3.5 section 6.2.2, note 2).
            None if vr == *b"UN" => {
                let outer = std::mem::replace(&mut self.encoding, Encoding::ImplicitLittle);
                let items = self.items(element, depth);
                self.encoding = outer;
                items.map(Value::Items)
            }
            _ => self.items(element, depth).map(Value::Items),
        }
    }

    fn items(&mut self, sequence: &Element, depth: u32) -> Result<Vec<Dataset>> {
        if depth == DEEPEST {
            let why = format!("sequences lie more than {DEEPEST} deep; leave it out");
            return Err(Refusal::attribute(sequence.tag, why));
        }
        let end = sequence.length.map(|length| sequence.value + length);
        let mut items = Vec::new();
        while end.is_none_or(|end| self.at < end) {
            let item = self.next()?.ok_or_else(|| unended(sequence))?;
            match item.tag {
                SEQUENCE_END if end.is_none() => return Ok(items),
                ITEM => items.push(self.item(&item, depth)?),
                _ => {
                    let why = "an item of it is none; export it again or leave it out";
                    return Err(Refusal::attribute(sequence.tag, why));
                }
            }
        }
        self.closed(sequence, end).map(|()| items)
    }

    fn item(&mut self, item: &Element, depth: u32) -> Result<Dataset> {
        let end = item.length.map(|length| item.value + length);
        let mut found = Dataset::default();
        while end.is_none_or(|end| self.at < end) {
            let element = self.next()?.ok_or_else(|| unended(item))?;
            match (element.tag, element.length) {
                (ITEM_END, _) => return Ok(found),
                (tag, Some(_)) if tags::known(tag).is_none() => self.skip(&element)?,
                (tag, _) => {
                    let value = self.value(&element, depth + 1)?;
                    found.0.insert(tag, value);
                }
            }
        }
        self.closed(item, end).map(|()| found)
    }

    /// Refuses a value that reached past the end of what it lies in.
    fn closed(&self, outer: &Element, end: Option<u64>) -> Result<()> {
        match end {
            Some(end) if self.at != end => Err(Refusal::Cut {
                tag: outer.tag,
                declared: end - outer.value,
                there: self.at - outer.value,
            }),
            _ => Ok(()),
        }
    }

    /// Where the walk is.
    pub(super) fn here(&self) -> u64 {
        self.at
    }

    /// The group of the next element, which is not gone past; `None` at the end.
    pub(super) fn group(&mut self) -> Result<Option<u16>> {
        if self.end - self.at < 8 {
            return Ok(None);
        }
        let at = self.at;
        let tag = self.tag()?;
        self.at = at;
        self.ahead = Some(tag);
        Ok(Some(tag.0))
    }

    /// Goes to a place that was found to be there.
    fn go(&mut self, to: u64) -> Result<()> {
        match to.checked_sub(self.at) {
            Some(0) => {}
            Some(length @ ..=SHORT) => {
                io::copy(&mut (&mut self.reader).take(length), &mut io::sink())?;
            }
            _ => {
                self.reader.seek(SeekFrom::Start(to))?;
            }
        }
        self.at = to;
        Ok(())
    }

    /// Reads `length` bytes from `start`, which were found to be there.
    pub(super) fn read(&mut self, start: u64, length: u64) -> Result<Vec<u8>> {
        self.go(start)?;
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read = (&mut self.reader).take(length).read_to_end(&mut bytes)?;
        self.at = start + read as u64;
        if read as u64 == length {
            Ok(bytes)
        } else {
            Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
        }
    }

    fn tag(&mut self) -> Result<Tag> {
        if let Some(tag) = self.ahead.take() {
            self.at += 4;
            return Ok(tag);
        }
        let [a, b, c, d] = self.bytes::<4>()?;
        let pair = |bytes| if self.big() { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        Ok(Tag(pair([a, b]), pair([c, d])))
    }

    fn long(&mut self) -> Result<u32> {
        let bytes = self.bytes::<4>()?;
        Ok(if self.big() { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn big(&self) -> bool {
        self.encoding == Encoding::ExplicitBig
    }
}

/// A sequence or item that nothing ends.
fn unended(outer: &Element) -> Refusal {
    Refusal::attribute(outer.tag, "nothing ends it: the file was cut; copy it again")
}

/// Turns the words of a value that was written with the higher byte first.
fn lower_first(vr: [u8; 2], bytes: &mut [u8]) {
    let width = match &vr {
        b"US" | b"SS" | b"OW" => 2,
        b"UL" | b"SL" | b"FL" | b"OF" | b"OL" => 4,
        b"FD" | b"OD" | b"OV" | b"SV" | b"UV" => 8,
        _ => 1,
    };
    bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
}
