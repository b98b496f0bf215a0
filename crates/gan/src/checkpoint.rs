//! What resumes: all networks, optimisers and the position, in one file; the one before is kept.

use std::fs;
use std::path::{Path, PathBuf};

use doppelray_images::files;
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::store;

/// The state of a run between two steps of the generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where the run stands.
    pub position: Position,
    /// The generator that is trained.
    pub generator: Parameters,
    /// The critic.
    pub critic: Parameters,
    /// The average generator, which samples.
    pub average: Parameters,
    /// The optimiser of the generator.
    pub generator_adam: Adam,
    /// The optimiser of the critic.
    pub critic_adam: Adam,
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Steps of the generator taken.
    pub step: u64,
    /// Seconds spent in training, over all sessions.
    pub seconds: f64,
    /// Hash of the collection.
    pub data: String,
    /// Losses since the last tick.
    pub sums: Sums,
    generator_steps: u64,
    critic_steps: u64,
}

/// Sums since the last tick, so that an interruption does not change a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Steps of the generator.
    pub steps: u64,
    /// Sum over the critic's steps of the estimated distance.
    pub distance: f64,
    /// Sum over the critic's steps of the gradient penalty.
    pub penalty: f64,
    /// Sum of the generator's losses.
    pub generator: f64,
}

impl Position {
    /// Before the first step.
    pub fn start(data: &str) -> Self {
        Self {
            step: 0,
            seconds: 0.0,
            data: data.to_owned(),
            sums: Sums::default(),
            generator_steps: 0,
            critic_steps: 0,
        }
    }
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
        let mut arrays = Parameters::new();
        for (prefix, part) in self.parts() {
            arrays.extend(store::under(prefix, part));
        }
        let mut position = self.position.clone();
        position.generator_steps = self.generator_adam.steps;
        position.critic_steps = self.critic_adam.steps;
        let (newest, next) = (newest(folder), folder.join("next.safetensors"));
        store::write(&next, &arrays, &position)?;
        if newest.exists() {
            fs::rename(&newest, before(folder)).map_err(Error::file(&newest))?;
        }
        fs::rename(&next, &newest).map_err(Error::file(&newest))?;
        files::sync_folder(&newest).map_err(Error::file(folder))
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
        let (arrays, position): (Parameters, Position) = store::read(path)?;
        let part = |prefix| store::below(prefix, &arrays);
        let adam = |steps, first, second| Adam { steps, first: part(first), second: part(second) };
        Ok(Self {
            generator: part("generator"),
            critic: part("critic"),
            average: part("average"),
            generator_adam: adam(position.generator_steps, "generator.first", "generator.second"),
            critic_adam: adam(position.critic_steps, "critic.first", "critic.second"),
            position,
        })
    }

    fn parts(&self) -> [(&'static str, &Parameters); 7] {
        [
            ("generator", &self.generator),
            ("critic", &self.critic),
            ("average", &self.average),
            ("generator.first", &self.generator_adam.first),
            ("generator.second", &self.generator_adam.second),
            ("critic.first", &self.critic_adam.first),
            ("critic.second", &self.critic_adam.second),
        ]
    }
}
