//! What can go wrong in training and sampling; each message names the file and the mend.

use std::io;
use std::path::{Path, PathBuf};

/// Why training or sampling stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A collection could not be read or written.
    #[error(transparent)]
    Collection(#[from] doppelray_images::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A setting is unknown, of the wrong type, or out of range.
    #[error("setting {0}")]
    Setting(String),
    /// A file's content is not what it should be.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and the mend.
        reason: String,
    },
    /// The run's folder belongs to other settings or other data.
    #[error("{}: {reason}; choose another --out, or train with the settings it was begun with", path.display())]
    OtherRun {
        /// The run's folder.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// A loss or penalty was not finite.
    #[error(
        "step {step}: {what} is not finite ({value}); the last good checkpoint, of step {good}, is kept in {}. \
         A smaller game.adam.rate usually helps (--set game.adam.rate=...) in a new --out",
        path.display()
    )]
    NotFinite {
        /// The step at which it happened.
        step: u64,
        /// Which number.
        what: String,
        /// Its value.
        value: f64,
        /// The step of the checkpoint that is kept.
        good: u64,
        /// Where that is.
        path: PathBuf,
    },
}

impl Error {
    /// An input or output error at `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// Content that cannot be used.
    pub(crate) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.into() }
    }
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
