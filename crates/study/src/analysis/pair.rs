//! Which of two is real: the share found, which is the area under the curve without a criterion.

use doppelray_measures::estimate::Estimate;
use doppelray_measures::panel::Table;
use doppelray_measures::panel::equivalence::{Equivalence, equivalence};
use doppelray_measures::panel::mrmc::{means, obuchowski_rockette};
use serde::{Deserialize, Serialize};

use super::judge::{exact, unsure};
use super::{Data, Part};
use crate::answer::Answer;
use crate::store::Reading;

/// A paired study.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pairing {
    /// Share of pairs whose real image was found, for other readers and other pairs; 0.5 is chance.
    pub found: Estimate,
    /// Is that chance?
    pub equivalence: Equivalence,
    /// Share of answers "right", which should be 0.5: sides are even.
    pub said_right: Estimate,
    /// Each reader's share, in the order of their numbers.
    pub by_reader: Vec<Estimate>,
}

/// Whether the real image was found.
pub(crate) fn found(reading: &Reading) -> bool {
    matches!(reading.answer, Answer::Pair { right, .. } if right == reading.swapped)
}

pub(super) fn pair(data: &Data, part: &Part) -> Pairing {
    let table = |of: fn(&Reading) -> bool| {
        let row = |r: &Vec<&Reading>| r.iter().map(|x| f64::from(u8::from(of(x)))).collect();
        Table::new(&part.readers.iter().map(row).collect::<Vec<Vec<f64>>>())
    };
    let mean = |table: &Table| {
        let (means, covariances) = means(table);
        obuchowski_rockette(&means, &covariances)
    };
    let pairs = part.items.len();
    let right = table(found);
    let all = mean(&right);
    let count = |row: &[f64]| exact(row.iter().sum::<f64>() as usize, pairs);
    Pairing {
        found: all.share(pairs),
        equivalence: equivalence(&unsure(all, 0.5 / (pairs as f64).sqrt()), 0.5, data.margin),
        said_right: mean(&table(|r| matches!(r.answer, Answer::Pair { right: true, .. }))).share(pairs),
        by_reader: right.rows().map(count).collect(),
    }
}
