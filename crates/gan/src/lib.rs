//! Networks, the adversarial game, checkpoints and models.

pub mod adam;
pub mod checkpoint;
pub mod error;
pub mod game;
pub mod model;
pub mod networks;
pub mod parameters;
pub mod settings;
pub mod squeezenet;
mod store;

#[cfg(test)]
mod tests;

pub use error::{Error, Result};
pub use settings::Settings;
