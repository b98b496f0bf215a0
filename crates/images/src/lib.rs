//! Radiographs in and out: images, collections, splits, and the phantom knee.

pub mod files;
pub mod image;
pub mod progress;

pub use image::{Depth, Image};
