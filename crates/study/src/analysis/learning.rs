//! Time a case, and whether readers get better or tired on the way.

use std::collections::BTreeMap;

use doppelray_measures::estimate::{Estimate, quantile};
use doppelray_measures::panel::mrmc::Mean;
use serde::{Deserialize, Serialize};

use super::{Data, Part, judge, pair};
use crate::answer::Answer;
use crate::cases::Truth;
use crate::design::Task;
use crate::store::Reading;

/// Seconds a case, over all readers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Times {
    /// Median over all.
    pub median: f64,
    /// First quartile.
    pub low: f64,
    /// Third quartile.
    pub high: f64,
    /// Medians by kind; of pairs "real" alone.
    pub by_kind: BTreeMap<String, f64>,
    /// Median of each reader.
    pub by_reader: Vec<f64>,
}

/// Right answers over the order of showing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Learning {
    /// Share right in each quarter of the showings, with the interval over readers.
    pub quarters: Vec<Estimate>,
    /// Change of the share from the first to the last showing: each reader's straight line, mean over readers with the
    /// interval of Student's t. Absent for one reader.
    pub slope: Option<Estimate>,
}

pub(super) fn times(data: &Data, part: &Part) -> Option<Times> {
    let seconds = |r: &&Reading| r.ms as f64 / 1000.0;
    let all: Vec<&Reading> = part.readers.iter().flatten().copied().collect();
    let mut sorted: Vec<f64> = all.iter().map(seconds).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() {
        return None;
    }
    let median = |mut of: Vec<f64>| {
        of.sort_unstable_by(f64::total_cmp);
        quantile(&of, 0.5)
    };
    let mut kinds = BTreeMap::<String, Vec<f64>>::new();
    for reading in &all {
        let truth = data.truth(&part.items[reading.item]);
        kinds.entry(truth.name().to_owned()).or_default().push(seconds(reading));
    }
    Some(Times {
        median: quantile(&sorted, 0.5),
        low: quantile(&sorted, 0.25),
        high: quantile(&sorted, 0.75),
        by_kind: kinds.into_iter().map(|(kind, of)| (kind, median(of))).collect(),
        by_reader: part.readers.iter().map(|r| median(r.iter().map(seconds).collect())).collect(),
    })
}

/// Whether an answer was right: the kind, the side, or the label's grade.
fn right(data: &Data, part: &Part, reading: &Reading) -> bool {
    let item = &part.items[reading.item];
    match (part.task, &reading.answer) {
        (Task::Judge, _) => (judge::rating(reading) > 0.0) == (data.truth(item) == Truth::Synthetic),
        (Task::Pair, _) => pair::found(reading),
        (Task::Grade, Answer::Grade { grade, .. }) => *grade == data.case(item).grade,
        (Task::Grade, _) => false,
    }
}

pub(super) fn learning(data: &Data, part: &Part) -> Option<Learning> {
    let in_order = |r: &Vec<&Reading>| {
        let mut shown: Vec<&Reading> = r.clone();
        shown.sort_by_key(|x| x.n);
        shown.iter().map(|x| f64::from(u8::from(right(data, part, x)))).collect::<Vec<f64>>()
    };
    let rows: Vec<Vec<f64>> = part.readers.iter().map(in_order).collect();
    let n = rows.first().map_or(0, Vec::len);
    if n < 8 {
        return None;
    }
    let quarter = |q: usize| {
        let of = |row: &Vec<f64>| mean(&row[q * n / 4..(q + 1) * n / 4]);
        over_readers(&rows.iter().map(of).collect::<Vec<_>>()).share(n / 4)
    };
    let slopes: Vec<f64> = rows.iter().map(|row| slope(row)).collect();
    let slope = (slopes.len() > 1).then(|| over_readers(&slopes).estimate(n));
    Some(Learning { quarters: (0..4).map(quarter).collect(), slope })
}

fn mean(of: &[f64]) -> f64 {
    of.iter().sum::<f64>() / of.len() as f64
}

fn over_readers(values: &[f64]) -> Mean {
    let (k, value) = (values.len() as f64, mean(values));
    let variance = values.iter().map(|v| (v - value) * (v - value)).sum::<f64>() / (k - 1.0).max(1.0);
    Mean { value, error: (variance / k).sqrt(), df: (k - 1.0).max(1.0) }
}

/// Least squares over places 0..=1.
fn slope(row: &[f64]) -> f64 {
    let last = (row.len() - 1) as f64;
    let level = mean(row);
    let at = |i: usize| i as f64 / last - 0.5;
    let (up, across) = row
        .iter()
        .enumerate()
        .fold((0.0, 0.0), |(up, across), (i, v)| (up + at(i) * (v - level), across + at(i) * at(i)));
    up / across
}
