//! All that can be known before a pixel is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::identity::{Names, Subjects};
use super::labels::Labels;
use super::name::{grade, safe};
use super::report::{Account, Pixels};
use super::split::Homes;
use super::{Known, Plan, Split, find};
use crate::Depth;
use crate::collection::{Collection, Kind, Row, hex};
use crate::dicom::Spacing;
use crate::error::{Error, Result};
use crate::source::{Header, Origin};
use crate::text::Text;

/// A file that can be imported, as far as its header, its name and its labels tell.
pub(super) struct Candidate {
    pub(super) origin: Origin,
    pub(super) seen: Seen,
    /// Without the file, the hash and the flags.
    pub(super) row: Row,
    /// Whom it is taken for: what splits are drawn by, and what look-alikes are joined by.
    pub(super) person: String,
    /// Sex and site, where a table has them; they decide on strata and go no further: splits are drawn, and they are dropped.
    pub(super) traits: [String; 2],
}

/// What of a header matters once its row is made.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) depth: Depth,
    pub(super) colour: bool,
    pub(super) alpha: bool,
    pub(super) spacing: Option<Spacing>,
    pub(super) pixels: Option<Pixels>,
}

impl Seen {
    fn of(header: &Header) -> Self {
        let Header { width, height, depth, colour, alpha, ref dicom } = *header;
        let spacing = dicom.as_ref().and_then(|dicom| dicom.spacing);
        Self { width, height, depth, colour, alpha, spacing, pixels: Pixels::of(header) }
    }
}

impl Candidate {
    /// The size and spacing of a picture whose pixels are oblong, once they are made square.
    pub(super) fn squared(&self) -> Option<([u32; 2], Spacing)> {
        self.seen.spacing?.squared(self.seen.width, self.seen.height)
    }
}

/// The files of all sources.
#[derive(Default)]
pub(super) struct Survey {
    /// Sorted by source and path.
    pub(super) candidates: Vec<Candidate>,
    pub(super) accounts: Vec<Account>,
    pub(super) ignored: usize,
    pub(super) notes: Vec<String>,
    pub(super) homes: Homes,
}

/// Headers that are in memory at a time.
const AT_ONCE: usize = 1024;

/// Finds every file, and what labels and names say of it; checks that no subject straddles two splits.
pub(super) fn survey(plan: &Plan) -> Result<Survey> {
    let labels = plan.labels.as_deref().map(|path| Labels::read(path, &plan.columns)).transpose()?;
    let mut survey = Survey::default();
    let mut unnamed = 0;
    for source in &plan.sources {
        let found = find::of(source)?;
        survey.ignored += found.ignored;
        survey.accounts.extend(found.refused);
        survey.notes.extend(found.notes);
        let mut images = found.images.into_iter();
        while images.len() > 0 {
            // Some at a time, as a header says more than is kept of it.
            let some: Vec<Origin> = images.by_ref().take(AT_ONCE).collect();
            let headers: Vec<_> = some.par_iter().map(Origin::probe).collect();
            for (origin, header) in some.into_iter().zip(headers) {
                let known = header.map_err(|error| error.reason()).and_then(|header| {
                    let inside = origin.path().strip_prefix(&found.root).unwrap_or(origin.path());
                    Ok((describe(plan, labels.as_ref(), inside, &header)?, header))
                });
                match known {
                    Ok((described, header)) => {
                        unnamed += usize::from(!described.named);
                        survey.frames(described, origin, &header);
                    }
                    Err(why) => survey.accounts.push(Account::refused(origin.path(), why)),
                }
            }
        }
    }
    if survey.candidates.is_empty() {
        return Err(Error::content(plan.sources[0].path(), nothing(&survey.accounts)));
    }
    survey.note(plan, unnamed, labels.as_ref());
    let earlier = plan.earlier.as_deref().map_or_else(|| Ok(BTreeMap::new()), |path| homes_of(plan, path))?;
    let homes = plan.split.assign(&mut survey.candidates, earlier);
    survey.homes = homes.map_err(|why| Error::content(plan.sources[0].path(), why))?;
    survey.candidates.iter_mut().for_each(|candidate| candidate.traits = Default::default());
    Ok(survey)
}

/// The splits of an earlier collection's subjects.
fn homes_of(plan: &Plan, path: &Path) -> Result<BTreeMap<String, String>> {
    if plan.subjects == Subjects::Drawn {
        let why = "its pseudonyms cannot be told again; import both with --key FILE, or with --subjects keep";
        return Err(Error::content(path, why));
    }
    let earlier = Collection::open(path)?;
    let home = |row: &Row| row.subject.clone().map(|subject| (subject, row.split.clone()));
    Ok(earlier.rows().iter().filter_map(home).collect())
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
        let deep = self.candidates.iter().any(|c| c.seen.depth == Depth::Sixteen);
        if deep { Depth::Sixteen } else { Depth::Eight }
    }

    /// A hash of which files there are, how each ends, and what is known of it.
    pub(super) fn digest(&self) -> String {
        let ends: Vec<(u64, [u8; 32])> = self.candidates.par_iter().map(|c| end(&c.origin)).collect();
        let mut digest = Sha256::new();
        for (candidate, (length, end)) in self.candidates.iter().zip(ends) {
            digest.update(format!("{:?} {length} {:?}\n", candidate.origin.to_string(), candidate.row));
            digest.update(end);
        }
        hex(&digest.finalize())
    }

    /// Gives every image its names in the collection.
    pub(super) fn name(&mut self, subjects: &Subjects, names: &Names) {
        for Candidate { row, person, .. } in &mut self.candidates {
            let subject = names.subject(subjects, person);
            if *subjects != Subjects::AsGiven {
                row.id = subject.clone() + &row.side.map_or_else(String::new, |side| side.to_string());
            }
            row.subject = Some(subject);
        }
        tell_apart(&mut self.candidates);
    }

    /// A candidate for every picture of a file.
    fn frames(&mut self, described: Described, origin: Origin, header: &Header) {
        let Described { row, traits, .. } = described;
        let person = row.subject.clone().unwrap_or_default();
        for frame in 0..header.dicom.as_ref().map_or(1, |dicom| dicom.frames) {
            self.candidates.push(Candidate {
                origin: origin.with_frame(frame),
                seen: Seen::of(header),
                row: row.clone(),
                person: person.clone(),
                traits: traits.clone(),
            });
        }
    }

    fn note(&mut self, plan: &Plan, unnamed: usize, labels: Option<&Labels>) {
        let all = self.candidates.len();
        let said = match plan.subjects {
            Subjects::AsGiven if plan.about.kind == Kind::Real && plan.text == Text::Keep => Some(
                "subjects and files are called as the source calls them, and text in the pixels stays; if those are a \
                 hospital's, import with --key FILE, which masks text too",
            ),
            Subjects::AsGiven if plan.about.kind == Kind::Real => Some(
                "subjects and files are called as the source calls them; if those are a hospital's numbers, import with \
                 --key FILE",
            ),
            Subjects::Drawn => Some(
                "pseudonyms are by a key that was drawn and not kept: no later import can tell who is who in this one",
            ),
            _ => None,
        };
        self.notes.extend(said.map(str::to_owned));
        if unnamed > 0 {
            self.notes.push(format!(
                "{unnamed} of {all} names tell no subject: each counts as a person of its own; if two can show one \
                 person, say --pattern '(?<subject>...)' or give a subject column with --labels"
            ));
        }
        let unused = labels.map(Labels::unused).unwrap_or_default();
        if let Some(first) = unused.first() {
            self.notes.push(format!(
                "{} labels speak of files that are not there, the first: `{first}`",
                unused.len()
            ));
        }
        if let Some(guessed) = labels.and_then(|labels| labels.guessed) {
            self.notes.push(format!("the label file has no mark of its encoding; it was read as {guessed}"));
        }
        let ungraded = self.candidates.iter().filter(|c| c.row.grade.is_none()).count();
        if ungraded > 0 {
            self.notes.push(format!(
                "{ungraded} of {all} images have no grade: sort them into folders named 0..4, or give --labels with the \
                 columns grade and file, study, accession or subject"
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

/// What names and labels say of a file.
struct Described {
    row: Row,
    traits: [String; 2],
    /// Whether anything tells its subject.
    named: bool,
}

/// The row of a file, `inside` its source. Its subject is whom the import takes it for: by the table, else by the header,
/// else by the name.
fn describe(
    plan: &Plan,
    labels: Option<&Labels>,
    inside: &Path,
    header: &Header,
) -> Result<Described, String> {
    let name = inside.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folders: Vec<_> = inside.parent().into_iter().flatten().rev().map(|f| f.to_string_lossy()).collect();
    let folders: Vec<&str> = folders.iter().map(AsRef::as_ref).collect();
    let person = header.dicom.as_ref().map(|dicom| dicom.person.clone());
    let known = match labels {
        Some(labels) => labelled(plan, labels.of(inside, person.as_ref())?, &folders),
        None => match (foldered(&folders), &person) {
            (Ok(known), _) => known,
            // A DICOM file says whose it is, and waits for its grade.
            (Err(_), Some(_)) => Known::default(),
            (Err(_), None) if plan.ungraded => Known::default(),
            (Err(why), None) => return Err(why),
        },
    };
    let person = person.unwrap_or_default();
    let (subject, side) = match (known.subject.or(person.subject), plan.pattern.read(&name)) {
        (Some(subject), named) => (Some(subject), named.ok().flatten().and_then(|(_, side)| side)),
        (None, named) => named?.map_or((None, None), |(subject, side)| (Some(subject), side)),
    };
    let named = subject.is_some();
    let row = Row {
        file: String::new(),
        id: safe(&name),
        subject: Some(plan.subjects.person(&subject.unwrap_or(name))),
        side: known.side.or(person.side).or(side),
        grade: known.grade,
        split: known.split.unwrap_or_default(),
        seed: None,
        sha256: String::new(),
        flags: String::new(),
    };
    let [sex, site] = known.traits;
    let or = |told: String, header: Option<String>| {
        if told.is_empty() { header.unwrap_or_default().to_lowercase() } else { told }
    };
    Ok(Described { row, traits: [or(sex, person.sex), or(site, person.site)], named })
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
    let split = folders.get(1).map(|f| (*f).to_owned());
    Ok(Known { grade: Some(grade), split, ..Known::default() })
}

/// Files of one name get a number, in order.
pub(super) fn tell_apart(candidates: &mut [Candidate]) {
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

/// A file's length and a hash of its last 4 KiB: where its pixels lie, which nobody outside can guess.
fn end(origin: &Origin) -> (u64, [u8; 32]) {
    const END: u64 = 4096;
    let read = || {
        let mut file = origin.open().ok()?;
        file.bytes.seek(SeekFrom::Start(file.length.saturating_sub(END))).ok()?;
        let mut bytes = Vec::new();
        file.bytes.take(END).read_to_end(&mut bytes).ok()?;
        Some((file.length, Sha256::digest(bytes).into()))
    };
    // What cannot be read is refused when it is converted.
    read().unwrap_or_default()
}
