//! A panel of readers who judge the same cases: what they reach, how sure that is, and how far they agree.
//!
//! Everything here is for a fully crossed panel (every reader has read every case) and takes both as samples: of
//! all readers, and of all cases.

pub mod agreement;
pub mod auc;
pub mod detection;
pub mod equivalence;
pub mod mrmc;
pub mod power;
pub mod simulate;

/// What a panel answered: one row a reader, one column a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    readers: usize,
    cases: usize,
    values: Vec<f64>,
}

impl Table {
    /// A table of `readers` rows.
    ///
    /// Panics where the rows differ in length or there are none.
    pub fn new(rows: &[Vec<f64>]) -> Self {
        let cases = rows.first().map_or(0, Vec::len);
        assert!(rows.iter().all(|row| row.len() == cases) && cases > 0, "a full table");
        Self { readers: rows.len(), cases, values: rows.concat() }
    }

    /// Rows.
    pub fn readers(&self) -> usize {
        self.readers
    }

    /// Columns.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// One reader's answers.
    pub fn row(&self, reader: usize) -> &[f64] {
        &self.values[reader * self.cases..(reader + 1) * self.cases]
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.cases)
    }

    /// What all readers answered to one case.
    pub fn column(&self, case: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(case).step_by(self.cases).copied()
    }

    /// The same with every value changed.
    pub fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|v| change(*v)).collect(), ..*self }
    }

    /// The columns named, in that order, repeats allowed.
    pub fn select(&self, cases: &[usize]) -> Self {
        let rows: Vec<Vec<f64>> = self.rows().map(|row| cases.iter().map(|c| row[*c]).collect()).collect();
        Self::new(&rows)
    }
}
