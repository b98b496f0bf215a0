//! Journeys through the binary.

mod audit;
mod dicom;
mod evaluate;
mod fixture;
mod import;
mod journey;
mod refusals;
mod run;
mod study;
mod utility;
