//! The images of a collection that a report is about.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use doppelray_images::collection::Kind;
use doppelray_images::{Collection, Row};

/// Splits that a real set is taken from when none is named, in this order: never what was trained on.
const HELD_OUT: [&str; 2] = ["test", "val"];

/// Some rows of a collection.
pub(crate) struct Set {
    pub(crate) collection: Collection,
    /// Absent where all rows were taken.
    pub(crate) split: Option<String>,
    pub(crate) rows: Vec<Row>,
}

impl Set {
    /// The real images of `split`, or of the first held-out split there is.
    pub(crate) fn real(path: &Path, split: Option<&str>) -> anyhow::Result<Self> {
        let collection = Collection::open(path)?;
        if collection.about().kind == Kind::Synthetic {
            bail!("{}: is a synthetic collection; the real one comes first", path.display());
        }
        let present = collection.splits();
        let wanted = match split {
            Some(split) => [split].into_iter().find(|split| present.contains(split)),
            None => HELD_OUT.into_iter().find(|split| present.contains(split)),
        };
        let Some(split) = wanted.map(str::to_owned) else {
            let missing = split.map_or_else(|| "`test` or `val`".to_owned(), |split| format!("`{split}`"));
            let there: Vec<&str> = present.into_iter().collect();
            let there = there.join(", ");
            bail!(
                "{}: holds no split {missing}, only {there}; name one of these with --real-split, or import again with --split",
                path.display()
            );
        };
        let rows = collection.split(&split).into_iter().cloned().collect();
        Self { collection, split: Some(split), rows }.checked(path)
    }

    /// All images of a collection.
    pub(crate) fn whole(path: &Path) -> anyhow::Result<Self> {
        let collection = Collection::open(path)?;
        let rows = collection.rows().to_vec();
        Self { collection, split: None, rows }.checked(path)
    }

    fn checked(self, path: &Path) -> anyhow::Result<Self> {
        if self.rows.is_empty() {
            bail!("{}: holds no images; import or sample some first", path.display());
        }
        Ok(self)
    }

    /// Positions among the rows of each grade; rows without one are left out.
    pub(crate) fn by_grade(&self) -> BTreeMap<String, Vec<usize>> {
        let mut grades = BTreeMap::<String, Vec<usize>>::new();
        for (at, row) in self.rows.iter().enumerate() {
            if let Some(grade) = row.grade {
                grades.entry(grade.to_string()).or_default().push(at);
            }
        }
        grades
    }

    /// The grade of each row, where it has one.
    pub(crate) fn grades(&self) -> Vec<Option<u8>> {
        self.rows.iter().map(|row| row.grade).collect()
    }

    /// A label each row, equal for images of one subject.
    pub(crate) fn units(&self) -> Vec<u32> {
        let mut labels = BTreeMap::<String, u32>::new();
        let mut next = 0;
        let mut fresh = || {
            next += 1;
            next - 1
        };
        let label = |row: &Row| match &row.subject {
            None => fresh(),
            Some(subject) => *labels.entry(subject.clone()).or_insert_with(&mut fresh),
        };
        self.rows.iter().map(label).collect()
    }
}
