//! The study's database: one file, SQLite with a write-ahead log, synced at every commit.
//!
//! Whatever is done goes through [`Store::together`], which makes many jobs durable by one sync: an answer that was
//! acknowledged is on the disk, and two hundred readers cost hardly more syncs than one.

mod answers;
mod people;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use serde_json::json;

pub use answers::{Accepted, Reading};
pub use people::Invitation;
pub use read::Progress;

use crate::cases::Case;
use crate::error::{Error, Result};
use crate::log::{self, Act};
use crate::step::Lengths;
use crate::study::About;

/// The form of the database that this version writes and reads. Those before were never released.
const VERSION: i32 = 3;

/// An open database.
pub struct Store {
    db: Connection,
    about: About,
    cases: Vec<Case>,
    lengths: Lengths,
    /// Whether a transaction of [`Store::together`] is under way.
    shared: bool,
}

/// Something to do in a transaction that is shared with others; what it returns is called when it is known whether the
/// transaction is on the disk.
pub type Job = Box<dyn FnOnce(&Store) -> Told + Send>;

/// Tells whoever waits: `None` when it is durable, else why not.
pub type Told = Box<dyn FnOnce(Option<&Error>) + Send>;

impl Store {
    /// Makes a database with its cases and the first line of the log.
    pub(crate) fn create(path: &Path, about: &About, cases: &[Case], at: i64) -> Result<()> {
        let mut db = Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "wal")?;
        let writing = db.transaction()?;
        writing.execute_batch(include_str!("schema.sql"))?;
        writing.execute("INSERT INTO state VALUES (0, 0, ?1)", [&about.deadline])?;
        for case in cases {
            let pair = case.pair.map(|p| p as i64);
            writing.execute(
                "INSERT INTO cases VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    case.number as i64,
                    case.used.name(),
                    case.truth.name(),
                    case.grade,
                    pair,
                    case.subject,
                    case.source
                ],
            )?;
        }
        let body = json!({ "study": about, "cases": read::cases_hash(&writing)? });
        log::append(&writing, at, "console", (Act::Made, &body))?;
        writing.pragma_update(None, "user_version", VERSION)?;
        writing.commit()?;
        Ok(())
    }

    /// Opens a study's database to write; one process at a time should.
    pub fn open(path: &Path, about: &About) -> Result<Self> {
        Self::with(path, about, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens it to read, beside a writer.
    pub fn open_to_read(path: &Path, about: &About) -> Result<Self> {
        Self::with(path, about, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn with(path: &Path, about: &About, flags: OpenFlags) -> Result<Self> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)
            .map_err(|e| Error::file(path, format!("cannot be opened ({e}); put back a backup")))?;
        db.busy_timeout(Duration::from_secs(10))?;
        db.pragma_update(None, "synchronous", "full")?;
        db.set_prepared_statement_cache_capacity(64);
        let version: i32 = db
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|e| Error::file(path, format!("is not a study's database ({e}); put back a backup")))?;
        if version > VERSION {
            return Err(Error::file(path, "was made by a newer doppelray; open it with that version"));
        }
        if version < VERSION {
            return Err(Error::file(
                path,
                "was made before the first release of doppelray; make the study anew",
            ));
        }
        let cases = read::cases(&db)?;
        let lengths = read::lengths(&cases, about);
        Ok(Self { db, about: about.clone(), cases, lengths, shared: false })
    }

    /// Does all jobs in one transaction and syncs once. A job that fails is undone alone; where the transaction itself
    /// fails, every job is told so and nothing is kept.
    pub fn together(&mut self, jobs: Vec<Job>) {
        let mut told = Vec::with_capacity(jobs.len());
        let mut broken = self.db.execute_batch("BEGIN IMMEDIATE").err().map(Error::from);
        self.shared = true;
        for job in jobs {
            told.push(job(self));
            // A full disk makes SQLite roll back on its own.
            if broken.is_none() && self.db.is_autocommit() {
                broken = Some(Error::Full);
            }
        }
        if broken.is_none() {
            broken = self.db.execute_batch("COMMIT").err().map(Error::from);
        }
        if broken.is_some() && !self.db.is_autocommit() {
            // Already failing: the transaction is dropped with the connection where even this fails.
            let _rolled = self.db.execute_batch("ROLLBACK");
        }
        self.shared = false;
        told.into_iter().for_each(|tell| tell(broken.as_ref()));
    }

    /// One act, undone whole where it fails; part of [`Self::together`] or a transaction of its own.
    pub fn attempt<T>(&self, act: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        if self.shared && self.db.is_autocommit() {
            // The shared transaction is gone; on its own nothing may be kept of what will be told to have failed.
            return Err(Error::Full);
        }
        let [begin, keep, undo] = match self.shared {
            true => ["SAVEPOINT act", "RELEASE act", "ROLLBACK TO act; RELEASE act"],
            false => ["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"],
        };
        self.db.execute_batch(begin)?;
        let done = act(self).and_then(|done| Ok(self.db.execute_batch(keep).map(|()| done)?));
        if done.is_err() && !self.db.is_autocommit() {
            self.db.execute_batch(undo)?;
        }
        done
    }

    /// What the study is.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Examples and showings of each part.
    pub fn lengths(&self) -> &Lengths {
        &self.lengths
    }

    /// Copies the whole database, consistent, while it is in use.
    pub fn backup(&self, to: &Path) -> Result<()> {
        if to.exists() {
            return Err(Error::file(to, "is there already; choose another name"));
        }
        let beside = doppelray_images::files::beside(to, "part");
        let mut copy = Connection::open(&beside)?;
        rusqlite::backup::Backup::new(&self.db, &mut copy)?.run_to_completion(256, Duration::ZERO, None)?;
        drop(copy);
        let synced = std::fs::File::open(&beside).and_then(|file| file.sync_all());
        synced
            .and_then(|()| std::fs::rename(&beside, to))
            .and_then(|()| doppelray_images::files::sync_folder(to))
            .map_err(|e| Error::file(to, format!("cannot be written ({e})")))
    }

    fn note(&self, at: i64, actor: &str, line: (Act, &serde_json::Value)) -> Result<(i64, String)> {
        log::append(&self.db, at, actor, line)
    }
}
