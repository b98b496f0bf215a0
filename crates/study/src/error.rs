//! What can go wrong in a study; each message names the mend.

use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Images or collections.
    #[error(transparent)]
    Images(#[from] doppelray_images::Error),
    /// A file of the study.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and the mend.
        reason: String,
    },
    /// The database failed.
    #[error("study.db: {0}; if it comes again, put the last `doppelray study backup` in its place")]
    Database(rusqlite::Error),
    /// No room is left to keep an answer.
    #[error("the disk is full: nothing was saved; free some space, then send it again")]
    Full,
    /// The transaction failed for another reason.
    #[error("nothing was saved ({0}); send it again")]
    Lost(String),
    /// Nobody is let in by this link, or it has expired or was revoked.
    #[error("this link is not valid (any more); ask for another one")]
    NoEntry,
    /// The request does not fit the state of things.
    #[error("{0}")]
    Refused(&'static str),
    /// An answer that cannot be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The study takes no more answers.
    #[error("the study is closed; no more answers are taken")]
    Frozen,
    /// The last day is over.
    #[error("the last day for answers, {0}, is over; the study's coordinator can set another")]
    Late(String),
    /// Truth is asked for too early.
    #[error(
        "the study is blinded; close it with `doppelray study freeze`, then open it with `doppelray study unblind`"
    )]
    Blinded,
    /// Operating system, entropy.
    #[error("no random numbers from the operating system: {0}")]
    Entropy(getrandom::Error),
}

impl Error {
    /// Content of a file that cannot be used.
    pub fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), reason: reason.into() }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Database(error),
        }
    }
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
