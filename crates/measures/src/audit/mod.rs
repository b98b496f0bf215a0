//! Attacks on privacy as numbers: can those who were trained on be told from those who were not?
//!
//! Every attack gives each real image a score, higher where it speaks for "was trained on", from the synthetic images and
//! the real population alone. [`separation`] compares the scores of the training images with those of real images that the
//! generator never saw; what counts is the difference. Synthetic images come as a stream, block by block, so memory grows
//! with the real images alone.

pub mod density;
pub mod embedding;
pub mod matching;
pub mod nearest;
pub mod nearness;
pub mod separation;
pub mod share;
pub mod tail;

pub use density::{Basis, Density};
pub use embedding::Embedding;
pub use matching::matched;
pub use nearest::{Nearest, Neighbour};
pub use nearness::{Nearness, nearness};
pub use separation::{Group, Operating, Separation, separate};
