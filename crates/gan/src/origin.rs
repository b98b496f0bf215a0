//! What a run begins as: a generator that was trained before, or a whole game that goes on with other settings.

use std::path::{Path, PathBuf};

use crate::checkpoint::Position;
use crate::error::{Error, Result};
use crate::game::Game;
use crate::model::{Stored, hash};
use crate::parameters::Parameters;
use crate::store;

/// A file that a run begins from.
pub(crate) struct Origin {
    path: PathBuf,
    /// SHA-256 of the file.
    pub(crate) hash: String,
    begins: Begins,
}

enum Begins {
    /// The average of a generator.
    Generator(Parameters),
    /// All of a game after so many steps.
    Game(Parameters, u64),
}

impl Origin {
    /// Of a checkpoint's file, or of what [`Stored::find`] finds.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        if path.is_file() {
            let bytes = std::fs::read(path).map_err(Error::file(path))?;
            // A model's header has no position.
            if let Ok((state, position)) = store::parse::<Position>(path, &bytes) {
                let begins = Begins::Game(state, position.step);
                return Ok(Self { path: path.to_owned(), hash: hash(&bytes), begins });
            }
        }
        let Stored { path, parameters, hash, .. } = Stored::find(path)?;
        Ok(Self { path, hash, begins: Begins::Generator(parameters) })
    }

    /// Begins the game, and gives the steps that it has behind it.
    pub(crate) fn begin(self, game: &mut dyn Game) -> Result<u64> {
        let done = match self.begins {
            Begins::Generator(average) => game.start_from(&average).map(|()| 0),
            Begins::Game(state, step) => game.go_on(&state, step).map(|()| step),
        };
        done.map_err(|reason| Error::content(&self.path, reason))
    }
}
