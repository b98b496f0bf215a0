//! Journeys through the binary.

mod dicom;
mod evaluate;
mod fixture;
mod import;
mod journey;
mod refusals;
mod run;
mod study;
