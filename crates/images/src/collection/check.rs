//! What a manifest must fulfil before anything is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use super::Row;
use crate::error::{Error, Result};

/// The columns, in their order.
pub(super) const COLUMNS: [&str; 9] =
    ["file", "id", "subject", "side", "grade", "split", "seed", "sha256", "flags"];

/// Parses and checks a manifest.
pub(super) fn rows(path: &Path, bytes: &[u8]) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let headers = reader.headers().map_err(|e| Error::content(path, e.to_string()))?.clone();
    if let Some(missing) = COLUMNS.iter().find(|c| !headers.iter().any(|h| h == **c)) {
        return Err(Error::content(
            path,
            format!("the column `{missing}` is missing; import the images again"),
        ));
    }
    let rows: Vec<Row> = reader
        .deserialize()
        .enumerate()
        .map(|(i, row)| {
            row.map_err(|e| {
                Error::content(
                    path,
                    format!(
                        "line {}: {}; mend the line or make the collection again",
                        i + 2,
                        told(&e, &headers)
                    ),
                )
            })
        })
        .collect::<Result<_>>()?;
    let mut ids = BTreeSet::new();
    for (i, row) in rows.iter().enumerate() {
        let refuse = |why: String| Err(Error::content(path, format!("line {}: {why}", i + 2)));
        if row.grade.is_some_and(|g| g > 4) {
            return refuse(format!("grade {} is not one of 0..4; correct it", row.grade.unwrap_or_default()));
        }
        if !Path::new(&row.file).components().all(|c| matches!(c, Component::Normal(_))) {
            return refuse(format!(
                "the path `{}` leaves the collection; it must lie below images/",
                row.file
            ));
        }
        if !ids.insert(&row.id) {
            return refuse(format!("the id `{}` stands there twice; remove one line", row.id));
        }
    }
    subjects_stay(&rows).map_err(|why| Error::content(path, why))?;
    Ok(rows)
}

/// The field and what is wrong with it, without the reader's own positions.
fn told(error: &csv::Error, headers: &csv::StringRecord) -> String {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|f| headers.get(f as usize)).unwrap_or("line");
            format!("the {column} cannot be read ({})", err.kind())
        }
        _ => error.to_string(),
    }
}

/// No subject may be in two splits.
pub(crate) fn subjects_stay<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Result<(), String> {
    let mut homes: BTreeMap<&str, &str> = BTreeMap::new();
    let mut straddling = BTreeSet::new();
    for row in rows {
        let Some(subject) = row.subject.as_deref() else { continue };
        if *homes.entry(subject).or_insert(&row.split) != row.split {
            straddling.insert(subject);
        }
    }
    if straddling.is_empty() {
        return Ok(());
    }
    let first: Vec<&str> = straddling.iter().copied().take(5).collect();
    Err(format!(
        "{} subjects are in more than one split ({}...): what is learned from one image would be tested on its \
         twin; move all images of a subject into one split, or import with --split 70/10/20",
        straddling.len(),
        first.join(", ")
    ))
}

pub(super) fn files_exist(root: &Path, manifest: &Path, rows: &[Row]) -> Result<()> {
    match rows.iter().find(|row| !root.join(&row.file).is_file()) {
        Some(row) => Err(Error::content(
            manifest,
            format!("`{}` is listed and not there; put it back, or make the collection again", row.file),
        )),
        None => Ok(()),
    }
}
