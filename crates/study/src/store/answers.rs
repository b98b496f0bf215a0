//! Answers: taken in order, once each, the last one revisable; closing and opening the study.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Store;
use crate::answer::{Answer, Submission};
use crate::cases::{Item, Truth, Use, items};
use crate::day;
use crate::error::{Error, Result};
use crate::log::Act;
use crate::order::{Key, Slot, order};
use crate::step::Step;

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accepted {
    /// What comes next.
    pub next: Step,
    /// It was there already; nothing was added.
    pub again: bool,
}

/// An answer that counts, with what it was about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Who.
    pub reader: usize,
    /// Which part, from 0.
    pub part: usize,
    /// Which showing of the part, from 0.
    pub n: usize,
    /// Which item.
    pub item: usize,
    /// Whether the reader had seen it before in this part.
    pub again: bool,
    /// In a paired design, whether the real image stood at the right.
    pub swapped: bool,
    /// How long the reader looked, in ms.
    pub ms: u64,
    /// How often the answer was revised.
    pub revised: usize,
    /// When it was kept, in ms since 1970.
    pub at: i64,
    /// What was said.
    pub answer: Answer,
}

impl Store {
    /// Takes an answer. Sent again with its key it changes nothing and is confirmed; out of turn it is refused.
    pub fn answer(&self, at: i64, number: usize, sent: &Submission) -> Result<Accepted> {
        sent.check()?;
        let person = self.person(number)?;
        if let Some(known) = self.known(number, &sent.key)? {
            return match known == *sent {
                true => Ok(Accepted { next: person.step, again: true }),
                false => Err(Error::Invalid("another answer was sent under this key")),
            };
        }
        self.taking(at)?;
        let task = self.about.design.tasks().get(sent.part).copied();
        if task != Some(sent.answer.task()) {
            return Err(Error::Invalid("the answer is not one to this question"));
        }
        let here = match sent.example {
            true => Step::Example { part: sent.part, n: sent.n },
            false => Step::Case { part: sent.part, n: sent.n },
        };
        let expected = if sent.revises { person.step.previous() } else { Some(person.step) };
        if expected != Some(here) {
            return Err(Error::Refused("this question was answered already, or is not the next one"));
        }
        let body = serde_json::to_value(sent).expect("a plain value");
        let (seq, _) = self.note(at, &person.actor(), (Act::Answered, &body))?;
        self.db
            .prepare_cached(
                "INSERT INTO answers (seq, person, key, part, example, n, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                seq,
                number as i64,
                sent.key,
                sent.part as i64,
                sent.example,
                sent.n as i64,
                at,
                body.to_string()
            ])?;
        let next = if sent.revises { person.step } else { person.step.next(&self.lengths) };
        if next != person.step {
            self.set_step(number, next)?;
        }
        Ok(Accepted { next, again: false })
    }

    fn known(&self, number: usize, key: &str) -> Result<Option<Submission>> {
        let mut find = self.db.prepare_cached("SELECT body FROM answers WHERE person = ?1 AND key = ?2")?;
        let body: Option<String> =
            find.query_row(params![number as i64, key], |row| row.get(0)).optional()?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Refuses once the study is frozen or its last day over.
    pub(super) fn taking(&self, at: i64) -> Result<()> {
        match () {
            () if self.frozen()? => Err(Error::Frozen),
            () if self.late(at)? => Err(Error::Late(self.deadline()?)),
            () => Ok(()),
        }
    }

    /// Sets the last day, as YYYY-MM-DD; an empty text for none. Earlier answers stay, whatever it is.
    pub fn set_deadline(&self, at: i64, by: &str, date: &str) -> Result<()> {
        if !date.is_empty() && day::number(date).is_none() {
            return Err(Error::Invalid("the last day is not one like 2030-06-30"));
        }
        if self.frozen()? {
            return Err(Error::Frozen);
        }
        self.db.execute("UPDATE state SET deadline = ?1", [date])?;
        self.note(at, by, (Act::Deadline, &json!({ "date": date })))?;
        Ok(())
    }

    /// Closes the study: no more answers, for good.
    pub fn freeze(&self, at: i64, by: &str) -> Result<()> {
        if self.frozen()? {
            return Ok(());
        }
        self.db.execute("UPDATE state SET frozen = 1", [])?;
        self.note(at, by, (Act::Frozen, &json!({})))?;
        Ok(())
    }

    /// Lets the truth be looked at; only once it is closed.
    pub fn unblind(&self, at: i64, by: &str) -> Result<()> {
        if !self.frozen()? {
            return Err(Error::Refused(
                "close the study first: what is known of the truth must not change answers",
            ));
        }
        if self.unblinded()? {
            return Ok(());
        }
        self.db.execute("UPDATE state SET unblinded = 1", [])?;
        self.note(at, by, (Act::Unblinded, &json!({})))?;
        Ok(())
    }

    /// The order of one part for one reader: its items and their showings.
    pub fn showings(&self, reader: usize, (part, example): (usize, bool)) -> Result<(Vec<Item>, Vec<Slot>)> {
        let Some(task) = self.about.design.tasks().get(part).copied() else {
            return Err(Error::Invalid("there is no such part"));
        };
        let used = if example { Use::Example(task) } else { Use::Study };
        let items = items(&self.cases, used);
        let key = Key { seed: self.about.seed, part: part + if example { 100 } else { 0 }, reader };
        let repeats = if example { 0 } else { self.about.repeats };
        let slots = order(key, items.len(), repeats);
        Ok((items, slots))
    }

    /// The images of one showing, as numbers, from the left.
    pub fn shown(&self, reader: usize, step: Step) -> Result<Vec<usize>> {
        let (stretch, n) = match step {
            Step::Example { part, n } => ((part, true), n),
            Step::Case { part, n } => ((part, false), n),
            _ => return Err(Error::Invalid("there is no image here")),
        };
        let (items, slots) = self.showings(reader, stretch)?;
        let slot = slots.get(n).ok_or(Error::Invalid("there is no such showing"))?;
        let mut images = items[slot.item].images.clone();
        if slot.swapped {
            images.reverse();
        }
        Ok(images)
    }

    /// What an example really was, told after it was answered: its truth and grade; of a pair the truth of the right one.
    pub fn example_truth(&self, reader: usize, part: usize, n: usize) -> Result<(Truth, u8)> {
        let person = self.person(reader)?;
        let ahead = match person.step {
            Step::Example { part: at, n: next } => (part, n) >= (at, next),
            Step::Case { part: at, .. } => part > at,
            Step::Consent => true,
            Step::Done => false,
        };
        if ahead {
            return Err(Error::Refused("answer the example first"));
        }
        let images = self.shown(reader, Step::Example { part, n })?;
        let case = images.last().and_then(|image| self.cases.iter().find(|c| c.number == *image));
        match case {
            Some(case) if case.used != Use::Study => Ok((case.truth, case.grade)),
            _ => Err(Error::Blinded),
        }
    }

    /// The answers that count, of study cases: of each showing the last. Needs no truth, so it can be had at any time.
    pub fn readings(&self) -> Result<Vec<Reading>> {
        let mut readings = Vec::new();
        for person in self.people()? {
            for part in 0..self.about.design.tasks().len() {
                let (_, slots) = self.showings(person.number, (part, false))?;
                readings.extend(self.readings_of(person.number, part, &slots)?);
            }
        }
        Ok(readings)
    }

    fn readings_of(&self, reader: usize, part: usize, slots: &[Slot]) -> Result<Vec<Reading>> {
        let mut all = self.db.prepare_cached(
            "SELECT n, at, body FROM answers WHERE person = ?1 AND part = ?2 AND example = 0 ORDER BY seq",
        )?;
        let mut rows = all.query(params![reader as i64, part as i64])?;
        let mut last: Vec<Option<Reading>> = vec![None; slots.len()];
        while let Some(row) = rows.next()? {
            let (n, at, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let sent: Submission =
                serde_json::from_str(&body).map_err(|_| Error::Refused("an answer is not JSON"))?;
            let n = n as usize;
            let slot = slots.get(n).ok_or(Error::Refused("an answer is to a showing that is not there"))?;
            let before = last[n].as_ref();
            let (ms, revised) = before.map_or((sent.ms, 0), |r| (r.ms + sent.ms, r.revised + 1));
            let Slot { item, again, swapped } = *slot;
            last[n] =
                Some(Reading { reader, part, n, item, again, swapped, ms, revised, at, answer: sent.answer });
        }
        Ok(last.into_iter().flatten().collect())
    }
}
