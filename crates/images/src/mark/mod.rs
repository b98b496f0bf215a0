//! Marks that say that an image is synthetic: a text that travels in the file, and a watermark that travels in the pixels.

mod statement;
mod watermark;

pub use statement::{Statement, encode, read};
pub use watermark::{BITS, ENOUGH, Watermark};
