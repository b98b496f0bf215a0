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
    let mut link = connect((node, options), vec![(FIND, vec!["1.2.840.10008.1.2"])])?;
    let query = |keys: &[(Tag, String)], level: &str, uid| {
        let asked = Elements::default().text(uid, "").text(LEVEL, level);
        // Names may bear any letter: ISO_IR 192 is UTF-8.
        let plain = keys.iter().all(|(_, value)| value.is_ascii());
        let asked = if plain { asked } else { asked.text((0x0008, 0x0005), "ISO_IR 192") };
        keys.iter().fold(asked, |asked, (tag, value)| asked.text(*tag, value))
    };
    let studies = ask(&mut link, 1, &query(&node.study, "STUDY", STUDY), STUDY)?;
    let mut found = BTreeSet::new();
    for (study, number) in studies.into_iter().zip(2_u32..) {
        if node.series.is_empty() {
            found.insert(Wanted { study, series: None });
            continue;
        }
        let asked = query(&node.series, "SERIES", SERIES).text(STUDY, &study);
        let series = ask(&mut link, (number % 0xFFFF) as u16, &asked, SERIES)?;
        found.extend(series.into_iter().map(|series| Wanted { study: study.clone(), series: Some(series) }));
    }
    link::release(link);
    Ok(found)
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
                    return Err(format!("lists more than {MOST_OBJECTS} studies; narrow the query"));
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
