//! Which files are there.

use std::fs::{self, FileType};
use std::path::{Path, PathBuf};

use super::report::Account;
use crate::error::{Error, Result};

/// The files below a source, each kind sorted by path.
#[derive(Default)]
pub(super) struct Found {
    /// Files that are called PNG or JPEG.
    pub(super) images: Vec<PathBuf>,
    /// Links, and images in formats that are not read.
    pub(super) refused: Vec<Account>,
    /// How many files are no images by their name.
    pub(super) ignored: usize,
}

/// Endings of images that are not read, so that nobody wonders where they went.
const FOREIGN: [&str; 9] = ["bmp", "dcm", "dicom", "gif", "jp2", "tif", "tiff", "webp", "heic"];

/// Looks through a folder and all below it. Links are not followed; hidden files and other collections are passed by.
pub(super) fn below(source: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let entry = entry.map_err(Error::file(&folder))?;
            let kind = entry.file_type().map_err(Error::file(&folder))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.path() {
                path if hidden => drop(path),
                path if kind.is_dir() && !path.join("collection.toml").exists() => folders.push(path),
                path if kind.is_dir() => drop(path),
                path => found.file(path, kind),
            }
        }
    }
    found.images.sort();
    Ok(found)
}

impl Found {
    fn file(&mut self, path: PathBuf, kind: FileType) {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let is_image = matches!(ending.as_str(), "png" | "jpg" | "jpeg");
        if is_image && kind.is_file() {
            self.images.push(path);
        } else if is_image {
            self.refused
                .push(Account::refused(&path, "is a link or no file; links are not followed, copy it"));
        } else if FOREIGN.contains(&ending.as_str()) {
            self.refused.push(Account::refused(
                &path,
                format!("{ending} is not read; convert it to PNG of 8 or 16 bits"),
            ));
        } else {
            self.ignored += 1;
        }
    }
}
