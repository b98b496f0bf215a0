//! What a collection's page shows.

use std::collections::BTreeMap;

use doppelray_images::Collection;
use doppelray_images::collection::{About, called};
use doppelray_images::import::{Account, Lookalike, Outcome, Report};
use doppelray_measures::rng::{Purpose, stream};
use serde::Serialize;

/// Films of each grade.
const FILMS: usize = 18;

/// A collection as a page shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    /// One sentence.
    pub(crate) headline: String,
    pub(crate) about: About,
    /// SHA-256 of the manifest.
    pub(crate) hash: String,
    pub(crate) subjects: usize,
    /// Images by split and grade.
    pub(crate) counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// How many images bear each flag.
    pub(crate) flags: BTreeMap<String, usize>,
    /// Some files of each grade, chosen at random.
    pub(crate) films: BTreeMap<String, Vec<String>>,
    /// Sheets that the import left: file and caption.
    pub(crate) sheets: Vec<(String, String)>,
    pub(crate) refused: Vec<Account>,
    pub(crate) duplicates: Vec<Account>,
    pub(crate) lookalikes: Vec<Lookalike>,
    pub(crate) notes: Vec<String>,
}

/// The sheets that an import can leave, with their captions.
const SHEETS: [(&str, &str); 2] = [
    (
        "look.png",
        "Each film before, and below it after. First some chosen at random, then some that were mended: inverted, their \
         borders cut off, text painted over.",
    ),
    (
        "lookalikes.png",
        "Pairs of images of different subjects that look like one film, one above the other. Are they one person?",
    ),
];

/// Gathers what there is to show.
pub(crate) fn picture(collection: &Collection, import: Option<Report>) -> Shown {
    let rows = collection.rows();
    let subjects: std::collections::BTreeSet<_> = rows.iter().filter_map(|r| r.subject.as_deref()).collect();
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut flags: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.split.clone()).or_default().entry(called(row.grade)).or_default() += 1;
        row.flags.split_whitespace().for_each(|flag| *flags.entry(flag.to_owned()).or_default() += 1);
    }
    let sheets = SHEETS.iter().filter(|(file, _)| collection.root().join(file).is_file());
    let import = import.map(|report| (report.files, report.lookalikes, report.notes));
    let (files, lookalikes, notes) = import.unwrap_or_default();
    let of = |outcome| files.iter().filter(|f| f.outcome == outcome).cloned().collect::<Vec<_>>();
    Shown {
        headline: headline(rows.len(), subjects.len(), &counts),
        about: collection.about().clone(),
        hash: collection.hash(),
        subjects: subjects.len(),
        films: films(rows.iter().map(|row| (row.grade, row.file.as_str()))),
        counts,
        flags,
        sheets: sheets.map(|(file, caption)| ((*file).to_owned(), (*caption).to_owned())).collect(),
        refused: of(Outcome::Refused),
        duplicates: of(Outcome::Duplicate),
        lookalikes,
        notes,
    }
}

fn headline(images: usize, subjects: usize, counts: &BTreeMap<String, BTreeMap<String, usize>>) -> String {
    let splits: Vec<String> =
        counts.iter().map(|(split, grades)| format!("{} {split}", grades.values().sum::<usize>())).collect();
    let of = if subjects > 0 { format!(" of {subjects} subjects") } else { String::new() };
    format!("{images} images{of}: {}", splits.join(", "))
}

/// Some files of each grade, chosen at random.
pub(crate) fn films<'a>(files: impl Iterator<Item = (Option<u8>, &'a str)>) -> BTreeMap<String, Vec<String>> {
    let mut films: BTreeMap<String, Vec<String>> = BTreeMap::new();
    files.for_each(|(grade, file)| films.entry(called(grade)).or_default().push(file.to_owned()));
    for (number, files) in films.values_mut().enumerate() {
        let mut random = stream(0, Purpose::Gallery, number as u64);
        let mut chosen = Vec::new();
        while chosen.len() < FILMS && !files.is_empty() {
            chosen.push(files.swap_remove(random.below(files.len())));
        }
        *files = chosen;
    }
    films
}
