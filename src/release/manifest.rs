//! `manifest.csv` of a package: a line an image.

use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The file's name.
pub(crate) const NAME: &str = "manifest.csv";

/// One image of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Path below the package, with `/`.
    pub(crate) file: String,
    pub(crate) id: String,
    /// Kellgren-Lawrence grade, 0..=4.
    pub(crate) grade: Option<u8>,
    /// What the model drew it from.
    pub(crate) seed: Option<u64>,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
    /// SHA-256 of the file before it was marked: what the proof is about.
    pub(crate) source_sha256: String,
}

/// The table as CSV.
pub(crate) fn csv(entries: &[Entry]) -> anyhow::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    entries.iter().try_for_each(|entry| table.serialize(entry))?;
    table.into_inner().map_err(|e| anyhow::anyhow!("{e}"))
}

/// Reads the table of a package.
pub(crate) fn read(package: &Path) -> anyhow::Result<Vec<Entry>> {
    let path = package.join(NAME);
    let mut table =
        csv::Reader::from_path(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let entries: Vec<Entry> =
        table.deserialize().collect::<Result<_, _>>().with_context(|| path.display().to_string())?;
    let inside =
        |entry: &Entry| entry.file.starts_with("images/") && !entry.file.split('/').any(|part| part == "..");
    match entries.iter().find(|entry| !inside(entry)) {
        Some(entry) => bail!("{}: {} leaves the package's images", path.display(), entry.file),
        None => Ok(entries),
    }
}
