//! A DICOM file on its way in: where its parts lie, and of its header the attributes that are wanted.

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use super::dataset::Dataset;
use super::refusal::{Refusal, Result};
use super::syntax::{self, Encoding, Syntax};
use super::tags;
use super::walk::{Element, ITEM, SEQUENCE_END, Walk};

/// The most bytes that a deflated data set may become, and the most fragments of compressed pixels.
const MOST_INFLATED: u64 = 512 << 20;
const MOST_FRAGMENTS: usize = 1 << 20;

/// Anything that a file is read from.
pub trait Bytes: Read + Seek + Send {}

impl<T: Read + Seek + Send> Bytes for T {}

/// What a walk reads from.
type Buffered = BufReader<Box<dyn Bytes>>;

/// Where pixels lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pixels {
    /// All frames in a row, from this byte.
    Native { at: u64, length: u64 },
    /// Compressed: the basic offset table, and where each fragment lies.
    Fragments { offsets: Vec<u32>, fragments: Vec<(u64, u64)> },
}

/// An opened file.
pub(super) struct Object {
    /// Its wanted attributes and no others.
    pub(super) head: Dataset,
    pub(super) syntax: Syntax,
    pub(super) pixels: Pixels,
    walk: Walk<Buffered>,
}

impl Object {
    /// Walks over the file: its header is read as far as it is wanted, its pixels are found.
    pub(super) fn open(source: Box<dyn Bytes>) -> Result<Self> {
        let (mut walk, syntax) = begin(source)?;
        let (head, pixels) = header(&mut walk)?;
        let pixels = pixels.ok_or_else(|| no_pixels(&head))?;
        if let Pixels::Fragments { .. } = pixels
            && syntax.codec == super::Codec::Native
        {
            let why = "is in fragments, which no native transfer syntax has; export it again";
            return Err(Refusal::attribute(tags::PIXELS, why));
        }
        Ok(Self { head, syntax, pixels, walk })
    }

    /// The wanted attributes of a file that may have no pixels.
    pub(super) fn head_alone(source: Box<dyn Bytes>) -> Result<Dataset> {
        header(&mut begin(source)?.0).map(|(head, _)| head)
    }

    /// Reads bytes of pixels that were found to be there.
    pub(super) fn read(&mut self, start: u64, length: u64) -> Result<Vec<u8>> {
        self.walk.read(start, length)
    }
}

/// A walk over the data set of a file, inflated where it must be.
fn begin(source: Box<dyn Bytes>) -> Result<(Walk<Buffered>, Syntax)> {
    let mut source = BufReader::new(source);
    let (syntax, start) = preface(&mut source)?;
    let (source, start) = if syntax.deflated { (inflated(source, start)?, 0) } else { (source, start) };
    Ok((Walk::new(source, start, syntax.encoding)?, syntax))
}

/// What comes before the data set (PS3.10 section 7.1): its syntax, and where it begins. Files without a preamble, or
/// without any meta information, are known by how their first element looks.
fn preface(source: &mut (impl Read + Seek)) -> Result<(Syntax, u64)> {
    let mut start = [0; 132];
    let read = read_up_to(source, &mut start)?;
    let (meta, first) = match &start[..read] {
        [.., b'D', b'I', b'C', b'M'] if read == 132 => (132, None),
        [b'D', b'I', b'C', b'M', ..] => (4, None),
        [2, 0, ..] => (0, None),
        first if read > 8 => (0, Some([first[0], first[1], first[4], first[5]])),
        _ => return Err(Refusal::Foreign),
    };
    if let Some(first) = first {
        return Ok((Syntax::native(guess(first)?), 0));
    }
    let mut walk = Walk::new(source, meta, Encoding::ExplicitLittle)?;
    let mut uid: Option<String> = None;
    // What follows group 2 is encoded otherwise, and its headers would be misread.
    while walk.group()? == Some(2) {
        let Some(element) = walk.next()? else { break };
        if element.tag == tags::TRANSFER_SYNTAX {
            let bytes = walk.read(element.value, element.length.unwrap_or_default().min(64))?;
            uid = Some(String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).to_owned());
        }
        walk.skip(&element)?;
    }
    let uid = uid.ok_or(Refusal::Missing(tags::TRANSFER_SYNTAX))?;
    let syntax = Syntax::of(&uid).ok_or_else(|| Refusal::Syntax(syntax::described(&uid)))?;
    Ok((syntax, walk.here()))
}

/// The encoding of a data set that nothing precedes, by its first element, which is of group 8.
fn guess([a, b, c, d]: [u8; 4]) -> Result<Encoding> {
    let explicit = c.is_ascii_uppercase() && d.is_ascii_uppercase();
    match ([a, b], explicit) {
        ([8, 0], true) => Ok(Encoding::ExplicitLittle),
        ([8, 0], false) => Ok(Encoding::ImplicitLittle),
        ([0, 8], true) => Ok(Encoding::ExplicitBig),
        _ => Err(Refusal::Foreign),
    }
}

fn read_up_to(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match source.read(&mut buffer[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

/// The data set of a deflated file, in memory.
fn inflated(mut source: Buffered, start: u64) -> Result<Buffered> {
    source.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(source).take(MOST_INFLATED + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_INFLATED {
        let why = format!("it becomes more than {MOST_INFLATED} bytes when inflated; leave it out");
        return Err(Refusal::attribute(tags::TRANSFER_SYNTAX, why));
    }
    Ok(BufReader::new(Box::new(Cursor::new(bytes))))
}

/// The wanted attributes, and where the pixels are.
fn header<R: Read + Seek>(walk: &mut Walk<R>) -> Result<(Dataset, Option<Pixels>)> {
    let mut head = Dataset::default();
    while let Some(element) = walk.next()? {
        match element.tag {
            tags::PIXELS => return Ok((head, Some(pixels(walk, &element)?))),
            tags::FLOAT_PIXELS | tags::DOUBLE_PIXELS => {
                let why = "holds measurements, not grey values of a film; leave it out";
                return Err(Refusal::attribute(element.tag, why));
            }
            tag if tags::known(tag).is_some() => {
                let value = walk.value(&element, 0)?;
                head.0.insert(tag, value);
            }
            _ => walk.skip(&element)?,
        }
    }
    Ok((head, None))
}

/// What a file without pixels is refused with.
fn no_pixels(head: &Dataset) -> Refusal {
    match head.text(tags::MODALITY) {
        Some(modality) => {
            let why = format!("is missing: it is no image (its modality is `{modality}`); leave it out");
            Refusal::attribute(tags::PIXELS, why)
        }
        None => Refusal::Missing(tags::PIXELS),
    }
}

fn pixels<R: Read + Seek>(walk: &mut Walk<R>, element: &Element) -> Result<Pixels> {
    if let Some(length) = element.length {
        return Ok(Pixels::Native { at: element.value, length });
    }
    let mut fragments = Vec::new();
    while let Some(item) = walk.next()? {
        match (item.tag, item.length) {
            (SEQUENCE_END, _) => break,
            (ITEM, Some(length)) if fragments.len() < MOST_FRAGMENTS => {
                fragments.push((item.value, length));
                walk.skip(&item)?;
            }
            _ => {
                let why = "a fragment of it is none, or there are too many; export it again or leave it out";
                return Err(Refusal::attribute(tags::PIXELS, why));
            }
        }
    }
    if fragments.is_empty() {
        return Err(Refusal::attribute(tags::PIXELS, "has no fragments; export it again or leave it out"));
    }
    let (at, length) = fragments.remove(0);
    let table = walk.read(at, length)?;
    let offsets = table.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Pixels::Fragments { offsets, fragments })
}
