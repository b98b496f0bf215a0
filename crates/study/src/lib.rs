//! The reader study: design, blinding, answers, analysis. No web, no network.
//!
//! A study is a folder: `study.toml` (what it is, never changed), `pixels.bin` (all images, alike in all but their content)
//! and `study.db` (cases with their truth, readers, answers, and the log that everything else follows from).

pub mod analysis;
pub mod answer;
pub mod cases;
pub mod day;
pub mod design;
pub mod draw;
pub mod error;
pub mod export;
pub mod log;
pub mod order;
pub mod pixels;
pub mod reader;
pub mod step;
pub mod store;
pub mod study;

pub use error::{Error, Result};
pub use store::Store;
pub use study::Study;
