//! What can be wrong with images and collections; each message names the file and the mend.

use std::io;
use std::path::{Path, PathBuf};

/// Why an image or a collection cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("{}: cannot be written ({source}); {}", path.display(), way_out(source))]
    Unwritten {
        /// Which file, by its final name.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file's content is not what it should be.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and the mend.
        reason: String,
    },
}

impl Error {
    /// An input or output error at `path`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// An error of writing to `path`.
    pub fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Unwritten { path: path.to_owned(), source }
    }

    /// Content that cannot be used.
    pub fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.into() }
    }

    /// The message without the path, for a list that has paths of its own.
    pub fn reason(&self) -> String {
        match self {
            Self::File { source, .. } | Self::Unwritten { source, .. } => source.to_string(),
            Self::Content { reason, .. } => reason.clone(),
        }
    }
}

fn way_out(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and type the same command again: it goes on where it stopped"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose another place, or gain the right to write there"
        }
        _ => "mend the place or choose another, and type the command again",
    }
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
