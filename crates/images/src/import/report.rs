//! What an import did: `import.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::collection::{About, Row, called};
use crate::dicom::Codec;
use crate::source::Header;

/// What became of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is in the collection.
    Read,
    /// It cannot be used.
    Refused,
    /// Its pixels are those of another file, which is in the collection.
    Duplicate,
}

/// One source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its path as given.
    pub file: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The place in the collection, the reason, or the file that it repeats.
    pub detail: String,
    /// What a DICOM file was decoded from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<Pixels>,
}

/// How pixels stood in a DICOM file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pixels {
    /// How they were written.
    pub codec: Codec,
    /// Across.
    pub columns: u32,
    /// Down.
    pub rows: u32,
    /// Bits that a sample uses.
    pub bits: u32,
}

impl Pixels {
    /// Of a picture's header; `None` where it is not DICOM's.
    pub(super) fn of(header: &Header) -> Option<Self> {
        let dicom = header.dicom.as_ref()?;
        Some(Self { codec: dicom.codec, columns: header.width, rows: header.height, bits: dicom.bits })
    }
}

/// Two images of different subjects that look like one film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookalike {
    /// The first, by its place in the collection, or a word where it was refused.
    pub a: String,
    /// The second.
    pub b: String,
    /// How alike they are; 1 is the same.
    pub likeness: f64,
    /// Whether one is the other's mirror image.
    pub mirrored: bool,
    /// What was done.
    pub decision: String,
}

/// All of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The collection's settings, version and inputs.
    pub about: About,
    /// Images of each split by grade.
    pub counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// Distinct subjects.
    pub subjects: usize,
    /// Images in the collection.
    pub read: usize,
    /// Files that cannot be used.
    pub refused: usize,
    /// Files that repeat another.
    pub duplicates: usize,
    /// Files that are no images by their name.
    pub ignored: usize,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Images of different subjects that look like one film; `lookalikes.png` shows the first.
    #[serde(default)]
    pub lookalikes: Vec<Lookalike>,
    /// What tells whether an archive lists the same again, and nothing of what it lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
    /// Every source file, sorted.
    pub files: Vec<Account>,
}

impl Account {
    /// The account of a file that cannot be used.
    pub fn refused(path: &Path, why: impl Into<String>) -> Self {
        Self { file: path.display().to_string(), outcome: Outcome::Refused, detail: why.into(), pixels: None }
    }
}

impl Report {
    /// Counts rows and accounts; the notes come with what is worth knowing of the counts.
    pub(super) fn new(about: &About, rows: &[Row], mut files: Vec<Account>) -> Self {
        files.sort_by(|a, b| a.file.cmp(&b.file));
        let count = |outcome| files.iter().filter(|f| f.outcome == outcome).count();
        let subjects: BTreeSet<_> = rows.iter().filter_map(|r| r.subject.as_deref()).collect();
        let counts = counts(rows);
        Self {
            about: about.clone(),
            subjects: subjects.len(),
            read: rows.len(),
            refused: count(Outcome::Refused),
            duplicates: count(Outcome::Duplicate),
            ignored: 0,
            notes: gaps(&counts),
            lookalikes: Vec::new(),
            listed: None,
            counts,
            files,
        }
    }
}

fn counts(rows: &[Row]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.split.clone()).or_default().entry(called(row.grade)).or_default() += 1;
    }
    counts
}

/// Grades that a split lacks.
fn gaps(counts: &BTreeMap<String, BTreeMap<String, usize>>) -> Vec<String> {
    let gap = |(split, grades): (&String, &BTreeMap<String, usize>)| {
        let missing: Vec<String> =
            (0..5).map(|g| g.to_string()).filter(|g| !grades.contains_key(g)).collect();
        (!missing.is_empty()).then(|| format!("split {split} has no image of grade {}", missing.join(", ")))
    };
    counts.iter().filter_map(gap).collect()
}
