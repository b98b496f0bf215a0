//! The log: who did what and when, each line bound to the one before by its hash.
//!
//! hash(n) = SHA-256(hash(n-1) | JSON of [n, at, actor, act, body]); hash(0) is 32 zero bytes. Whoever changes, drops or
//! adds a line in the middle must change all that follow, and the last hash stands in the report and on the coordinator's page.

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// What is done, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The study was made.
    Made,
    /// A reader or coordinator got a link.
    Invited,
    /// A link was taken back.
    Revoked,
    /// Someone came in by a link.
    Entered,
    /// A reader agreed to take part.
    Consented,
    /// An answer.
    Answered,
    /// The last day was set anew.
    Deadline,
    /// No more answers.
    Frozen,
    /// Truth may be looked at.
    Unblinded,
}

impl Act {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Invited => "invited",
            Self::Revoked => "revoked",
            Self::Entered => "entered",
            Self::Consented => "consented",
            Self::Answered => "answered",
            Self::Deadline => "deadline",
            Self::Frozen => "frozen",
            Self::Unblinded => "unblinded",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// From 1, without gaps.
    pub seq: i64,
    /// Milliseconds since 1970, by the server's clock; order is `seq`'s, whatever the clock does.
    pub at: i64,
    /// `reader 3`, `coordinator 1`, or `console`.
    pub actor: String,
    /// What was done.
    pub act: String,
    /// About what.
    pub body: Value,
    /// Hex.
    pub hash: String,
}

/// Adds a line. Its number and hash.
pub(crate) fn append(
    db: &Connection,
    at: i64,
    actor: &str,
    (act, body): (Act, &Value),
) -> Result<(i64, String)> {
    let (last, previous) = head(db)?;
    let (seq, body) = (last + 1, body.to_string());
    let hash = link(&previous, (seq, at, actor, act.name(), &body));
    db.prepare_cached("INSERT INTO log (seq, at, actor, act, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![seq, at, actor, act.name(), body, hash])?;
    Ok((seq, hash))
}

/// The last line's number and hash.
pub(crate) fn head(db: &Connection) -> Result<(i64, String)> {
    let mut last = db.prepare_cached("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1")?;
    let row = last.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    match row {
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok((0, "0".repeat(64))),
        other => Ok(other?),
    }
}

fn link(previous: &str, (seq, at, actor, act, body): (i64, i64, &str, &str, &str)) -> String {
    let line = serde_json::json!([seq, at, actor, act, body]).to_string();
    let mut hash = Sha256::new();
    hash.update(previous.as_bytes());
    hash.update(line.as_bytes());
    hex(&hash.finalize())
}

/// All lines, each checked against its hash.
pub(crate) fn read(db: &Connection) -> Result<Vec<Line>> {
    let mut all = db.prepare("SELECT seq, at, actor, act, body, hash FROM log ORDER BY seq")?;
    let mut rows = all.query([])?;
    let (mut lines, mut previous) = (Vec::<Line>::new(), "0".repeat(64));
    while let Some(row) = rows.next()? {
        let (seq, at, actor, act): (i64, i64, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (text, hash): (String, String) = (row.get(4)?, row.get(5)?);
        if seq != lines.len() as i64 + 1 || link(&previous, (seq, at, &actor, &act, &text)) != hash {
            return Err(Error::Refused(
                "the log was changed after it was written: its hashes do not hold; put back a backup",
            ));
        }
        previous.clone_from(&hash);
        let body =
            serde_json::from_str(&text).map_err(|_| Error::Refused("a line of the log is not JSON"))?;
        lines.push(Line { seq, at, actor, act, body, hash });
    }
    Ok(lines)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
