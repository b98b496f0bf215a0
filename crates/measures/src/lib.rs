//! Pure numerics in f64: distances, intervals, agreement, audits, and the one source of randomness.
//!
//! Nothing here reads a file or knows a neural network.

pub mod audit;
pub mod authenticity;
pub mod bank;
pub mod classify;
pub mod compare;
pub mod consistency;
pub mod detectability;
pub mod discriminant;
pub mod distribution;
pub mod estimate;
pub mod features;
pub mod folds;
mod fourier;
pub mod frechet;
pub mod infinite;
pub mod kid;
pub mod moments;
mod neighbours;
pub mod pairs;
pub mod panel;
pub mod prdc;
pub mod radial;
pub mod radiomics;
pub mod rng;
pub mod ssim;
mod tiles;
pub mod vendi;
pub mod wasserstein;
pub mod whitening;

pub use features::{FeatureError, Features};
