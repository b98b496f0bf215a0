//! How far readers agree: weighted kappa and intraclass correlation.

use rayon::prelude::*;

use crate::distribution::f_quantile;
use crate::estimate::{Estimate, Resampling, quantile};
use crate::panel::Table;
use crate::rng::{Purpose, stream};

/// Cohen's kappa with quadratic weights (Cohen 1968) of two lists of whole numbers. `None` where both always gave one
/// and the same answer, which agrees by chance alone.
pub fn weighted_kappa(a: &[f64], b: &[f64]) -> Option<f64> {
    let squares = |x: f64, y: f64| (x - y) * (x - y);
    let n = a.len() as f64;
    let observed = a.iter().zip(b).map(|(x, y)| squares(*x, *y)).sum::<f64>() / n;
    let expected = a.iter().map(|x| b.iter().map(|y| squares(*x, *y)).sum::<f64>()).sum::<f64>() / (n * n);
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// The mean of the weighted kappas of all pairs of readers (Light 1971).
pub fn light_kappa(table: &Table) -> Option<f64> {
    let readers = table.readers();
    let pairs = (0..readers).flat_map(|i| (i + 1..readers).map(move |j| (i, j)));
    mean(pairs.map(|(i, j)| weighted_kappa(table.row(i), table.row(j))))
}

/// The mean of the readers' weighted kappas with a reference.
pub fn kappa_with(table: &Table, reference: &[f64]) -> Option<f64> {
    mean(table.rows().map(|row| weighted_kappa(row, reference)))
}

fn mean(of: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let all: Vec<f64> = of.flatten().collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// The 95% percentile interval of `measure` under resampling of `cases` cases; the readers stay as they are.
///
/// Resampled sets in which the measure does not exist are left out; `None` where it does not exist at all.
pub fn over_cases(
    cases: usize,
    resampling: Resampling,
    measure: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Option<Estimate> {
    let value = measure(&(0..cases).collect::<Vec<_>>())?;
    let replicate = |index| {
        let mut draws = stream(resampling.seed, Purpose::Bootstrap, index);
        measure(&(0..cases).map(|_| draws.below(cases)).collect::<Vec<_>>())
    };
    let mut drawn: Vec<f64> =
        (0..resampling.replicates as u64).into_par_iter().filter_map(replicate).collect();
    drawn.sort_unstable_by(f64::total_cmp);
    let (low, high) =
        if drawn.is_empty() { (value, value) } else { (quantile(&drawn, 0.025), quantile(&drawn, 0.975)) };
    Some(Estimate { value, low, high, floor: None, n: cases })
}

/// ICC(2,1): absolute agreement of single readings, readers and cases random (Shrout and Fleiss 1979, with the interval
/// on their p. 424). `None` for fewer than two readers or cases, or where all answers are the same.
pub fn icc(table: &Table) -> Option<Estimate> {
    let (k, n) = (table.readers() as f64, table.cases() as f64);
    if table.readers() < 2 || table.cases() < 2 {
        return None;
    }
    let grand = table.values.iter().sum::<f64>() / (k * n);
    let of_readers: f64 = table.rows().map(|row| (row.iter().sum::<f64>() / n - grand).powi(2)).sum();
    let of_cases: f64 = (0..table.cases()).map(|c| (table.column(c).sum::<f64>() / k - grand).powi(2)).sum();
    let total: f64 = table.values.iter().map(|v| (v - grand) * (v - grand)).sum();
    let readers = n * of_readers / (k - 1.0);
    let cases = k * of_cases / (n - 1.0);
    let rest = ((total - n * of_readers - k * of_cases) / ((k - 1.0) * (n - 1.0))).max(0.0);
    let below = cases + (k - 1.0) * rest + k * (readers - rest) / n;
    if below <= 0.0 {
        return None;
    }
    let value = (cases - rest) / below;
    let (low, high) = icc_interval(value, [cases, readers, rest], k, n);
    Some(Estimate { value, low, high, floor: None, n: table.cases() })
}

fn icc_interval(value: f64, [cases, readers, rest]: [f64; 3], k: f64, n: f64) -> (f64, f64) {
    if rest == 0.0 {
        return (value, value);
    }
    let ratio = readers / rest;
    let inner = k * value * ratio + n * (1.0 + (k - 1.0) * value) - k * value;
    let apart = (n - 1.0) * (k * value * ratio).powi(2) + (n * (1.0 + (k - 1.0) * value) - k * value).powi(2);
    let df = ((k - 1.0) * (n - 1.0) * inner * inner / apart).max(1.0);
    let (up, down) = (f_quantile(0.975, n - 1.0, df), f_quantile(0.975, df, n - 1.0));
    let noise = k * readers + (k * n - k - n) * rest;
    let low = n * (cases - up * rest) / (up * noise + n * cases);
    let high = n * (down * cases - rest) / (noise + n * down * cases);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shrout and Fleiss 1979, table 2: six targets, four judges; their ICC(2,1) is 0.29, its interval 0.019 to 0.761
    /// (computed by McGraw and Wong's program and by R's psych::ICC).
    #[test]
    fn the_example_of_shrout_and_fleiss_comes_out() {
        let judges = [
            vec![9.0, 6.0, 8.0, 7.0, 10.0, 6.0],
            vec![2.0, 1.0, 4.0, 1.0, 5.0, 2.0],
            vec![5.0, 3.0, 6.0, 2.0, 6.0, 4.0],
            vec![8.0, 2.0, 8.0, 6.0, 9.0, 7.0],
        ];
        let icc = icc(&Table::new(&judges)).unwrap();
        assert!((icc.value - 0.289_76).abs() < 1e-4, "{icc:?}");
        assert!((icc.low - 0.019).abs() < 1e-3 && (icc.high - 0.761).abs() < 1e-3, "{icc:?}");
    }

    #[test]
    fn kappa_is_one_for_equals_and_none_for_a_constant() {
        let a = [0.0, 1.0, 2.0, 4.0];
        assert_eq!(weighted_kappa(&a, &a), Some(1.0));
        assert_eq!(weighted_kappa(&[2.0; 4], &[2.0; 4]), None);
    }

    /// sklearn.metrics.cohen_kappa_score(a, b, weights="quadratic").
    #[test]
    fn kappa_is_scikit_learns() {
        let a = [0.0, 1.0, 2.0, 3.0, 4.0, 2.0, 1.0, 0.0, 3.0, 2.0];
        let b = [0.0, 2.0, 2.0, 3.0, 3.0, 1.0, 1.0, 1.0, 4.0, 0.0];
        assert!((weighted_kappa(&a, &b).unwrap() - 0.716_981_132_075_471_8).abs() < 1e-12);
    }
}
