//! C-FIND (PS3.4 section C.4.1): which studies, and where their series matter which series.

use std::collections::BTreeSet;

use super::elements::Elements;
use super::link::{self, CLASS, Data, FIELD, MESSAGE, MOST_SHORT, STATUS};
use super::{Link, connect};
use crate::address::{Node, Tag};
use crate::options::Options;
use crate::tray::{MOST_OBJECTS, is_uid};

const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
const LEVEL: Tag = (0x0008, 0x0052);
pub(super) const STUDY: Tag = (0x0020, 0x000D);
pub(super) const SERIES: Tag = (0x0020, 0x000E);
pub(super) const OBJECT: Tag = (0x0008, 0x0018);

/// What can be fetched in one go: a study, or a series of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) study: String,
    pub(super) series: Option<String>,
}

impl Wanted {
    /// What stands for it in a request to fetch it.
    pub(super) fn identifier(&self) -> Elements {
        let study = Elements::default().text(STUDY, &self.study);
        match &self.series {
            None => study.text(LEVEL, "STUDY"),
            Some(series) => study.text(LEVEL, "SERIES").text(SERIES, series),
        }
    }

    /// What it is called in an account.
    pub(super) fn name(&self) -> &str {
        self.series.as_ref().unwrap_or(&self.study)
    }
}

/// Everything that the query of an address matches, each once, in order.
pub(super) fn find(node: &Node, options: &Options) -> Result<BTreeSet<Wanted>, String> {
    let mut asker = Asker::connect((node, options))?;
    let studies = asker.ask(&query(&node.study, "STUDY", STUDY), STUDY)?;
    let mut found = BTreeSet::new();
    for study in studies {
        if node.series.is_empty() {
            found.insert(Wanted { study, series: None });
            continue;
        }
        let series = asker.ask(&query(&node.series, "SERIES", SERIES).text(STUDY, &study), SERIES)?;
        found.extend(series.into_iter().map(|series| Wanted { study: study.clone(), series: Some(series) }));
    }
    asker.release();
    Ok(found)
}

/// The objects of what was found, a line each, in order.
pub(super) fn objects(to: (&Node, &Options), found: &BTreeSet<Wanted>) -> Result<Vec<String>, String> {
    let mut asker = Asker::connect(to)?;
    let mut lines = BTreeSet::new();
    for Wanted { study, series } in found {
        let series = match series {
            Some(series) => BTreeSet::from([series.clone()]),
            None => asker.ask(&query(&[], "SERIES", SERIES).text(STUDY, study), SERIES)?,
        };
        for series in series {
            let within = query(&[], "IMAGE", OBJECT).text(STUDY, study).text(SERIES, &series);
            let objects = asker.ask(&within, OBJECT)?;
            lines.extend(objects.into_iter().map(|object| format!("{study} {series} {object}")));
        }
    }
    asker.release();
    Ok(lines.into_iter().collect())
}

/// A request for these UIDs, where the keys match.
fn query(keys: &[(Tag, String)], level: &str, uid: Tag) -> Elements {
    let asked = Elements::default().text(uid, "").text(LEVEL, level);
    // Names may bear any letter: ISO_IR 192 is UTF-8.
    let plain = keys.iter().all(|(_, value)| value.is_ascii());
    let asked = if plain { asked } else { asked.text((0x0008, 0x0005), "ISO_IR 192") };
    keys.iter().fold(asked, |asked, (tag, value)| asked.text(*tag, value))
}

/// An association for queries, whose messages are numbered.
struct Asker {
    link: Link,
    asked: u16,
}

impl Asker {
    fn connect(to: (&Node, &Options)) -> Result<Self, String> {
        Ok(Self { link: connect(to, vec![(FIND, vec!["1.2.840.10008.1.2"])])?, asked: 0 })
    }

    fn ask(&mut self, query: &Elements, uid: Tag) -> Result<BTreeSet<String>, String> {
        self.asked = self.asked.wrapping_add(1);
        ask(&mut self.link, self.asked, query, uid)
    }

    fn release(self) {
        link::release(self.link);
    }
}

/// The UIDs that match.
fn ask(link: &mut Link, number: u16, asked: &Elements, uid: Tag) -> Result<BTreeSet<String>, String> {
    let context = link::context(link, FIND).ok_or("does not answer queries (C-FIND); ask whoever runs it")?;
    let command = Elements::default().text(CLASS, FIND).short(FIELD, 0x0020).short(MESSAGE, number);
    let command = command.short((0x0000, 0x0700), 0);
    link::send(link, context, command, Some(asked.encode())).map_err(|error| link::said(&error, None))?;
    let mut found = BTreeSet::new();
    loop {
        let message = link::receive(link, MOST_SHORT)?.ok_or("hung up amid its answer; look at its log")?;
        match message.command.get_short(STATUS) {
            Some(0xFF00 | 0xFF01) => {
                let Data::Whole(data) = message.data else { continue };
                let answer =
                    Elements::decode(&data).ok_or("answers with what cannot be read; look at its log")?;
                found.extend(Some(answer.get_text(uid)).filter(|uid| is_uid(uid)));
                if found.len() > MOST_OBJECTS {
                    return Err(format!(
                        "lists more than {MOST_OBJECTS} studies or objects; narrow the query"
                    ));
                }
            }
            Some(0x0000) => return Ok(found),
            status => return Err(failed("the query", status)),
        }
    }
}

/// What a status that is no success says.
pub(super) fn failed(what: &str, status: Option<u16>) -> String {
    match status {
        Some(0xA700..=0xA702) => format!("has no resources for {what}; narrow the query, or try later"),
        Some(0xA801) => {
            "does not know where to send: register the AE title of --move-to there, with this machine's \
             address and port"
                .into()
        }
        Some(0x0122 | 0xA900 | 0xA800) => format!("does not understand {what}; correct the query"),
        Some(0x0124) => format!("does not allow {what}; ask whoever runs it"),
        Some(status) => format!("fails at {what} (status {status:04X}); look at its log"),
        None => format!("answers {what} without a status; look at its log"),
    }
}
