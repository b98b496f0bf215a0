//! The names of the measures, and a value for each.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// What is measured between two sets. In this order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Squared Frechet distance.
    Frechet,
    /// Unbiased squared kernel distance.
    Kid,
    /// Improved precision.
    Precision,
    /// Improved recall.
    Recall,
    /// Density.
    Density,
    /// Coverage.
    Coverage,
    /// Share of synthetic images that are no noisy copies of the real ones given.
    Authenticity,
    /// How many different images the synthetic ones amount to.
    Vendi,
    /// The cross-validated area under the curve of a linear probe.
    Detectability,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Frechet,
        Self::Kid,
        Self::Precision,
        Self::Recall,
        Self::Density,
        Self::Coverage,
        Self::Authenticity,
        Self::Vendi,
        Self::Detectability,
    ];
}

/// A value for each measure that can be trusted. As JSON, a key for each: what is absent is null.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Measure, Option<T>>", into = "BTreeMap<Measure, Option<T>>")]
#[serde(bound(serialize = "T: Copy + Serialize", deserialize = "T: Copy + Deserialize<'de>"))]
pub struct Measures<T>([Option<T>; Measure::ALL.len()]);

impl<T: Copy> Default for Measures<T> {
    fn default() -> Self {
        Self([None; Measure::ALL.len()])
    }
}

impl<T> Index<Measure> for Measures<T> {
    type Output = Option<T>;

    fn index(&self, measure: Measure) -> &Option<T> {
        &self.0[measure as usize]
    }
}

impl<T> IndexMut<Measure> for Measures<T> {
    fn index_mut(&mut self, measure: Measure) -> &mut Option<T> {
        &mut self.0[measure as usize]
    }
}

impl<T: Copy> From<BTreeMap<Measure, Option<T>>> for Measures<T> {
    fn from(map: BTreeMap<Measure, Option<T>>) -> Self {
        Self(Measure::ALL.map(|measure| map.get(&measure).copied().flatten()))
    }
}

impl<T: Copy> From<Measures<T>> for BTreeMap<Measure, Option<T>> {
    fn from(measures: Measures<T>) -> Self {
        Measure::ALL.into_iter().map(|measure| (measure, measures[measure])).collect()
    }
}

impl Measures<f64> {
    /// The mean of each measure that all have.
    pub fn mean(all: &[Self]) -> Self {
        let mean = |measure| {
            let values: Option<Vec<f64>> = all.iter().map(|one| one[measure]).collect();
            values.filter(|v| !v.is_empty()).map(|v| v.iter().sum::<f64>() / v.len() as f64)
        };
        Self(Measure::ALL.map(mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_null_and_comes_back_so() {
        let mut measures = Measures::default();
        measures[Measure::Kid] = Some(0.5);
        let text = serde_json::to_string(&measures).unwrap();
        assert!(text.starts_with(r#"{"frechet":null,"kid":0.5,"precision":null,"#), "{text}");
        assert_eq!(serde_json::from_str::<Measures<f64>>(&text).unwrap(), measures);
    }
}
