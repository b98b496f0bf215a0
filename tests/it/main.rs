//! Journeys through the binary.

mod archive;
mod audit;
mod classify;
mod dicom;
mod evaluate;
mod fixture;
mod full_study;
mod guide;
mod import;
mod journey;
mod refusals;
mod release;
mod remote;
mod run;
mod study;
mod utility;
mod weights;
