//! The mean over a panel of a measure, with its interval for other readers and other cases
//! (multi-reader multi-case, MRMC).
//!
//! Two ways that share no step: the variance components of Obuchowski and Rockette (1995) with the degrees of freedom
//! of Hillis (2007), for any measure; and the U-statistic moments of Gallas (2006) for the area under the curve
//! (`auc::u_statistic`).

use crate::distribution::{beta_quantile, student_quantile};
use crate::estimate::Estimate;
use crate::panel::Table;

/// Symmetric covariances between readers.
pub type Covariances = Vec<Vec<f64>>;

/// A mean over readers and how far it may lie off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean over the readers.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of that.
    pub df: f64,
}

impl Mean {
    /// The confidence interval that leaves out `tail` on either side.
    pub fn interval(&self, tail: f64) -> (f64, f64) {
        if self.error == 0.0 {
            return (self.value, self.value);
        }
        let reach = student_quantile(1.0 - tail, self.df) * self.error;
        (self.value - reach, self.value + reach)
    }

    /// With its 95% interval, of a measure without bounds.
    pub fn estimate(&self, n: usize) -> Estimate {
        let (low, high) = self.interval(0.025);
        Estimate { value: self.value, low, high, floor: None, n }
    }

    /// With its 95% interval, of a share of `n` cases: within 0..1, and never of no width.
    ///
    /// Where nobody ever differed there is no spread to go by; the interval then is that of Clopper and Pearson (1934)
    /// for one reader, which no number of readers who all see the same can make narrower.
    pub fn share(&self, n: usize) -> Estimate {
        if self.error == 0.0 {
            let hits = (self.value * n as f64).round() as usize;
            let (low, high) = exact_interval(hits.min(n), n);
            return Estimate { value: self.value, low, high, floor: None, n };
        }
        let estimate = self.estimate(n);
        Estimate { low: estimate.low.max(0.0), high: estimate.high.min(1.0), ..estimate }
    }
}

/// The exact 95% interval of `hits` of `n` (Clopper and Pearson 1934).
pub fn exact_interval(hits: usize, n: usize) -> (f64, f64) {
    let (k, n) = (hits as f64, n as f64);
    let low = if hits == 0 { 0.0 } else { beta_quantile(0.025, k, n - k + 1.0) };
    let high = if k == n { 1.0 } else { beta_quantile(0.975, k + 1.0, n - k) };
    (low, high)
}

/// The mean of the readers' `measures` by Obuchowski and Rockette for one modality.
///
/// `covariances` are those of the measures by the cases. Var = (MS(R) + r max(Cov2, 0)) / r, and the degrees of freedom are
/// (MS(R) + r max(Cov2, 0))^2 / (MS(R)^2 / (r - 1)) (Hillis 2007, eq. 9; Hillis 2014). One reader alone has the variance
/// of the cases and infinitely many.
pub fn obuchowski_rockette(measures: &[f64], covariances: &Covariances) -> Mean {
    let readers = measures.len() as f64;
    let value = measures.iter().sum::<f64>() / readers;
    if measures.len() == 1 {
        return Mean { value, error: covariances[0][0].max(0.0).sqrt(), df: f64::INFINITY };
    }
    let spread = measures.iter().map(|m| (m - value) * (m - value)).sum::<f64>() / (readers - 1.0);
    let shared = readers * between(covariances).max(0.0);
    let total = spread + shared;
    let df = if spread > 0.0 { total * total / (spread * spread / (readers - 1.0)) } else { f64::INFINITY };
    Mean { value, error: (total / readers).sqrt(), df }
}

/// Cov2: the mean covariance between two readers on the same cases.
pub fn between(covariances: &Covariances) -> f64 {
    let readers = covariances.len();
    let off: f64 =
        (0..readers).map(|i| (0..readers).filter(|j| *j != i).map(|j| covariances[i][j]).sum::<f64>()).sum();
    off / (readers * (readers - 1)) as f64
}

/// The readers' means over the cases, and the covariances of those means.
pub fn means(table: &Table) -> (Vec<f64>, Covariances) {
    let n = table.cases() as f64;
    let means: Vec<f64> = table.rows().map(|row| row.iter().sum::<f64>() / n).collect();
    let covariances = covariances(table, &means, |sum| sum / (n * (n - 1.0)));
    (means, covariances)
}

/// Sums of products of deviations between readers, each through `scale`.
pub(crate) fn covariances(table: &Table, means: &[f64], scale: impl Fn(f64) -> f64) -> Covariances {
    let entry = |i: usize, j: usize| {
        let products = table.row(i).iter().zip(table.row(j)).map(|(a, b)| (a - means[i]) * (b - means[j]));
        scale(products.sum())
    };
    (0..means.len()).map(|i| (0..means.len()).map(|j| entry(i, j)).collect()).collect()
}

/// Covariances of a sum of two measures on different cases, each with a factor.
pub fn combine(a: (f64, &Covariances), b: (f64, &Covariances)) -> Covariances {
    let entry = |i: usize, j: usize| a.0 * a.0 * a.1[i][j] + b.0 * b.0 * b.1[i][j];
    (0..a.1.len()).map(|i| (0..a.1.len()).map(|j| entry(i, j)).collect()).collect()
}

/// Covariances by leaving out one case after another (Quenouille 1956, Tukey 1958).
///
/// `without[c]` holds the readers' measures without case `c`.
pub fn jackknife(without: &[Vec<f64>]) -> Covariances {
    let (cases, readers) = (without.len() as f64, without[0].len());
    let mean = |r: usize| without.iter().map(|w| w[r]).sum::<f64>() / cases;
    let means: Vec<f64> = (0..readers).map(mean).collect();
    let entry = |i: usize, j: usize| {
        let products = without.iter().map(|w| (w[i] - means[i]) * (w[j] - means[j]));
        products.sum::<f64>() * (cases - 1.0) / cases
    };
    (0..readers).map(|i| (0..readers).map(|j| entry(i, j)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_without_any_difference_is_as_sure_as_one_reader() {
        let (means, covariances) = means(&Table::new(&[vec![1.0; 30], vec![1.0; 30]]));
        let all = obuchowski_rockette(&means, &covariances).share(30);
        // Clopper-Pearson at 30 of 30: 0.884.
        assert!((all.low - 0.8843).abs() < 1e-4 && all.high == 1.0, "{all:?}");
    }

    #[test]
    fn one_reader_has_the_binomial_error() {
        let row = (0..40).map(|i| f64::from(u8::from(i % 4 == 0))).collect();
        let (means, covariances) = means(&Table::new(&[row]));
        let mean = obuchowski_rockette(&means, &covariances);
        assert!((mean.error - (0.25 * 0.75 / 39.0f64).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn leaving_out_cases_gives_a_mean_its_own_covariance() {
        let table = Table::new(&[vec![1.0, 2.0, 4.0, 8.0], vec![0.0, 1.0, 1.0, 0.0]]);
        let without: Vec<Vec<f64>> =
            (0..4).map(|c| table.rows().map(|r| (r.iter().sum::<f64>() - r[c]) / 3.0).collect()).collect();
        let (a, b) = (jackknife(&without), means(&table).1);
        (0..2).for_each(|i| (0..2).for_each(|j| assert!((a[i][j] - b[i][j]).abs() < 1e-12)));
    }
}
