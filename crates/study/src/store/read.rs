//! What is read of the database besides people and answers.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Store;
use crate::cases::{Case, Truth, Use, items};
use crate::day;
use crate::error::{Error, Result};
use crate::log::{self, Act, Line, hex};
use crate::step::Lengths;
use crate::study::About;

/// How far one reader is, for the coordinator: nothing of what was answered.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Who.
    pub reader: usize,
    /// Cases answered, over all parts.
    pub answered: usize,
    /// When the last answer came, in ms since 1970.
    pub last: i64,
    /// Median time a case, in ms.
    pub median_ms: u64,
}

/// What is gathered of one reader's answers.
#[derive(Default)]
struct Seen {
    showings: BTreeSet<(i64, i64)>,
    last: i64,
    times: Vec<u64>,
}

impl Store {
    /// All images and their truth. Never past this crate.
    pub(crate) fn all_cases(&self) -> &[Case] {
        &self.cases
    }

    /// All images and their truth, once the study is unblinded.
    pub fn unblinded_cases(&self) -> Result<&[Case]> {
        if self.unblinded()? { Ok(&self.cases) } else { Err(Error::Blinded) }
    }

    /// Whether no more answers are taken.
    pub fn frozen(&self) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT frozen FROM state")?.query_row([], |row| row.get(0))?)
    }

    /// The last day on which answers are taken, as YYYY-MM-DD; empty where there is none.
    pub fn deadline(&self) -> Result<String> {
        Ok(self.db.prepare_cached("SELECT deadline FROM state")?.query_row([], |row| row.get(0))?)
    }

    /// Whether that day is over, at `at`, everywhere on earth.
    pub fn late(&self, at: i64) -> Result<bool> {
        Ok(day::number(&self.deadline()?).is_some_and(|number| at >= day::over(number)))
    }

    /// Whether the truth may be looked at.
    pub fn unblinded(&self) -> Result<bool> {
        Ok(self.db.prepare_cached("SELECT unblinded FROM state")?.query_row([], |row| row.get(0))?)
    }

    /// The log, each line checked against its hash, and against the log all else that a report follows from: the study,
    /// its cases, the answers, and whether it was closed and unblinded.
    pub fn log(&self) -> Result<Vec<Line>> {
        let lines = log::read(&self.db)?;
        let made = lines.first().map_or(&Value::Null, |line| &line.body);
        let about = About::deserialize(&made["study"]).ok();
        if about.as_ref() != Some(&self.about) || made["cases"] != cases_hash(&self.db)? {
            return Err(Error::Refused(
                "study.toml or the cases are not those that the log began with; put back a backup",
            ));
        }
        let acted = |act: Act| lines.iter().any(|line| line.act == act.name());
        if (self.frozen()?, self.unblinded()?) != (acted(Act::Frozen), acted(Act::Unblinded)) {
            return Err(Error::Refused("the study was closed or unblinded past the log; put back a backup"));
        }
        match self.logged(&lines)? {
            true => Ok(lines),
            false => Err(Error::Refused("the answers are not those of the log; put back a backup")),
        }
    }

    /// Whether the answers are those of the log.
    fn logged(&self, lines: &[Line]) -> Result<bool> {
        let mut all = self.db.prepare("SELECT seq, body FROM answers ORDER BY seq")?;
        let answers: Vec<(i64, String)> =
            all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let logged = lines.iter().filter(|line| line.act == Act::Answered.name());
        Ok(logged.clone().count() == answers.len()
            && logged.zip(&answers).all(|(line, (seq, body))| {
                line.seq == *seq && serde_json::from_str::<Value>(body).is_ok_and(|b| b == line.body)
            }))
    }

    /// Number and hash of the log's last line.
    pub fn head(&self) -> Result<(i64, String)> {
        log::head(&self.db)
    }

    /// How far everybody is.
    pub fn progress(&self) -> Result<Vec<Progress>> {
        let mut all = self.db.prepare_cached(
            "SELECT person, part, n, at, json_extract(body, '$.ms') FROM answers WHERE example = 0 ORDER BY person, seq",
        )?;
        let mut rows = all.query([])?;
        let mut readers = BTreeMap::<usize, Seen>::new();
        while let Some(row) = rows.next()? {
            let seen = readers.entry(row.get::<_, i64>(0)? as usize).or_default();
            seen.showings.insert((row.get(1)?, row.get(2)?));
            seen.last = row.get(3)?;
            seen.times.push(row.get::<_, i64>(4)?.unsigned_abs());
        }
        let progress = |(reader, mut seen): (usize, Seen)| {
            seen.times.sort_unstable();
            let median_ms = seen.times[seen.times.len() / 2];
            Progress { reader, answered: seen.showings.len(), last: seen.last, median_ms }
        };
        Ok(readers.into_iter().map(progress).collect())
    }
}

pub(super) fn cases(db: &Connection) -> Result<Vec<Case>> {
    let mut all = db.prepare_cached(
        "SELECT number, used, truth, grade, pair, subject, source FROM cases ORDER BY number",
    )?;
    let mut rows = all.query([])?;
    let mut cases = Vec::new();
    while let Some(row) = rows.next()? {
        let (used, truth): (String, String) = (row.get(1)?, row.get(2)?);
        cases.push(Case {
            number: row.get::<_, i64>(0)? as usize,
            used: Use::named(&used).ok_or(Error::Refused("a case is used for something unknown"))?,
            truth: if truth == Truth::Real.name() { Truth::Real } else { Truth::Synthetic },
            grade: row.get(3)?,
            pair: row.get::<_, Option<i64>>(4)?.map(|p| p as usize),
            subject: row.get(5)?,
            source: row.get(6)?,
        });
    }
    Ok(cases)
}

pub(super) fn cases_hash(db: &Connection) -> Result<String> {
    let mut hash = Sha256::new();
    for case in cases(db)? {
        let Case { number, used, truth, grade, pair, subject, source } = case;
        let line = json!([number, used.name(), truth.name(), grade, pair, subject, source]);
        hash.update(format!("{line}\n").as_bytes());
    }
    Ok(hex(&hash.finalize()))
}

pub(super) fn lengths(cases: &[Case], about: &About) -> Lengths {
    let shown = items(cases, Use::Study).len();
    let part = |task: &crate::design::Task| {
        [items(cases, Use::Example(*task)).len(), shown + about.repeats.min(shown / 2)]
    };
    about.design.tasks().iter().map(part).collect()
}
