//! DICOM to grey images.
//!
//! A file is walked over, not loaded: of its header only the attributes that `tags` names are read; pixels are read a frame at a time. What a file declares (lengths, depth, size, frames) is held against what is
//! there, and against limits, before memory is taken. Decoders run contained: a panic refuses the file.
//!
//! Limits: 16 MiB of wanted header, 64 Mi samples a frame (as for PNG), 512 MiB of a deflated data set. A frame takes
//! up to 16 bytes a sample while it is decoded, so that one film takes 1 GiB at the very most and usually 100 MiB.

pub(crate) mod codec;
mod contain;
mod dataset;
mod film;
mod grey;
mod index;
mod lut;
mod object;
mod person;
mod refusal;
mod spacing;
mod syntax;
mod tags;
mod walk;
mod write;

pub use film::Film;
pub use index::index;
pub use object::Bytes;
pub use person::Person;
pub use refusal::Refusal;
pub use spacing::{Plane, Spacing};
pub use syntax::{Codec, READ};
pub use tags::Tag;
pub use write::Written;

#[cfg(test)]
mod tests;
