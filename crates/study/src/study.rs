//! The study's folder and `study.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::design::Design;
use crate::error::{Error, Result};
use doppelray_images::Depth;

/// The form of a study's folder that this version writes and reads.
pub const FORMAT: u32 = 1;

/// What a study is: `study.toml`. Nothing here changes once readers are invited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The form of the folder.
    pub format: u32,
    /// What readers see as its name. It must not tell what the study is about to find out.
    pub title: String,
    /// What is asked, in which order.
    pub design: Design,
    /// Of all drawing and ordering.
    pub seed: u64,
    /// Images that each reader sees a second time, in each part.
    pub repeats: usize,
    /// How far from chance still counts as chance, in the equivalence tests.
    pub margin: f64,
    /// The last day as it was set at first, as YYYY-MM-DD; empty where there is none. What holds is the database's.
    #[serde(default)]
    pub deadline: String,
    /// Whom a reader can ask; shown on every page.
    #[serde(default)]
    pub contact: String,
    /// The language that a reader sees first.
    pub language: String,
    /// What the images are.
    pub images: Images,
    /// Version of doppelray that made it.
    pub made_by: String,
}

/// The images of a study and where they are from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// Width and height in pixels.
    pub size: u32,
    /// Bits a pixel.
    pub depth: Depth,
    /// SHA-256 of `pixels.bin`.
    pub sha256: String,
    /// The collection of real ones: its title and hash.
    pub real: Source,
    /// The collection of synthetic ones.
    pub synthetic: Source,
    /// What may tell the two apart apart from their content; to be looked at before anyone is invited.
    pub cautions: Vec<String>,
}

/// A collection that images were drawn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its folder when the study was made.
    pub path: String,
    /// SHA-256 of its manifest.
    pub hash: String,
}

/// A study's folder.
#[derive(Clone, Debug)]
pub struct Study {
    root: PathBuf,
    about: About,
}

impl Study {
    /// Reads `study.toml`; a study of a newer form is refused.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join("study.toml");
        if !path.is_file() {
            return Err(Error::file(
                root,
                "not a study; make one with `doppelray study new REAL SYNTHETIC --out STUDY`",
            ));
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::file(&path, e.to_string()))?;
        let format = toml::from_str::<toml::Table>(&text).ok().and_then(|t| t.get("format")?.as_integer());
        if format.is_some_and(|f| f > i64::from(FORMAT)) {
            return Err(Error::file(&path, "was made by a newer doppelray; open it with that version"));
        }
        let about = toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Error::file(&path, format!("line {line}: {}; put back what `study new` wrote", e.message()))
        })?;
        Ok(Self { root: root.to_owned(), about })
    }

    /// Writes `study.toml` into a folder that is being made.
    pub(crate) fn write(root: &Path, about: &About) -> Result<()> {
        let path = root.join("study.toml");
        let text = toml::to_string(about).expect("plain values");
        doppelray_images::files::write_whole(&path, |file| file.write_all(text.as_bytes()))
            .map_err(|e| Error::file(&path, format!("cannot be written ({e})")))
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What it says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Where cases, readers and answers are.
    pub fn database(&self) -> PathBuf {
        self.root.join("study.db")
    }

    /// Where the images are.
    pub fn pixels(&self) -> PathBuf {
        self.root.join("pixels.bin")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A study of small pictures, for tests.
    pub(crate) fn about() -> About {
        let source = |path: &str| Source { path: path.into(), hash: "0".repeat(64) };
        About {
            format: FORMAT,
            title: "Reading knees".into(),
            design: Design::Grading,
            seed: 7,
            repeats: 0,
            margin: 0.1,
            deadline: String::new(),
            contact: String::new(),
            language: "en".into(),
            images: Images {
                size: 32,
                depth: Depth::Eight,
                sha256: String::new(),
                real: source("real"),
                synthetic: source("fakes"),
                cautions: Vec::new(),
            },
            made_by: "0".into(),
        }
    }

    #[test]
    fn a_study_is_read_back_and_a_spoiled_file_is_named_by_line() {
        let folder = tempfile::tempdir().unwrap();
        Study::write(folder.path(), &about()).unwrap();
        assert_eq!(*Study::open(folder.path()).unwrap().about(), about());
        let path = folder.path().join("study.toml");
        let spoiled = fs::read_to_string(&path).unwrap().replace("repeats = 0", "repeats = -1");
        doppelray_images::files::write_whole(&path, |f| f.write_all(spoiled.as_bytes())).unwrap();
        let said = Study::open(folder.path()).unwrap_err().to_string();
        assert!(said.contains("study.toml: line 5"), "{said}");
    }
}
