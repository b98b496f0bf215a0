//! The proof folder: what all reports that are written into one have in common.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use doppelray_images::Error;
use doppelray_images::files::write_whole;
use serde::Serialize;

use crate::remote::as_typed;
use crate::report::evaluate::Side;
use crate::report::{overview, seal};
use crate::sets::Set;

/// Where an experiment on use keeps its cells.
pub(crate) fn cells(out: &Path) -> PathBuf {
    out.join("utility")
}

/// Makes the folder, unless it holds something that is neither a proof nor the beginning of one.
pub(crate) fn make(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).map_err(Error::unwritten(out))?;
    let mut entries = std::fs::read_dir(out).with_context(|| out.display().to_string())?;
    let begun = overview::is_proof(out) || cells(out).is_dir();
    if !begun && entries.next().is_some() {
        bail!("{}: holds something that is not a proof; choose another --out", out.display());
    }
    Ok(())
}

/// Writes `NAME.json`, sealed, and the page drawn from it, `NAME.html`, each whole.
pub(crate) fn write(out: &Path, name: &str, report: &impl Serialize, page: &str) -> anyhow::Result<()> {
    let json = seal::sealed(report)?;
    for (ending, text) in [("json", json.as_str()), ("html", &as_typed(page))] {
        put(&out.join(format!("{name}.{ending}")), text)?;
    }
    Ok(())
}

/// Writes a file of text whole; where that fails, the error says the way out.
pub(crate) fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    Ok(write_whole(path, |file| file.write_all(text.as_bytes())).map_err(Error::unwritten(path))?)
}

/// One of the sets that a report is about.
pub(crate) fn side(path: &Path, set: &Set) -> Side {
    let count = |(grade, rows): (String, Vec<usize>)| (grade, rows.len());
    Side {
        path: path.display().to_string(),
        title: title(path, &set.collection.about().title),
        hash: set.collection.hash(),
        split: set.split.clone(),
        count: set.rows.len(),
        grades: set.by_grade().into_iter().map(count).collect(),
        size: set.collection.about().size,
    }
}

/// A collection's title, or the name of its folder.
pub(crate) fn title(path: &Path, title: &str) -> String {
    match title {
        "" => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        title => title.to_owned(),
    }
}

/// What was typed, so that it can be typed again.
pub(crate) fn command_line() -> String {
    let quoted =
        |word: String| match word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=,:+".contains(c)) {
            true => word,
            false => format!("'{}'", word.replace('\'', "'\\''")),
        };
    let words = std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned()));
    std::iter::once("doppelray".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}
