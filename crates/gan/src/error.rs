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
    /// There is no such processor, in this build or on this machine.
    #[error("--device {name}: {reason}, or take --device cpu")]
    Processor {
        /// Its name on the command line.
        name: &'static str,
        /// Why, and the mend.
        reason: String,
    },
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
        "step {step}: {what} is not finite ({value}); {}. A smaller game.adam.rate usually helps \
         (--set game.adam.rate=...) in a new --out",
        kept(*good, path)
    )]
    NotFinite {
        /// The step at which it happened.
        step: u64,
        /// Which number.
        what: String,
        /// Its value.
        value: f64,
        /// The step of the last good checkpoint, where there is one.
        good: Option<u64>,
        /// Where checkpoints are.
        path: PathBuf,
    },
}

fn kept(good: Option<u64>, path: &Path) -> String {
    match good {
        Some(step) => format!("the last good checkpoint, of step {step}, is kept in {}", path.display()),
        None => "it is too early for a checkpoint".to_owned(),
    }
}

impl Error {
    /// An input or output error at `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// An error of writing to `path`, with the mend.
    pub(crate) fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Collection(doppelray_images::Error::unwritten(path)(source))
    }

    /// Content that cannot be used.
    pub(crate) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), reason: reason.into() }
    }
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
