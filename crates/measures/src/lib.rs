//! Pure numerics in f64: distances, intervals, agreement, audits, and the one source of randomness.
//!
//! Nothing here reads a file or knows a neural network.

pub mod bank;
pub mod compare;
pub mod distribution;
pub mod estimate;
pub mod features;
pub mod frechet;
pub mod moments;
pub mod panel;
pub mod prdc;
pub mod rng;
pub mod whitening;

pub use features::{FeatureError, Features};
