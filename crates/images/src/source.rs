//! Image files as they come: DICOM, PNG or JPEG, told apart by their content; on disk or within a zip.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::Archive;
use crate::dicom::{Bytes, Codec, Film, Person, Spacing};
use crate::error::{Error, Result};
use crate::{Depth, Image, jpeg, png};

/// One picture of a source.
#[derive(Clone, Debug)]
pub struct Origin {
    /// As an account names its file: a path, which may lead on within a zip.
    path: PathBuf,
    place: Place,
    /// Which frame of the file, from 0.
    frame: u32,
}

/// Where a file's bytes are.
#[derive(Clone, Debug)]
enum Place {
    /// On disk, at the path.
    Disk,
    /// In a zip, by its number there.
    Zip(Arc<Archive>, usize),
    /// Wherever who received it keeps it.
    Held(Arc<dyn Held>),
}

/// A file that was received, and is kept by whoever received it.
pub trait Held: fmt::Debug + Send + Sync {
    /// Its bytes to be read, and how many there are.
    fn open(&self) -> io::Result<Opened>;
}

/// What an image file says of itself before its pixels are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bits a pixel, once grey.
    pub depth: Depth,
    /// Whether it is not stored as grey.
    pub colour: bool,
    /// Whether it has a transparency, which is ignored.
    pub alpha: bool,
    /// What a DICOM header says.
    pub dicom: Option<Described>,
}

/// What a DICOM header says beyond the picture's size.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Pictures in the file.
    pub frames: u32,
    /// Whose it is.
    pub person: Person,
    /// Millimetres between pixels, where they are said.
    pub spacing: Option<Spacing>,
    /// How its pixels are written.
    pub codec: Codec,
    /// Bits that a sample uses.
    pub bits: u32,
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A DICOM file, or a data set without its preface.
    Dicom,
    /// A PNG.
    Png,
    /// A JPEG.
    Jpeg,
    /// A zip.
    Zip,
    /// Nothing that is known here.
    Other,
    /// A file of no bytes.
    Empty,
}

/// How many bytes tell a format.
pub const START: u64 = 132;

impl Format {
    /// What a file is that begins with these bytes, [`START`] of them if it has so many.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [] => Self::Empty,
            [0x89, b'P', b'N', b'G', ..] => Self::Png,
            [0xFF, 0xD8, 0xFF, ..] => Self::Jpeg,
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Self::Zip,
            [.., b'D', b'I', b'C', b'M'] if start.len() as u64 == START => Self::Dicom,
            [b'D', b'I', b'C', b'M', ..] => Self::Dicom,
            // The first elements of meta information, or of a data set: explicit little and big endian, implicit.
            [2 | 8, 0, _, _, a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Self::Dicom,
            [0, 8, _, _, a, b, ..] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Self::Dicom,
            [8, 0, _, 0, _, _, 0, 0, ..] => Self::Dicom,
            _ => Self::Other,
        }
    }
}

impl Origin {
    /// A file on disk.
    pub fn file(path: &Path) -> Self {
        Self { path: path.to_owned(), place: Place::Disk, frame: 0 }
    }

    /// A member of an archive, which lies at `path` as an account names it.
    pub fn member(archive: &Arc<Archive>, at: usize, path: PathBuf) -> Self {
        Self { path, place: Place::Zip(Arc::clone(archive), at), frame: 0 }
    }

    /// A file that was received, by what an account calls it.
    pub fn held(path: PathBuf, held: Arc<dyn Held>) -> Self {
        Self { path, place: Place::Held(held), frame: 0 }
    }

    /// Another frame of the same file, counted from 0.
    pub fn with_frame(&self, frame: u32) -> Self {
        Self { frame, ..self.clone() }
    }

    /// As an account names its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the header alone; refuses a size above [`png::MOST_PIXELS`].
    pub fn probe(&self) -> Result<Header> {
        match self.format()? {
            Format::Png => png::probe(&self.path, self.open()?),
            Format::Jpeg => jpeg::probe(&self.path, self.bytes()?),
            Format::Dicom => self.dicom().and_then(|film| self.described(&film)),
            format => Err(self.foreign(format)),
        }
    }

    /// Reads the image as grey.
    pub fn read(&self) -> Result<Image> {
        match self.format()? {
            Format::Png => png::read(&self.path, self.open()?),
            Format::Jpeg => jpeg::read(&self.path, self.bytes()?),
            Format::Dicom => {
                self.dicom()?.image(self.frame).map_err(|e| Error::content(&self.path, e.to_string()))
            }
            format => Err(self.foreign(format)),
        }
    }

    /// What the file is.
    pub fn format(&self) -> Result<Format> {
        if let Place::Zip(archive, at) = &self.place {
            return Ok(Format::of(&archive.start(*at, START)?));
        }
        let mut start = Vec::new();
        self.open()?.bytes.take(START).read_to_end(&mut start).map_err(Error::file(&self.path))?;
        Ok(Format::of(&start))
    }

    fn dicom(&self) -> Result<Film> {
        Film::open(self.open()?.bytes).map_err(|e| Error::content(&self.path, e.to_string()))
    }

    fn described(&self, film: &Film) -> Result<Header> {
        let spacing = film.spacing().map_err(|e| Error::content(&self.path, e.to_string()))?;
        Ok(Header {
            width: film.columns(),
            height: film.rows(),
            depth: Depth::Sixteen,
            colour: film.coloured(),
            alpha: false,
            dicom: Some(Described {
                frames: film.frames(),
                person: film.person(),
                spacing,
                codec: film.codec(),
                bits: film.bits(),
            }),
        })
    }

    fn foreign(&self, format: Format) -> Error {
        let why = match format {
            Format::Empty => "is empty; export it again or leave it out",
            _ => "is neither DICOM nor PNG nor JPEG, whatever its name; export it again or leave it out",
        };
        Error::content(&self.path, why)
    }

    /// The file's bytes to be read, and how many there are.
    pub fn open(&self) -> Result<Opened> {
        match &self.place {
            Place::Zip(archive, at) => {
                let bytes = archive.read(*at)?;
                let length = bytes.len() as u64;
                Ok(Opened { bytes: Box::new(Cursor::new(bytes)), length })
            }
            Place::Held(held) => held.open().map_err(Error::file(&self.path)),
            Place::Disk => {
                let file = File::open(&self.path).map_err(Error::file(&self.path))?;
                let length = file.metadata().map_err(Error::file(&self.path))?.len();
                Ok(Opened { bytes: Box::new(file), length })
            }
        }
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        if let Place::Zip(archive, at) = &self.place {
            return archive.read(*at);
        }
        let mut bytes = Vec::new();
        self.open()?.bytes.read_to_end(&mut bytes).map_err(Error::file(&self.path))?;
        Ok(bytes)
    }
}

impl fmt::Display for Origin {
    /// The path, and behind `#` the number of a later frame.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.frame > 0 { write!(f, "#{}", self.frame + 1) } else { Ok(()) }
    }
}

/// A file that is to be read.
pub struct Opened {
    /// Its bytes.
    pub bytes: Box<dyn Bytes>,
    /// How many there are.
    pub length: u64,
}

impl Opened {
    /// With a buffer before it.
    pub fn buffered(self) -> BufReader<Box<dyn Bytes>> {
        BufReader::new(self.bytes)
    }
}
