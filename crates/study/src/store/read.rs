//! What is read of the database besides people and answers.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::Store;
use crate::cases::{Case, Truth, Use, items};
use crate::day;
use crate::error::{Error, Result};
use crate::log::{self, Line, hex};
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
    pub last: Option<i64>,
    /// Median time a case, in ms.
    pub median_ms: Option<u64>,
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

    /// The log, each line checked against its hash, and the answers against the log.
    pub fn log(&self) -> Result<Vec<Line>> {
        let lines = log::read(&self.db)?;
        let mut all = self.db.prepare("SELECT seq, body FROM answers ORDER BY seq")?;
        let answers: Vec<(i64, String)> =
            all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
        let logged = lines.iter().filter(|line| line.act == log::Act::Answered.name());
        let same = logged.clone().count() == answers.len()
            && logged.zip(&answers).all(|(line, (seq, body))| {
                line.seq == *seq
                    && serde_json::from_str::<serde_json::Value>(body).is_ok_and(|b| b == line.body)
            });
        match same {
            true => Ok(lines),
            false => Err(Error::Refused("the answers are not those of the log; put back a backup")),
        }
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
        let mut by_reader = std::collections::BTreeMap::<
            usize,
            (std::collections::BTreeSet<(i64, i64)>, i64, Vec<u64>),
        >::new();
        while let Some(row) = rows.next()? {
            let (shown, last, times) = by_reader.entry(row.get::<_, i64>(0)? as usize).or_default();
            shown.insert((row.get(1)?, row.get(2)?));
            *last = row.get(3)?;
            times.push(row.get::<_, i64>(4)?.unsigned_abs());
        }
        let progress = |(reader, (shown, last, mut times)): (usize, (_, i64, Vec<u64>))| {
            let shown: std::collections::BTreeSet<(i64, i64)> = shown;
            times.sort_unstable();
            Progress {
                reader,
                answered: shown.len(),
                last: Some(last),
                median_ms: times.get(times.len() / 2).copied(),
            }
        };
        Ok(by_reader.into_iter().map(progress).collect())
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
    cases(db)?.iter().for_each(|case| hash.update(format!("{case:?}\n").as_bytes()));
    Ok(hex(&hash.finalize()))
}

pub(super) fn lengths(cases: &[Case], about: &About) -> Lengths {
    let shown = items(cases, Use::Study).len();
    let part = |task: &crate::design::Task| {
        [items(cases, Use::Example(*task)).len(), shown + about.repeats.min(shown / 2)]
    };
    about.design.tasks().iter().map(part).collect()
}
