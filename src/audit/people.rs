//! The real images: those that were trained on, and those that were not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::bail;
use doppelray_images::collection::Kind;
use doppelray_images::{Collection, Row};
use doppelray_measures::audit::{Group, matched};
use doppelray_measures::rng::{Purpose, stream};

use crate::console::Usage;
use crate::report::audit::Matched;
use crate::sets::Set;

/// The split that a generator is trained on.
const TRAINING: &str = "train";

/// Real images, those of the training split first.
pub(crate) struct People {
    pub(super) collection: Collection,
    pub(super) rows: Vec<Row>,
    /// How many of the rows were trained on.
    pub(super) training: usize,
    /// What the control is called: a split, or several.
    holdout: String,
    /// Equal for rows of one subject.
    pub(super) units: Vec<u32>,
}

/// One of the two groups.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Training,
    Holdout,
}

/// Rows of both groups, alike in grade.
pub(super) struct Groups {
    pub(super) training: Vec<usize>,
    pub(super) holdout: Vec<usize>,
}

impl People {
    /// The training split and the control: the split `holdout`, or every split but the training one.
    pub(crate) fn open(path: &Path, holdout: Option<&str>) -> anyhow::Result<Self> {
        let collection = Collection::open(path)?;
        let splits: BTreeSet<String> = collection.splits().into_iter().map(str::to_owned).collect();
        let there = || splits.iter().cloned().collect::<Vec<_>>().join(", ");
        if collection.about().kind == Kind::Synthetic {
            bail!("{}: is a synthetic collection; the real one comes first", path.display());
        }
        if holdout == Some(TRAINING) {
            return Err(Usage(
                "--holdout train: that is what the generator saw; name a split that it never saw".to_owned(),
            )
            .into());
        }
        if !splits.contains(TRAINING) {
            bail!(
                "{}: holds no split `{TRAINING}`, only {}; name the collection that the generator was trained on",
                path.display(),
                there()
            );
        }
        if let Some(name) = holdout.filter(|name| !splits.contains(*name)) {
            bail!(
                "{}: holds no split `{name}`, only {}; name one of these with --holdout",
                path.display(),
                there()
            );
        }
        let control: Vec<&String> =
            splits.iter().filter(|s| *s != TRAINING && holdout.is_none_or(|h| h == *s)).collect();
        let mut rows: Vec<Row> = collection.split(TRAINING).into_iter().cloned().collect();
        let training = rows.len();
        for split in &control {
            rows.extend(collection.split(split).into_iter().cloned());
        }
        let holdout = control.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" and ");
        let units = units(&rows);
        Ok(Self { collection, rows, training, holdout, units })
    }

    pub(super) fn has_control(&self) -> bool {
        self.training < self.rows.len()
    }

    /// Which group a row is of.
    pub(super) fn part(&self, row: usize) -> Part {
        if row < self.training { Part::Training } else { Part::Holdout }
    }

    /// The images of one group.
    pub(super) fn set(&self, part: Part) -> Set {
        let (split, rows) = match part {
            Part::Training => (TRAINING, &self.rows[..self.training]),
            Part::Holdout => (self.holdout.as_str(), &self.rows[self.training..]),
        };
        Set { collection: self.collection.clone(), split: Some(split.to_owned()), rows: rows.to_vec() }
    }

    /// Rows of both groups with the same mix of grades; only grades that the generator draws, where it has any.
    pub(super) fn groups(&self, synthetic: &Set, seed: u64) -> Groups {
        let drawn: BTreeSet<u8> = synthetic.rows.iter().filter_map(|row| row.grade).collect();
        let counts =
            |at: &usize| drawn.is_empty() || self.rows[*at].grade.is_some_and(|g| drawn.contains(&g));
        let places = |range: std::ops::Range<usize>| range.filter(counts).collect::<Vec<_>>();
        let [members, others] = [places(0..self.training), places(self.training..self.rows.len())];
        let grades = |places: &[usize]| places.iter().map(|at| self.rows[*at].grade).collect::<Vec<_>>();
        let lot = stream(seed, Purpose::Matching, 0);
        let [a, b] = matched(&grades(&members), &grades(&others), lot);
        Groups {
            training: a.into_iter().map(|i| members[i]).collect(),
            holdout: b.into_iter().map(|i| others[i]).collect(),
        }
    }

    /// What a reader should know of the inputs before believing the figures.
    pub(super) fn remarks(&self, synthetic: &Set) -> Vec<String> {
        let mut remarks = Vec::new();
        let about = synthetic.collection.about();
        let trained_on = about.settings.get("trained_on").and_then(toml::Value::as_str);
        if trained_on.is_some_and(|hash| hash != self.collection.hash()) {
            remarks.push(
                "The synthetic images say that their generator was trained on another collection than this one: \
                 what was found here holds for this one only."
                    .to_owned(),
            );
        }
        if trained_on.is_none() {
            remarks.push(
                "Nothing says which collection the synthetic images' generator was trained on; that it was this one's \
                 split `train` is taken on trust."
                    .to_owned(),
            );
        }
        let (ours, theirs) = (self.collection.about().size, about.size);
        if ours != theirs {
            remarks.push(format!("Real images are {ours} pixels wide, synthetic ones {theirs}."));
        }
        if self.rows.iter().all(|row| row.subject.is_none()) {
            remarks.push("No subjects are known: every image counts as a person of its own.".to_owned());
        }
        remarks
    }
}

impl Groups {
    pub(super) fn counts(&self) -> Matched {
        Matched { training: self.training.len(), holdout: self.holdout.len() }
    }

    /// As many rows of each of some grades in both groups, by lot; ascending.
    pub(super) fn even(&self, people: &People, grades: &[u8], seed: u64) -> [Vec<usize>; 2] {
        let mut even = [Vec::new(), Vec::new()];
        for grade in grades {
            let mut lot = stream(seed, Purpose::Matching, 1 + u64::from(*grade));
            let of = |rows: &[usize]| -> Vec<usize> {
                rows.iter().copied().filter(|row| people.rows[*row].grade == Some(*grade)).collect()
            };
            let mut both = [of(&self.training), of(&self.holdout)];
            let fewer = both[0].len().min(both[1].len());
            for (rows, even) in both.iter_mut().zip(&mut even) {
                lot.shuffle(rows);
                even.extend(&rows[..fewer]);
            }
        }
        even.iter_mut().for_each(|rows| rows.sort_unstable());
        even
    }

    /// Scores of both groups, from one score a row.
    pub(super) fn of(&self, scores: &[f64], units: &[u32]) -> [Group; 2] {
        [&self.training, &self.holdout].map(|rows| Group {
            scores: rows.iter().map(|row| scores[*row]).collect(),
            units: rows.iter().map(|row| units[*row]).collect(),
        })
    }
}

/// A number a subject; rows without one have their own.
fn units(rows: &[Row]) -> Vec<u32> {
    let mut known = BTreeMap::<&str, u32>::new();
    let mut units = Vec::with_capacity(rows.len());
    for (fresh, row) in (0..).zip(rows) {
        units.push(row.subject.as_deref().map_or(fresh, |subject| *known.entry(subject).or_insert(fresh)));
    }
    units
}
