//! Journeys through the binary.

mod fixture;
mod import;
