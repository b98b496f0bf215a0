//! A trained classifier as a file: its values, and all that one needs to use it on other images.

use std::path::Path;

use doppelray_measures::classify::Task;
use serde::{Deserialize, Serialize};

use super::Architecture;
use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::store::{self, Width};

/// A classifier's file, read or to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What it is.
    pub about: About,
    /// Its values by name.
    pub parameters: Parameters,
}

/// What a classifier is: the header of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// What it is asked.
    pub task: Task,
    /// What outputs are divided by before they become probabilities.
    pub temperature: f64,
    /// What turns images into its outputs.
    pub basis: Basis,
    /// Width and height of the images that it learned from.
    pub size: u32,
    /// The settings by which those were prepared (`images::look`).
    pub look: toml::Table,
    /// What it learned from, in words.
    pub learned_from: String,
    /// SHA-256 of the manifests of the collections of real and synthetic images.
    pub collections: [String; 2],
    /// Version of doppelray that made it.
    pub made_by: String,
}

/// What turns images into outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Basis {
    /// A network that was trained whole.
    Whole {
        /// Which.
        architecture: Architecture,
    },
    /// A linear head on features.
    Head {
        /// What the features are called, with their version.
        space: String,
        /// SHA-256 of the weights file that makes them, where one does.
        weights: Option<String>,
    },
}

impl Kept {
    /// Writes the file, whole.
    pub fn write(&self, path: &Path) -> Result<()> {
        store::write(path, &self.parameters, &self.about, Width::Single)
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let (parameters, about) = store::read(path).map_err(|error| match error {
            Error::Content { path, reason } => {
                let reason = format!("{reason}; a classifier of `doppelray utility` is needed");
                Error::Content { path, reason }
            }
            other => other,
        })?;
        Ok(Self { about, parameters })
    }
}
