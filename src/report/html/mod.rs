//! Pages of reports: one file each, no network, light and dark, fit to print.

mod anatomy;
pub(crate) mod audit;
mod bands;
pub(crate) mod collection;
mod curve;
pub(crate) mod evaluate;
mod measures;
pub(crate) mod overview;
pub(crate) mod package;
mod pixels;
mod reading;
pub(crate) mod run;
pub(crate) mod shell;
pub(crate) mod study;
pub(crate) mod text;
pub(crate) mod utility;
pub(crate) mod whisker;
