//! The networks of the projected game: a light generator with batch statistics, a frozen projector, critics.

pub mod critics;
pub mod generator;
pub(crate) mod pooling;
pub mod projector;
