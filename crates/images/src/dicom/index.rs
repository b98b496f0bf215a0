//! The index of a DICOM medium (DICOMDIR; PS3.3 annex F): which files it holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::object::{Bytes, Object};
use super::refusal::{Refusal, Result};
use super::tags;

/// The images that an index names, by their paths from its folder. A path that would leave the folder is refused.
pub fn index(source: Box<dyn Bytes>) -> Result<BTreeSet<PathBuf>> {
    let head = Object::head_alone(source)?;
    let records = head.items(tags::DIRECTORY_RECORDS);
    if records.is_empty() {
        return Err(Refusal::Missing(tags::DIRECTORY_RECORDS));
    }
    let images =
        records.iter().filter(|record| record.text(tags::DIRECTORY_RECORD_TYPE).as_deref() == Some("IMAGE"));
    images
        .map(|record| {
            let parts = record.texts(tags::REFERENCED_FILE);
            // Upper case letters, digits and _ are all that may stand there (PS3.10 section 8.2); media of old have more.
            let safe = |part: &String| {
                !part.is_empty() && !part.starts_with('.') && !part.contains(['/', ':', '\0'])
            };
            match parts.is_empty() || !parts.iter().all(safe) {
                true => Err(Refusal::attribute(
                    tags::REFERENCED_FILE,
                    "names no file of the medium; give its folder",
                )),
                false => Ok(parts.iter().collect()),
            }
        })
        .collect()
}
