//! Which files are there.

use std::collections::BTreeSet;
use std::fs::{self, FileType};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::archive::{Archive, Member};
use crate::dicom;
use crate::error::{Error, Result};
use crate::source::{Format, Origin};

use super::report::Account;
use super::{Received, Source};

/// The files of a source, each kind sorted by path.
#[derive(Default)]
pub(super) struct Found {
    /// Files that are images by their content, or call themselves so.
    pub(super) images: Vec<Origin>,
    /// Links, and images in formats that are not read.
    pub(super) refused: Vec<Account>,
    /// How many files are no images.
    pub(super) ignored: usize,
    /// What a person should know.
    pub(super) notes: Vec<String>,
    /// What files lie below: paths are read from here.
    pub(super) root: PathBuf,
}

/// Endings of images that are not read, so that nobody wonders where they went.
const FOREIGN: [&str; 10] = ["bmp", "gif", "gz", "heic", "jp2", "nii", "tar", "tif", "tiff", "webp"];

/// Endings of images that are read. What has another, or none, is an image if it begins as a DICOM file does.
const OURS: [&str; 5] = ["dcm", "dicom", "jpeg", "jpg", "png"];

/// The images of a source.
pub(super) fn of(source: &Source) -> Result<Found> {
    match source {
        Source::Path(path) => below(path),
        Source::Received(Received { root, objects, refused, notes }) => {
            let mut found = Found {
                refused: refused.clone(),
                notes: notes.clone(),
                root: root.clone(),
                ..Found::default()
            };
            found.images.clone_from(objects);
            found.images.sort_by(|a, b| a.path().cmp(b.path()));
            Ok(found)
        }
    }
}

/// The images of a path: a folder and all below it, a zip, the index of a DICOM medium, or one image. Links are not
/// followed; hidden files and other collections are passed by.
fn below(source: &Path) -> Result<Found> {
    let mut found = Found { root: source.to_owned(), ..Found::default() };
    if source.is_dir() {
        found.folder(source)?;
    } else {
        let origin = Origin::file(source);
        match origin.format()? {
            Format::Zip => found.archive(source)?,
            _ if is_index(source) => found.medium(source)?,
            _ => {
                found.root = source.parent().unwrap_or(Path::new("")).to_owned();
                found.images.push(origin);
            }
        }
    }
    found.images.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(found)
}

/// Whether a file is called as the index of a DICOM medium must be (PS3.10 section 8.6).
fn is_index(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"))
}

impl Found {
    fn folder(&mut self, source: &Path) -> Result<()> {
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
                    path => self.entry(path, kind)?,
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, kind: FileType) -> Result<()> {
        let ours = OURS.contains(&ending(&path).as_str());
        if !kind.is_file() {
            match ours || kind.is_symlink() {
                true => self.refuse(&path, "is a link or no file; links are not followed, copy it"),
                false => self.ignored += 1,
            }
            return Ok(());
        }
        if is_index(&path) {
            // Its files lie below the same folder and are found there.
            self.ignored += 1;
            return self.index(&path).map(drop);
        }
        match Origin::file(&path).format()? {
            Format::Zip if ending(&path) == "zip" => {
                if let Err(error) = self.archive(&path) {
                    self.refuse(&path, error.reason());
                }
            }
            Format::Dicom => self.images.push(Origin::file(&path)),
            _ if ours => self.images.push(Origin::file(&path)),
            _ => self.foreign(&path),
        }
        Ok(())
    }

    /// The members of a zip, as files below a folder of its name.
    fn archive(&mut self, path: &Path) -> Result<()> {
        let archive = Arc::new(Archive::open(path)?);
        for at in 0..archive.len() {
            match archive.member(at) {
                Ok(Member::File(inside)) => self.packed(&archive, at, path.join(inside)),
                Ok(Member::Refused(name, why)) => self.refuse(&path.join(name), why),
                Ok(Member::Folder) => {}
                Err(error) => self.refuse(&path.join(format!("member {}", at + 1)), error.reason()),
            }
        }
        Ok(())
    }

    fn packed(&mut self, archive: &Arc<Archive>, at: usize, path: PathBuf) {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let origin = Origin::member(archive, at, path.clone());
        match origin.format() {
            _ if hidden => {}
            _ if is_index(&path) => self.ignored += 1,
            Ok(Format::Zip) => self.refuse(&path, "is a zip within a zip; unpack it"),
            Ok(Format::Dicom) => self.images.push(origin),
            Ok(_) if OURS.contains(&ending(&path).as_str()) => self.images.push(origin),
            Ok(_) => self.foreign(&path),
            Err(error) => self.refuse(&path, error.reason()),
        }
    }

    /// The files that the index of a medium names.
    fn medium(&mut self, path: &Path) -> Result<()> {
        let listed = self.index(path)?;
        let root = path.parent().unwrap_or(Path::new(""));
        self.root = root.to_owned();
        self.images.extend(listed.into_iter().map(|inside| Origin::file(&root.join(inside))));
        Ok(())
    }

    /// The files that an index names and that are there; those that are not are refused.
    fn index(&mut self, path: &Path) -> Result<BTreeSet<PathBuf>> {
        let root = path.parent().unwrap_or(Path::new(""));
        let listed = match dicom::index(Origin::file(path).open()?.bytes) {
            Ok(listed) => listed,
            Err(error) => {
                self.refuse(path, error.to_string());
                return Ok(BTreeSet::new());
            }
        };
        let (there, gone): (BTreeSet<_>, BTreeSet<_>) = listed
            .into_iter()
            .partition(|inside| fs::symlink_metadata(root.join(inside)).is_ok_and(|m| m.is_file()));
        for inside in &gone {
            self.refuse(&root.join(inside), "is named by DICOMDIR and is not there; copy the medium again");
        }
        self.notes.push(format!(
            "DICOMDIR names {} images, {} of them there",
            there.len() + gone.len(),
            there.len()
        ));
        Ok(there)
    }

    fn foreign(&mut self, path: &Path) {
        match ending(path) {
            ending if FOREIGN.contains(&ending.as_str()) => {
                let mend = match ending.as_str() {
                    "gz" | "tar" => "unpack it",
                    _ => "convert it to PNG of 8 or 16 bits",
                };
                self.refuse(path, format!("{ending} is not read; {mend}"));
            }
            _ => self.ignored += 1,
        }
    }

    fn refuse(&mut self, path: &Path, why: impl Into<String>) {
        self.refused.push(Account::refused(path, why));
    }
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default()
}
