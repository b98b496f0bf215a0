//! Journeys through the binary.

mod fixture;
mod import;
mod journey;
mod refusals;
mod run;
mod study;
