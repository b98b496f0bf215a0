//! Networks, the adversarial game, checkpoints and models.

pub mod adam;
pub mod checkpoint;
mod choice;
pub mod classifier;
mod data;
pub mod describer;
pub mod device;
pub mod error;
pub mod game;
pub mod insider;
pub mod label;
pub mod mobilenet;
pub mod model;
pub mod networks;
pub mod ops;
mod origin;
pub mod own;
pub mod parameters;
pub mod pretrained;
pub mod run;
pub mod sample;
pub mod settings;
pub mod squeezenet;
mod store;
pub mod tensorboard;
pub mod train;

#[cfg(test)]
mod tests;

pub use device::Processor;
pub use error::{Error, Result};
pub use label::Label;
pub use settings::Settings;
