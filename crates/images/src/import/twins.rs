//! The same picture twice: the same pixels once are enough, and nobody who is shown twice may stand on both sides of a split.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use super::identity::Names;
use super::report::{Account, Lookalike, Outcome, Pixels};
use super::split::Homes;
use super::{Plan, Split, sheet};
use crate::collection::{Row, Writer, check_subjects};
use crate::error::{Error, Result};
use crate::look::mirror;
use crate::lookalike::{ALIKE, Fine, Near, Print, likeness, search};
use crate::progress::{Event, Listener};

/// What becomes of images of different subjects that look like one film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lookalikes {
    /// Their subjects are taken for one person.
    #[default]
    Join,
    /// All but the first are refused.
    Refuse,
    /// They stay as they are; nobody looks.
    Keep,
}

/// An image in the collection that is being made.
pub(super) struct Taken {
    /// The source file.
    pub(super) file: String,
    pub(super) row: Row,
    pub(super) person: String,
    pub(super) print: Option<Print>,
    pub(super) pixels: Option<Pixels>,
}

/// What is left when everyone is told apart.
pub(super) struct Settled {
    pub(super) rows: Vec<Row>,
    pub(super) lookalikes: Vec<Lookalike>,
    pub(super) notes: Vec<String>,
}

/// What decides on rows.
pub(super) struct Rules<'a> {
    pub(super) plan: &'a Plan,
    pub(super) writer: &'a Writer,
    pub(super) names: &'a Names,
    pub(super) homes: &'a Homes,
}

/// Keeps one row of each picture, and settles look-alikes as the plan says. Subjects who share a picture are taken for one
/// person: the rows of all get the first one's name, the flag `joined`, and one split.
pub(super) fn settle(
    rules: &Rules,
    taken: Vec<Taken>,
    accounts: &mut Vec<Account>,
    listener: Listener,
) -> Result<Settled> {
    let mut people = People::default();
    let (mut kept, twins) = once(rules.writer, taken, &mut people)?;
    let prints: Vec<Option<Print>> = kept.iter_mut().map(|taken| taken.print.take()).collect();
    let alike = match rules.plan.lookalikes {
        Lookalikes::Keep => Vec::new(),
        _ => lookalikes(rules.writer, &kept, prints, listener)?,
    };
    sheet::lookalikes(rules.writer, &alike.iter().map(|(near, _)| pair(&kept, near)).collect::<Vec<_>>())?;
    let (kept, refused) = match rules.plan.lookalikes {
        Lookalikes::Refuse => refuse(rules.writer, kept, &alike, accounts)?,
        _ => {
            alike.iter().for_each(|(near, _)| people.join(&kept[near.a].person, &kept[near.b].person));
            (kept.into_iter().map(Some).collect(), Vec::new())
        }
    };
    let joined = people.groups();
    let mut notes = Vec::new();
    let mut places: Vec<Option<Row>> = Vec::with_capacity(kept.len());
    for taken in kept {
        let pixels = taken.as_ref().and_then(|taken| taken.pixels);
        let settled = taken.map(|taken| home(rules, taken, &people, &joined)).transpose()?;
        places.push(settled.map(|(file, row)| {
            accounts.push(Account { file, outcome: Outcome::Read, detail: row.file.clone(), pixels });
            row
        }));
    }
    for group in joined.values() {
        if rules.homes.shared(&group.iter().map(String::as_str).collect::<Vec<_>>()).1 {
            notes.push(format!(
                "`{}` are taken for one person, and the earlier collection has them in different splits",
                group.join(", ")
            ));
        }
    }
    let place = |at: usize| places[at].as_ref().map_or("a file that was refused", |row| &row.file);
    accounts.extend(twins.into_iter().map(|twin| {
        let place = place(twin.same);
        twin.account(place)
    }));
    let lookalikes = report(rules.plan, &alike, &refused, &place);
    let rows: Vec<Row> = places.into_iter().flatten().collect();
    check_subjects(&rows)
        .map_err(|why| Error::content(rules.plan.sources[0].path(), why + hint(&people, &alike)))?;
    Ok(Settled { rows, lookalikes, notes })
}

fn hint(people: &People, alike: &[(Near, f64)]) -> &'static str {
    match (people.0.is_empty(), alike.is_empty()) {
        (true, _) => "",
        (_, true) => " (some share a picture and are taken for one person)",
        _ => {
            " (some share a picture or look alike and are taken for one person; --lookalikes refuse leaves such out)"
        }
    }
}

/// A file whose pixels another has.
struct Twin {
    file: String,
    /// The place of the other among those kept.
    same: usize,
    grades: [Option<u8>; 2],
    pixels: Option<Pixels>,
}

impl Twin {
    fn account(self, place: &str) -> Account {
        let detail = match self.grades {
            [Some(a), Some(b)] if a != b => format!("{place}, which has grade {a} instead of {b}"),
            _ => place.to_owned(),
        };
        Account { file: self.file, outcome: Outcome::Duplicate, detail, pixels: self.pixels }
    }
}

/// Keeps the first of the same pixels.
fn once(writer: &Writer, taken: Vec<Taken>, people: &mut People) -> Result<(Vec<Taken>, Vec<Twin>)> {
    let mut order: Vec<usize> = (0..taken.len()).collect();
    // Stable, so that of the same pixels the first stays first.
    order.sort_by_key(|at| &taken[*at].row.sha256);
    let mut first: Vec<usize> = (0..taken.len()).collect();
    for alike in order.chunk_by(|a, b| taken[*a].row.sha256 == taken[*b].row.sha256) {
        alike.iter().for_each(|at| first[*at] = alike[0]);
    }
    let mut places = vec![0; taken.len()];
    let (mut kept, mut twins): (Vec<Taken>, Vec<Twin>) = (Vec::with_capacity(taken.len()), Vec::new());
    for (at, one) in taken.into_iter().enumerate() {
        if first[at] == at {
            places[at] = kept.len();
            kept.push(one);
            continue;
        }
        let same = places[first[at]];
        people.join(&kept[same].person, &one.person);
        writer.discard(&one.row)?;
        let grades = [kept[same].row.grade, one.row.grade];
        twins.push(Twin { file: one.file, same, grades, pixels: one.pixels });
    }
    Ok((kept, twins))
}

fn pair<'a>(kept: &'a [Taken], near: &Near) -> [&'a Row; 2] {
    [&kept[near.a].row, &kept[near.b].row]
}

/// Images of different people that look like one film, with their likeness.
fn lookalikes(
    writer: &Writer,
    kept: &[Taken],
    prints: Vec<Option<Print>>,
    listener: Listener,
) -> Result<Vec<(Near, f64)>> {
    let near: Vec<Near> =
        search(&prints).into_iter().filter(|n| kept[n.a].person != kept[n.b].person).collect();
    drop(prints);
    listener(Event::Begin { task: "comparing look-alikes", total: near.len() as u64, unit: "pairs" });
    let compared = near.par_iter().map(|near| {
        listener(Event::Advance(1));
        let [a, b] = pair(kept, near).map(|row| writer.read(row));
        let (a, b) = (a?, b?);
        let b = if near.mirrored { mirror(&b) } else { b };
        Ok((*near, likeness(&Fine::of(&a), &Fine::of(&b))))
    });
    let compared: Vec<(Near, f64)> = compared.collect::<Result<_>>()?;
    listener(Event::End);
    Ok(compared.into_iter().filter(|(_, likeness)| *likeness >= ALIKE).collect())
}

type Left = (Vec<Option<Taken>>, Vec<usize>);

/// Leaves out the second of each pair, unless its first is left out already.
fn refuse(
    writer: &Writer,
    kept: Vec<Taken>,
    alike: &[(Near, f64)],
    accounts: &mut Vec<Account>,
) -> Result<Left> {
    let mut left: Vec<Option<Taken>> = kept.into_iter().map(Some).collect();
    let mut refused = Vec::new();
    for (near, likeness) in alike {
        let Some(place) = left[near.a].as_ref().map(|first| first.row.file.clone()) else { continue };
        if let Some(taken) = left[near.b].take() {
            let why = format!(
                "looks like {place}, which is of another subject (likeness {likeness:.2}); leave one out"
            );
            writer.discard(&taken.row)?;
            accounts.push(Account::refused(Path::new(&taken.file), why));
            refused.push(near.b);
        }
    }
    Ok((left, refused))
}

/// The row under the name and in the split of the person it belongs to.
fn home(
    rules: &Rules,
    Taken { file, mut row, person, .. }: Taken,
    people: &People,
    joined: &BTreeMap<String, Vec<String>>,
) -> Result<(String, Row)> {
    let head = people.head(&person);
    let Some(group) = joined.get(head) else { return Ok((file, row)) };
    if head != person {
        row.flags = format!("{} joined", row.flags).trim().to_owned();
        row.subject = Some(rules.names.subject(&rules.plan.subjects, head));
    }
    let split = rules.homes.shared(&group.iter().map(String::as_str).collect::<Vec<_>>()).0;
    if !matches!(rules.plan.split, Split::Drawn { .. }) || split == row.split {
        return Ok((file, row));
    }
    row.split = split.to_owned();
    let place = Writer::place(&row.split, row.grade, &row.id);
    Ok((file, rules.writer.relocate(row, place)?))
}

fn report<'a>(
    plan: &Plan,
    alike: &[(Near, f64)],
    refused: &[usize],
    place: &impl Fn(usize) -> &'a str,
) -> Vec<Lookalike> {
    let told = |(near, likeness): &(Near, f64)| Lookalike {
        a: place(near.a).to_owned(),
        b: place(near.b).to_owned(),
        likeness: *likeness,
        mirrored: near.mirrored,
        decision: match plan.lookalikes {
            Lookalikes::Refuse if refused.contains(&near.b) => "the second is refused",
            Lookalikes::Refuse => "one was refused already",
            _ => "their subjects are joined",
        }
        .to_owned(),
    };
    alike.iter().map(told).collect()
}

/// For each person who is taken for another, that other.
#[derive(Default)]
struct People(BTreeMap<String, String>);

impl People {
    fn join(&mut self, a: &str, b: &str) {
        let [a, b] = [a, b].map(|person| self.head(person).to_owned());
        if a != b {
            // The smaller name heads, so that the order of the files does not matter.
            let (head, other) = if a < b { (a, b) } else { (b, a) };
            self.0.insert(other, head);
        }
    }

    fn head<'a>(&'a self, mut person: &'a str) -> &'a str {
        while let Some(next) = self.0.get(person) {
            person = next;
        }
        person
    }

    /// All who are taken for one, by their head.
    fn groups(&self) -> BTreeMap<String, Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for other in self.0.keys() {
            let head = self.head(other).to_owned();
            groups.entry(head.clone()).or_insert_with(|| vec![head]).push(other.clone());
        }
        groups
    }
}
