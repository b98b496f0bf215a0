//! What can be wrong with an archive; each message names its address and the mend.

use std::io;

use crate::address::Address;

/// Why nothing could be received.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive's fault, or that of the way to it.
    #[error("{address}: {reason}")]
    Archive {
        /// Which archive, without its query.
        address: String,
        /// What is wrong, and the mend.
        reason: String,
    },
    /// What was received could not be kept.
    #[error("what the archive sends cannot be kept ({0}); free some space beside --out")]
    Spool(#[from] io::Error),
}

impl Error {
    pub(crate) fn archive(address: &Address, reason: impl Into<String>) -> Self {
        Self::Archive { address: address.to_string(), reason: reason.into() }
    }
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;
