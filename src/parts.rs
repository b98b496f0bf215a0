//! The parts that two sets are compared in: grades, and groups by a column of their manifests.

use std::collections::BTreeMap;

use clap::ValueEnum;
use doppelray_images::{Row, Side};

use crate::sets::Set;

/// Rows of both sets by the name of the part.
pub(crate) type Parts = BTreeMap<String, [Vec<usize>; 2]>;

/// A column of the manifest that groups images.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Column {
    /// Left and right knees.
    Side,
    /// Images that bear a remark, for each remark.
    Flags,
}

impl Column {
    /// The groups that an image is in.
    fn groups(self, row: &Row) -> Vec<String> {
        match self {
            Self::Side => match row.side {
                Some(Side::Left) => vec!["left".to_owned()],
                Some(Side::Right) => vec!["right".to_owned()],
                None => Vec::new(),
            },
            Self::Flags => row.flags.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

/// The grades of either set.
pub(crate) fn grades(sets: [&Set; 2]) -> Parts {
    let grade = |row: &Row| row.grade.map(|grade| grade.to_string()).into_iter().collect();
    parts(sets, &grade)
}

/// The groups of the real images by these columns. Where no synthetic image says anything in a column, all of them are
/// compared with each group: is it covered?
pub(crate) fn groups(sets: [&Set; 2], columns: &[Column]) -> Parts {
    let mut groups = Parts::new();
    for column in columns {
        let mut found = parts(sets, &|row| column.groups(row));
        found.retain(|_, [real, _]| !real.is_empty());
        if found.values().all(|[_, synthetic]| synthetic.is_empty()) {
            found.values_mut().for_each(|rows| rows[1] = (0..sets[1].rows.len()).collect());
        }
        groups.extend(found);
    }
    groups
}

fn parts(sets: [&Set; 2], names: &dyn Fn(&Row) -> Vec<String>) -> Parts {
    let mut parts = Parts::new();
    for (at, set) in sets.iter().enumerate() {
        for (place, row) in set.rows.iter().enumerate() {
            names(row).into_iter().for_each(|name| parts.entry(name).or_default()[at].push(place));
        }
    }
    parts
}
