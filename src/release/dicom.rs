//! The images as DICOM objects, beside their folders.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use doppelray_images::mark::Statement;
use doppelray_images::png;
use doppelray_images::progress::{Event, Listener};
use doppelray_images::source::Origin;
use doppelray_images::synthetic_dicom::{Labels, encode, says_so};
use rayon::prelude::*;

use super::manifest::Entry;
use super::package::put;
use super::sums;

/// The folder of the objects.
pub(crate) const FOLDER: &str = "dicom";

fn place(entry: &Entry) -> String {
    format!("{FOLDER}/{}.dcm", entry.id)
}

/// Writes an object for every image of a package.
pub(super) fn write(
    package: &Path,
    entries: &[Entry],
    (statement, collection): (&Statement, &str),
    listener: Listener,
) -> anyhow::Result<()> {
    listener(Event::Begin { task: "writing DICOM", total: entries.len() as u64, unit: "images" });
    let one = |entry: &Entry| {
        let image = png::load(&package.join(&entry.file))?;
        let statement = &Statement { seed: entry.seed, ..statement.clone() };
        let hashes = [collection, entry.sha256.as_str()];
        let labels = Labels { id: &entry.id, grade: entry.grade, statement, hashes };
        put(package, &place(entry), &encode(&image, &labels))?;
        listener(Event::Advance(1));
        anyhow::Ok(())
    };
    let written = entries.par_iter().try_for_each(one);
    listener(Event::End);
    written
}

/// Every image of the manifest has one object of the same pixels that says what it is. The number of objects; none where there
/// is no folder.
pub(super) fn check(package: &Path, entries: &[Entry]) -> anyhow::Result<usize> {
    if !package.join(FOLDER).is_dir() {
        return Ok(0);
    }
    let files = sums::files(&package.join(FOLDER))?.len();
    ensure!(files == entries.len(), "{FOLDER} holds {files} objects for {} images", entries.len());
    let same = |entry: &Entry| {
        let path = package.join(place(entry));
        let broken = || format!("{}: is not a whole object", place(entry));
        let file = fs::read(&path).with_context(broken)?;
        ensure!(says_so(&file), "{}: does not say that it is synthetic", place(entry));
        let image = png::load(&package.join(&entry.file))?;
        match Origin::file(&path).read().with_context(broken)?.at(image.depth()) == image {
            true => Ok(()),
            false => bail!("{}: shows another image than {}", place(entry), entry.file),
        }
    };
    entries.par_iter().try_for_each(same)?;
    Ok(files)
}
