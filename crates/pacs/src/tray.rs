//! What was received so far.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use doppelray_images::import::{Account, Received};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::source::Origin;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::spool::Spool;

/// The most objects of one address.
pub(crate) const MOST_OBJECTS: usize = 1 << 20;

/// What was received so far; several threads may add to it.
pub(crate) struct Tray<'a> {
    pub(crate) address: &'a Address,
    /// The most bytes of an object.
    pub(crate) most: u64,
    spool: &'a Spool,
    listener: Listener<'a>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    objects: BTreeMap<PathBuf, Origin>,
    refused: Vec<Account>,
    notes: Vec<String>,
}

impl<'a> Tray<'a> {
    pub(crate) fn new(
        address: &'a Address,
        options: &Options,
        spool: &'a Spool,
        listener: Listener<'a>,
    ) -> Self {
        Self { address, most: options.most, spool, listener, taken: Mutex::default() }
    }

    /// Takes an object, a DICOM file by its bytes; one of the same name is the same object.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let held = self.spool.keep(bytes)?;
        let path = self.path(name);
        let mut taken = self.taken();
        if taken.objects.len() >= MOST_OBJECTS {
            return Err(self.error(format!("sends more than {MOST_OBJECTS} objects; narrow the query")));
        }
        taken.objects.insert(path.clone(), Origin::held(path, held));
        Ok(())
    }

    /// Accounts for an object that cannot be had.
    pub(crate) fn refuse(&self, name: &str, why: impl Into<String>) {
        let account = Account::refused(&self.path(name), why);
        self.taken().refused.push(account);
    }

    /// Keeps a line for a person.
    pub(crate) fn note(&self, line: String) {
        self.taken().notes.push(line);
    }

    /// How many objects there are.
    pub(crate) fn len(&self) -> usize {
        self.taken().objects.len()
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.listener)(event);
    }

    /// An error of this archive.
    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        Error::archive(self.address, reason)
    }

    /// All of it; an error where there is nothing.
    pub(crate) fn received(self) -> Result<Received> {
        let Taken { objects, mut refused, notes } =
            self.taken.into_inner().unwrap_or_else(PoisonError::into_inner);
        if objects.is_empty() {
            let first = refused.first().map(|account| format!(": {}", account.detail)).unwrap_or_default();
            let why = format!("sent no object that could be kept ({} refused{first})", refused.len());
            return Err(Error::archive(self.address, why + "; widen the query"));
        }
        refused.sort_by(|a, b| a.file.cmp(&b.file));
        let root = PathBuf::from(self.address.to_string());
        Ok(Received { root, objects: objects.into_values().collect(), refused, notes })
    }

    /// What an account calls an object: below the archive's address, by its UID.
    fn path(&self, name: &str) -> PathBuf {
        let safe: String =
            name.chars().take(64).filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
        PathBuf::from(format!("{}/{safe}.dcm", self.address))
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text is a UID (PS3.5 section 9.1), as far as it may stand in an address.
pub(crate) fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
