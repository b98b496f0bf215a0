//! What an evaluation found of the knees' anatomy.

use std::collections::BTreeMap;

use doppelray_measures::estimate::Estimate;
use serde::{Deserialize, Serialize};

use super::evaluate::FileHash;

/// Measures by name (`images::anatomy::MEASURES`), and what could not be measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Anatomy {
    /// Lengths are shares of the tibial plateau's width, angles degrees.
    #[serde(flatten)]
    pub(crate) measures: BTreeMap<String, Measure>,
    /// Knees that were measured, real and synthetic.
    pub(crate) measured: [usize; 2],
    /// Images in which no joint was found.
    pub(crate) refused: [usize; 2],
    /// Synthetic images farthest outside what real knees measure.
    pub(crate) implausible: Vec<Implausible>,
}

/// One measure.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measure {
    /// Wasserstein distance of real and synthetic knees, in the measure's unit.
    pub(crate) overall: Estimate,
    /// The same by grade, where there are enough.
    pub(crate) grades: BTreeMap<String, Estimate>,
    pub(crate) real: Spread,
    pub(crate) synthetic: Spread,
}

/// Quantiles 5, 50 and 95%.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
}

/// A synthetic image and the measure by which it stands out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Implausible {
    pub(crate) picture: FileHash,
    pub(crate) measure: String,
    pub(crate) value: f64,
    /// Median of real knees.
    pub(crate) usual: f64,
}
