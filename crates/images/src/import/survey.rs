//! All that can be known before a pixel is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::labels::Labels;
use super::name::{grade, safe};
use super::report::Account;
use super::{Known, Plan, Split, find};
use crate::Depth;
use crate::collection::{Row, hex};
use crate::error::{Error, Result};
use crate::source::{self, Header};

/// A file that can be imported, as far as its header, its name and its labels tell.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    /// Without the file, the hash and the flags.
    pub(super) row: Row,
}

/// The files of all sources.
pub(super) struct Survey {
    /// Sorted by source and path.
    pub(super) candidates: Vec<Candidate>,
    pub(super) accounts: Vec<Account>,
    pub(super) ignored: usize,
    pub(super) notes: Vec<String>,
}

/// Finds every file, and what labels and names say of it; checks that no subject straddles two splits.
pub(super) fn survey(plan: &Plan) -> Result<Survey> {
    let labels = plan.labels.as_deref().map(|path| Labels::read(path, &plan.columns)).transpose()?;
    let mut survey = Survey { candidates: Vec::new(), accounts: Vec::new(), ignored: 0, notes: Vec::new() };
    let mut unnamed = 0;
    for source in &plan.sources {
        let found = find::below(source)?;
        survey.ignored += found.ignored;
        survey.accounts.extend(found.refused);
        let headers: Vec<_> = found.images.par_iter().map(|path| source::probe(path)).collect();
        for (path, header) in found.images.into_iter().zip(headers) {
            let known = describe(plan, labels.as_ref(), source, &path);
            match known.and_then(|known| header.map(|h| (known, h)).map_err(|e| e.reason())) {
                Ok(((row, named), header)) => {
                    unnamed += usize::from(!named);
                    survey.candidates.push(Candidate { path, header, row });
                }
                Err(why) => survey.accounts.push(Account::refused(&path, why)),
            }
        }
    }
    if survey.candidates.is_empty() {
        return Err(Error::content(&plan.sources[0], nothing(&survey.accounts)));
    }
    survey.note(plan, unnamed, labels.as_ref());
    tell_apart(&mut survey.candidates);
    plan.split.assign(&mut survey.candidates).map_err(|why| Error::content(&plan.sources[0], why))?;
    Ok(survey)
}

/// Why no file can be used.
pub(super) fn nothing(accounts: &[Account]) -> String {
    let first =
        accounts.first().map(|a| format!(", the first: {}: {}", a.file, a.detail)).unwrap_or_default();
    format!(
        "no image to import ({} files refused{first}); give a folder that holds GRADE/*.png or SPLIT/GRADE/*.png \
         with grades 0..4, or a table with --labels",
        accounts.len()
    )
}

impl Survey {
    /// The most bits that a source has.
    pub(super) fn depth(&self) -> Depth {
        let deep = self.candidates.iter().any(|c| c.header.depth == Depth::Sixteen);
        if deep { Depth::Sixteen } else { Depth::Eight }
    }

    /// A hash of which files there are and of what is known of each.
    pub(super) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for candidate in &self.candidates {
            let length = candidate.path.metadata().map_or(0, |m| m.len());
            digest.update(format!("{:?} {length} {:?}\n", candidate.path, candidate.row));
        }
        hex(&digest.finalize())
    }

    fn note(&mut self, plan: &Plan, unnamed: usize, labels: Option<&Labels>) {
        let all = self.candidates.len();
        if unnamed > 0 {
            self.notes.push(format!(
                "{unnamed} of {all} names tell no subject: each counts as a person of its own; if two can show one \
                 person, say --pattern '(?<subject>...)' or give a subject column with --labels"
            ));
        }
        let unused = labels.map(Labels::unused).unwrap_or_default();
        if let Some(first) = unused.first() {
            self.notes.push(format!(
                "{} labels speak of files that are not there, the first: {first}",
                unused.len()
            ));
        }
        let folders: BTreeSet<&str> = self.candidates.iter().map(|c| c.row.split.as_str()).collect();
        if matches!(plan.split, Split::Drawn { .. }) && folders.len() > 1 {
            let names: Vec<&str> = folders.into_iter().filter(|name| !name.is_empty()).collect();
            let from = if plan.labels.is_some() { "from-column" } else { "from-folders" };
            self.notes.push(format!(
                "splits are drawn anew; --split {from} would keep those of the source ({})",
                names.join(", ")
            ));
        }
    }
}

/// The row of a file, and whether anything tells its subject.
fn describe(plan: &Plan, labels: Option<&Labels>, source: &Path, path: &Path) -> Result<(Row, bool), String> {
    let inside = path.strip_prefix(source).unwrap_or(path);
    let name = inside.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folders: Vec<_> = inside.parent().into_iter().flatten().rev().map(|f| f.to_string_lossy()).collect();
    let folders: Vec<&str> = folders.iter().map(AsRef::as_ref).collect();
    let known = match labels {
        Some(labels) => labelled(plan, labels.of(inside)?, &folders),
        None => foldered(&folders)?,
    };
    let (subject, side) = match (&known.subject, plan.pattern.read(&name)) {
        (Some(subject), named) => (Some(subject.clone()), named.ok().flatten().and_then(|(_, side)| side)),
        (None, named) => named?.map_or((None, None), |(subject, side)| (Some(subject), side)),
    };
    let named = subject.is_some();
    let row = Row {
        file: String::new(),
        id: safe(&name),
        subject: Some(subject.unwrap_or(name)),
        side: known.side.or(side),
        grade: Some(known.grade),
        split: known.split.unwrap_or_default(),
        seed: None,
        sha256: String::new(),
        flags: String::new(),
    };
    Ok((row, named))
}

/// With a table, a split folder is the nearest that is not a grade's.
fn labelled(plan: &Plan, known: Known, folders: &[&str]) -> Known {
    match plan.split {
        Split::FromFolders => {
            let split = folders.iter().find(|folder| grade(folder).is_none()).map(|f| (*f).to_owned());
            Known { split, ..known }
        }
        _ => known,
    }
}

/// `GRADE` or `SPLIT/GRADE`, the innermost first.
fn foldered(folders: &[&str]) -> Result<Known, String> {
    let ways = "sort it into a folder named by its grade 0..4, or give --labels";
    let grade = match folders.first().map(|folder| (folder, grade(folder))) {
        Some((_, Some(grade))) => grade?,
        Some((folder, None)) => return Err(format!("its folder `{folder}` is no grade; {ways}")),
        None => return Err(format!("stands in no folder; {ways}")),
    };
    Ok(Known { grade, subject: None, side: None, split: folders.get(1).map(|f| (*f).to_owned()) })
}

/// Files of one name get a number, in order.
fn tell_apart(candidates: &mut [Candidate]) {
    let mut taken = BTreeSet::new();
    for candidate in candidates {
        let name = candidate.row.id.clone();
        let mut number = 2;
        // Lower case, as some file systems do not tell the cases apart.
        while !taken.insert(candidate.row.id.to_lowercase()) {
            candidate.row.id = format!("{name}-{number}");
            number += 1;
        }
    }
}
