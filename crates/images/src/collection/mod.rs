//! A collection: a folder of images and what is known of each.
//!
//! ```text
//! NAME/collection.toml   what it is and how it was made
//! NAME/manifest.csv      file,id,subject,side,grade,split,seed,sha256,flags
//! NAME/images/SPLIT/GRADE/ID.png
//! ```

mod check;
mod writer;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::{Depth, Image, Side, png};

pub(crate) use check::subjects_stay as check_subjects;
pub use writer::{Begun, Writer};

/// Where a collection's images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Patients.
    Real,
    /// A generative network.
    Synthetic,
    /// The procedural knee.
    Phantom,
}

/// What a collection says of itself: `collection.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Where the images come from.
    pub kind: Kind,
    /// A name for people.
    pub title: String,
    /// Width and height of every image, in pixels.
    pub size: u32,
    /// Bits a pixel.
    pub depth: Depth,
    /// Under what licence the images may be used; empty where unknown.
    #[serde(default)]
    pub licence: String,
    /// A statement of the source; empty where unknown.
    #[serde(default)]
    pub source: String,
    /// Version of doppelray that made it.
    pub made_by: String,
    /// The settings that made it, as the command understood them.
    pub settings: toml::Table,
}

impl About {
    /// SHA-256 of all of it: two collections of one hash were made by the same settings and version.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(toml::to_string(self).expect("plain values")))
    }
}

/// One image: a line of `manifest.csv`. Empty cells are `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Path below the collection's folder, with `/`.
    pub file: String,
    /// Unique in the collection.
    pub id: String,
    /// The patient's pseudonym.
    pub subject: Option<String>,
    /// Which knee.
    pub side: Option<Side>,
    /// Kellgren-Lawrence grade, 0..=4.
    pub grade: Option<u8>,
    /// `train`, `val`, `test` or another name.
    pub split: String,
    /// What a synthetic image was drawn from.
    pub seed: Option<u64>,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Remarks, separated by spaces.
    pub flags: String,
}

/// What images without a grade are called, in folders, tables and reports.
pub const UNGRADED: &str = "ungraded";

/// What images of a grade are called, in folders, tables and reports.
pub fn called(grade: Option<u8>) -> String {
    grade.map_or_else(|| UNGRADED.to_owned(), |grade| grade.to_string())
}

/// A collection that was opened and found consistent.
#[derive(Clone, Debug)]
pub struct Collection {
    root: PathBuf,
    about: About,
    rows: Vec<Row>,
    hash: String,
}

impl Collection {
    /// Opens a folder and checks its manifest: columns, grades, paths, unique ids, and that no subject is in two
    /// splits.
    pub fn open(root: &Path) -> Result<Self> {
        let toml = root.join("collection.toml");
        if !toml.is_file() {
            let reason = "not a collection; make one with `doppelray import SRC --out COLLECTION`";
            return Err(Error::content(root, reason));
        }
        let text = fs::read_to_string(&toml).map_err(Error::file(&toml))?;
        let about = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Error::content(
                &toml,
                format!("line {line}: {}; mend it or make the collection again", e.message()),
            )
        })?;
        let manifest = root.join("manifest.csv");
        let bytes = fs::read(&manifest).map_err(Error::file(&manifest))?;
        let rows = check::rows(&manifest, &bytes)?;
        check::files_exist(root, &manifest, &rows)?;
        Ok(Self { root: root.to_owned(), about, rows, hash: hex(&Sha256::digest(&bytes)) })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// All images, in the order of the manifest.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The images of one split.
    pub fn split(&self, name: &str) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.split == name).collect()
    }

    /// The names of its splits.
    pub fn splits(&self) -> BTreeSet<&str> {
        self.rows.iter().map(|row| row.split.as_str()).collect()
    }

    /// The grades that its images have.
    pub fn grades(&self) -> BTreeSet<u8> {
        self.rows.iter().filter_map(|row| row.grade).collect()
    }

    /// SHA-256 of the manifest, which holds the hash of every image.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }

    /// Reads one image, which must be of the collection's size and depth.
    pub fn load(&self, row: &Row) -> Result<Image> {
        let path = self.root.join(&row.file);
        let image = png::load(&path)?;
        let About { size, depth, .. } = self.about;
        if (image.width(), image.height(), image.depth()) != (size, size, depth) {
            let reason = format!(
                "{} x {} pixels of {} bits, where collection.toml says {size} x {size} of {}; import it again",
                image.width(),
                image.height(),
                u8::from(image.depth()),
                u8::from(depth)
            );
            return Err(Error::content(&path, reason));
        }
        Ok(image)
    }

    /// Checks that an image's file is the one that the manifest was written for.
    pub fn verify(&self, row: &Row) -> Result<()> {
        let path = self.root.join(&row.file);
        let bytes = fs::read(&path).map_err(Error::file(&path))?;
        if hex(&Sha256::digest(bytes)) == row.sha256 {
            return Ok(());
        }
        Err(Error::content(&path, "was changed since the collection was made; make the collection again"))
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
