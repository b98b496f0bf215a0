//! What a package's page shows.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::collection::films;
use crate::release::{Release, manifest, signature, verify};

/// A package as a page shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// One sentence.
    pub(crate) headline: String,
    /// The folder's name.
    pub(crate) name: String,
    pub(crate) release: Release,
    /// Whose key it says to be signed by.
    pub(crate) signer: Option<String>,
    /// Some files of each grade, chosen at random.
    pub(crate) films: BTreeMap<String, Vec<String>>,
}

/// Gathers what there is to show; nothing is verified.
pub(crate) fn picture(package: &Path) -> anyhow::Result<Shown> {
    let (release, entries) = (verify::decision(package)?, manifest::read(package)?);
    let name = package.canonicalize()?.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = if release.title.is_empty() { &name } else { &release.title };
    Ok(Shown {
        headline: format!("{title}: {} synthetic images, {}", release.images.count, release.licence),
        films: films(entries.iter().map(|entry| (entry.grade, entry.file.as_str()))),
        signer: signature::signer(package),
        name,
        release,
    })
}
