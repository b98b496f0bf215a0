//! The experiment on use: classifiers trained with and without synthetic images, tested on real subjects nobody saw.
//!
//! A plan becomes cells, each one training. What a cell learns from is drawn and checked for all of them before anything
//! runs; images are described once, each cell ends in a file of its own, and the report follows from those files.

mod analysis;
mod cell;
mod draw;
mod features;
mod heads;
mod leak;
mod learner;
mod material;
mod plan;
mod store;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use analysis::{Findings, RESAMPLING, analyse};
pub(crate) use cell::{Done, Lab, Trained};
pub(crate) use draw::Pick;
pub(crate) use heads::Heads;
pub(crate) use material::{Choice, Material};
pub(crate) use plan::{Arm, Plan, Strategy};
pub(crate) use whole::Whole;
