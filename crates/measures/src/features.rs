//! Feature vectors of a set of images, and which of them belong together.

/// Why feature vectors cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The values do not fill whole rows.
    #[error("{values} values do not fill rows of {width}")]
    Ragged {
        /// Values given.
        values: usize,
        /// Values a row should have.
        width: usize,
    },
    /// A NaN or an infinity.
    #[error("feature {column} of image {row} is not a finite number")]
    NotFinite {
        /// Image, from 0.
        row: usize,
        /// Feature, from 0.
        column: usize,
    },
    /// A label for each row is needed.
    #[error("{units} unit labels were given for {rows} images")]
    Units {
        /// Labels given.
        units: usize,
        /// Rows there are.
        rows: usize,
    },
    /// Two sets come from different spaces.
    #[error("one set has {left} features an image, the other {right}")]
    Width {
        /// Features a row of the first.
        left: usize,
        /// Features a row of the second.
        right: usize,
    },
    /// Fewer images than the measure is defined for.
    #[error("{count} images are too few, at least {needed} are needed")]
    TooFew {
        /// Images there are.
        count: usize,
        /// Images needed.
        needed: usize,
    },
    /// The decomposition did not converge.
    #[error("the decomposition of a {size} x {size} matrix did not converge")]
    Decomposition {
        /// Rows of the matrix.
        size: usize,
    },
}

/// `len` x `width` finite features, an image a row. Rows of one unit (one subject) are not independent:
/// whatever resamples or halves the set keeps them together.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    values: Vec<f32>,
    units: Vec<u32>,
}

impl Features {
    /// Rows of `width` values, one after the other; every row is its own unit.
    pub fn new(width: usize, values: Vec<f32>) -> Result<Self, FeatureError> {
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(FeatureError::Ragged { values: values.len(), width });
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(FeatureError::NotFinite { row: at / width, column: at % width });
        }
        let units = (0..(values.len() / width) as u32).collect();
        Ok(Self { width, values, units })
    }

    /// The same rows with a unit label each (any numbers; equal ones belong together).
    pub fn with_units(self, units: Vec<u32>) -> Result<Self, FeatureError> {
        if units.len() != self.len() {
            return Err(FeatureError::Units { units: units.len(), rows: self.len() });
        }
        Ok(Self { units, ..self })
    }

    /// Images.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Features an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The features of one image.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// The unit label of each image.
    pub fn units(&self) -> &[u32] {
        &self.units
    }

    /// The rows at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let values = indices.iter().flat_map(|i| self.row(*i)).copied().collect();
        let units = indices.iter().map(|i| self.units[*i]).collect();
        Self { width: self.width, values, units }
    }

    /// The same rows with each feature shifted and scaled so that `reference` has mean 0 and deviation 1; one that does not
    /// vary there has no such scale, and is 0.
    pub fn standardised_by(&self, reference: &Self) -> Result<Self, FeatureError> {
        reference.same_space(self)?;
        let n = reference.len() as f64;
        let mean = |of: &dyn Fn(usize) -> f64| (0..reference.len()).map(of).sum::<f64>() / n;
        let constants: Vec<(f64, f64)> = (0..self.width)
            .map(|at| {
                let value = |row| f64::from(reference.row(row)[at]);
                let centre = mean(&value);
                let variance = mean(&|row| (value(row) - centre).powi(2));
                (centre, if variance > 0.0 { variance.sqrt().recip() } else { 0.0 })
            })
            .collect();
        let values = self.values.chunks_exact(self.width).flat_map(|row| {
            row.iter().zip(&constants).map(|(v, (centre, scale))| ((f64::from(*v) - centre) * scale) as f32)
        });
        let values = values.collect();
        Ok(Self { width: self.width, values, units: self.units.clone() })
    }

    /// Row indices of each unit, in order of first appearance.
    pub fn by_unit(&self) -> Vec<Vec<usize>> {
        let mut place = std::collections::BTreeMap::new();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (row, unit) in self.units.iter().enumerate() {
            let at = *place.entry(*unit).or_insert(groups.len());
            if at == groups.len() {
                groups.push(Vec::new());
            }
            groups[at].push(row);
        }
        groups
    }

    /// An error unless both sets have the same width.
    pub fn same_space(&self, other: &Self) -> Result<(), FeatureError> {
        if self.width == other.width {
            return Ok(());
        }
        Err(FeatureError::Width { left: self.width, right: other.width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_is_refused_by_name() {
        assert_eq!(Features::new(2, vec![0.0; 3]), Err(FeatureError::Ragged { values: 3, width: 2 }));
        let nan = Features::new(2, vec![0.0, 1.0, 2.0, f32::NAN]);
        assert_eq!(nan, Err(FeatureError::NotFinite { row: 1, column: 1 }));
        let two = Features::new(2, vec![0.0; 4]).unwrap();
        assert_eq!(two.clone().with_units(vec![0]), Err(FeatureError::Units { units: 1, rows: 2 }));
        let one = Features::new(1, vec![0.0; 4]).unwrap();
        assert_eq!(two.same_space(&one), Err(FeatureError::Width { left: 2, right: 1 }));
    }

    #[test]
    fn a_reference_standardised_by_itself_has_mean_0_and_deviation_1() {
        let set = Features::new(2, vec![1.0, 7.0, 3.0, 7.0]).unwrap();
        assert_eq!(set.standardised_by(&set).unwrap().values, [-1.0, 0.0, 1.0, 0.0]);
        let other = Features::new(2, vec![4.0, 7.0, 2.0, 8.0]).unwrap();
        assert_eq!(other.standardised_by(&set).unwrap().values[1..2], [0.0]);
    }

    #[test]
    fn rows_are_grouped_by_unit_and_keep_their_label_when_selected() {
        let set = Features::new(1, vec![1.0, 2.0, 3.0]).unwrap().with_units(vec![7, 4, 7]).unwrap();
        assert_eq!(set.by_unit(), [vec![0, 2], vec![1]]);
        let picked = set.select(&[2, 1]);
        assert_eq!((picked.row(0), picked.row(1), picked.units()), (&[3.0][..], &[2.0][..], &[7, 4][..]));
    }
}
