//! The same picture twice: once is enough, and it must not stand on both sides of a split.

use std::collections::BTreeMap;

use super::report::{Account, Outcome};
use super::{Plan, Split};
use crate::collection::{Row, Writer, check_subjects};
use crate::error::{Error, Result};

/// Rows with the source file that each came from.
pub(super) type Sourced = (String, Row);

/// Keeps one row of each picture. Subjects who share a picture are taken for one person: the rows of both get the
/// first one's name, the flag `joined`, and one split.
pub(super) fn settle(
    plan: &Plan,
    writer: &Writer,
    rows: Vec<Sourced>,
    accounts: &mut Vec<Account>,
) -> Result<Vec<Row>> {
    let mut first: BTreeMap<String, Sourced> = BTreeMap::new();
    let mut people = People::default();
    let mut kept = Vec::new();
    for (file, row) in rows {
        let Some((twin, same)) = first.get(&row.sha256) else {
            first.insert(row.sha256.clone(), (file.clone(), row.clone()));
            kept.push((file, row));
            continue;
        };
        people.join(same.subject.as_deref(), row.subject.as_deref());
        let detail = match (same.grade, row.grade) {
            (Some(a), Some(b)) if a != b => format!("{twin}, which has grade {a} instead of {b}"),
            _ => twin.clone(),
        };
        writer.discard(&row)?;
        accounts.push(Account { file, outcome: Outcome::Duplicate, detail });
    }
    let mut settled = Vec::with_capacity(kept.len());
    for (file, row) in kept {
        let row = people.rename(row);
        let row = match &plan.split {
            Split::Drawn { .. } => redraw(&plan.split, writer, row)?,
            _ => row,
        };
        accounts.push(Account { file, outcome: Outcome::Read, detail: row.file.clone() });
        settled.push(row);
    }
    check_subjects(&settled).map_err(|why| {
        let joined =
            if people.0.is_empty() { "" } else { " (some share a picture and are taken for one person)" };
        Error::content(&plan.sources[0], why + joined)
    })?;
    Ok(settled)
}

fn redraw(split: &Split, writer: &Writer, mut row: Row) -> Result<Row> {
    let drawn = split.of(&row).unwrap_or_default();
    if drawn == row.split {
        return Ok(row);
    }
    row.split = drawn.to_owned();
    let place = Writer::place(&row.split, row.grade, &row.id);
    writer.relocate(row, place)
}

/// For each subject who is taken for another, that other.
#[derive(Default)]
struct People(BTreeMap<String, String>);

impl People {
    fn join(&mut self, a: Option<&str>, b: Option<&str>) {
        let (Some(a), Some(b)) = (a, b) else { return };
        let [a, b] = [a, b].map(|subject| self.head(subject).to_owned());
        if a != b {
            // The smaller name heads, so that the order of the files does not matter.
            let (head, other) = if a < b { (a, b) } else { (b, a) };
            self.0.insert(other, head);
        }
    }

    fn head<'a>(&'a self, mut subject: &'a str) -> &'a str {
        while let Some(next) = self.0.get(subject) {
            subject = next;
        }
        subject
    }

    fn rename(&self, mut row: Row) -> Row {
        let Some(subject) = row.subject.take() else { return row };
        let head = self.head(&subject).to_owned();
        if head != subject {
            row.flags = format!("{} joined", row.flags).trim().to_owned();
        }
        Row { subject: Some(head), ..row }
    }
}
