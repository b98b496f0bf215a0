//! Reports: what each command found out, as serde structs, and pages drawn from them alone.

pub(crate) mod anatomy;
pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod collection;
pub(crate) mod evaluate;
pub(crate) mod film;
pub(crate) mod html;
pub(crate) mod overview;
pub(crate) mod package;
pub(crate) mod run;
pub(crate) mod seal;
pub(crate) mod utility;
mod verdict;
