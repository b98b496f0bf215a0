//! Pure numerics in f64: distances, intervals, agreement, audits, and the one source of randomness.
//!
//! Nothing here reads a file or knows a neural network.

pub mod rng;
