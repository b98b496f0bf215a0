//! What resumes: the game's state and the position, in one file; the one before is kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use doppelray_images::files;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::store::{self, Width};

/// The state of a run between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub position: Position,
    /// The game: networks, moments, averages.
    pub state: Parameters,
}

/// Where a run stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps of the generator taken.
    pub step: u64,
    /// Seconds spent in training, over all sessions.
    pub seconds: f64,
    /// Hash of the collection.
    pub data: String,
    /// Steps since the last tick.
    pub tick_steps: u64,
    /// Sums of the losses since the last tick, so that an interruption does not change a line of the log.
    pub sums: BTreeMap<String, f64>,
    /// The least distance of a snapshot to the images that choose.
    #[serde(default)]
    pub best: Option<f64>,
    /// Snapshots since then.
    #[serde(default)]
    pub stale: u64,
}

impl Position {
    /// Before the first step.
    pub fn start(data: &str) -> Self {
        Self { data: data.to_owned(), ..Self::default() }
    }
}

/// Whether a file is the checkpoint of a run, which tells where the run stands.
pub fn is_checkpoint(path: &Path) -> bool {
    path.is_file() && store::read::<Position>(path).is_ok()
}

fn newest(folder: &Path) -> PathBuf {
    folder.join("newest.safetensors")
}

fn before(folder: &Path) -> PathBuf {
    folder.join("before.safetensors")
}

impl Checkpoint {
    /// Writes the checkpoint beside the newest, which becomes the one before.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let (newest, next) = (newest(folder), folder.join("next.safetensors"));
        store::write(&next, &self.state, &self.position, Width::Single)?;
        if newest.exists() {
            fs::rename(&newest, before(folder)).map_err(Error::unwritten(&newest))?;
        }
        fs::rename(&next, &newest).map_err(Error::unwritten(&newest))?;
        files::sync_folder(&newest).map_err(Error::unwritten(folder))
    }

    /// The newest checkpoint that can be read, and why a newer one could not; `None` where none was written.
    pub fn read(folder: &Path) -> Result<Option<(Self, Option<Error>)>> {
        let mut trouble = None;
        for path in [folder.join("next.safetensors"), newest(folder), before(folder)] {
            if !path.exists() {
                continue;
            }
            match Self::read_file(&path) {
                Ok(checkpoint) => return Ok(Some((checkpoint, trouble))),
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    fn read_file(path: &Path) -> Result<Self> {
        let (state, position) = store::read(path)?;
        Ok(Self { position, state })
    }
}
