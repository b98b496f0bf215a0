//! Why a DICOM file is not read. Every message names the attribute; what it quotes from the file stands between ``, so that
//! an account that leaves the lab can withhold it.

use std::io;

use super::tags::Tag;

/// Why a DICOM file, or one of its frames, is not read.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The file could not be read.
    #[error("cannot be read ({0})")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("is no DICOM file; export it again or leave it out")]
    Foreign,
    /// An attribute that must be there is not.
    #[error("{0} is missing; export it again or leave it out")]
    Missing(Tag),
    /// An attribute says what cannot be, or what is not read.
    #[error("{tag}: {why}")]
    Attribute {
        /// Which.
        tag: Tag,
        /// What is wrong with it, and the mend.
        why: String,
    },
    /// The file ends within an attribute.
    #[error("{tag} declares {declared} bytes where {there} are left: the file was cut; copy it again")]
    Cut {
        /// Which.
        tag: Tag,
        /// The length that it declares.
        declared: u64,
        /// The bytes that are left.
        there: u64,
    },
    /// Nobody here knows how the file is encoded.
    #[error("(0002,0010) Transfer Syntax UID: {0} is not read; convert it to Explicit VR Little Endian")]
    Syntax(String),
    /// A compressed frame cannot be decoded.
    #[error("(7FE0,0010) Pixel Data, frame {frame}, {codec}: {why}; export it again or leave it out")]
    Codec {
        /// Which frame, from 1.
        frame: u32,
        /// How it is compressed.
        codec: &'static str,
        /// What the decoder says.
        why: String,
    },
    /// A dependency broke on it.
    #[error("breaks the {0}, which was stopped; leave it out, and report the file's kind to doppelray")]
    Broken(&'static str),
}

impl Refusal {
    /// An attribute that cannot be followed.
    pub(super) fn attribute(tag: Tag, why: impl Into<String>) -> Self {
        Self::Attribute { tag, why: why.into() }
    }
}

/// What this module's functions return.
pub(super) type Result<T, E = Refusal> = std::result::Result<T, E>;
