//! Radiographs in and out: images, collections, splits, and the phantom knee.

pub mod anatomy;
pub mod archive;
pub mod augment;
pub mod collection;
pub mod copies;
pub mod dicom;
pub mod error;
pub mod files;
pub mod image;
pub mod import;
pub mod jpeg;
pub mod look;
pub mod lookalike;
pub mod mark;
pub mod phantom;
pub mod phantom_collection;
pub mod phantom_dicom;
pub mod png;
pub mod progress;
pub mod resize;
pub mod side;
pub mod source;
pub mod synthetic_dicom;
pub mod text;

pub use collection::{Collection, Row};
pub use error::{Error, Result};
pub use image::{Depth, Image};
pub use side::Side;
