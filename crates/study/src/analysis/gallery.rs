//! Which images fooled all readers, and which none.

use serde::{Deserialize, Serialize};

use super::{Data, Part, judge};
use crate::cases::Truth;

/// Images of each sort that are shown at most.
const SHOWN: usize = 6;

/// Images to look at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gallery {
    /// Synthetic, most taken for real first.
    pub fooling: Vec<Shown>,
    /// Synthetic, most often found out first.
    pub found_out: Vec<Shown>,
    /// Real, most taken for synthetic first.
    pub suspected: Vec<Shown>,
}

/// One image and what readers thought of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// Its place in `pixels.bin`.
    pub number: usize,
    /// Its id in its collection.
    pub source: String,
    /// Its label.
    pub grade: u8,
    /// Readers who took it for what it is not.
    pub fooled: usize,
    /// Readers.
    pub readers: usize,
    /// Where readers saw what gave it away: 0..=1 from the left and the top.
    pub marks: Vec<[f64; 2]>,
}

pub(super) fn gallery(data: &Data, part: Option<&Part>) -> Gallery {
    let Some(part) = part else { return Gallery::default() };
    let shown = |truth: Truth| -> Vec<Shown> {
        data.of(part, truth).into_iter().map(|item| one(data, part, item)).collect()
    };
    let most = |mut of: Vec<Shown>, by: fn(&Shown) -> usize| {
        of.sort_by_key(|s| (std::cmp::Reverse(by(s)), s.number));
        of.into_iter().filter(|s| by(s) > 0).take(SHOWN).collect()
    };
    Gallery {
        fooling: most(shown(Truth::Synthetic), |s| s.fooled),
        found_out: most(shown(Truth::Synthetic), |s| s.readers - s.fooled),
        suspected: most(shown(Truth::Real), |s| s.fooled),
    }
}

fn one(data: &Data, part: &Part, item: usize) -> Shown {
    let case = data.case(&part.items[item]);
    let readings = || part.readers.iter().map(|r| r[item]);
    let wrong = |r: &&crate::store::Reading| (judge::rating(r) > 0.0) != (case.truth == Truth::Synthetic);
    let marks = readings().filter_map(|r| match &r.answer {
        crate::answer::Answer::Judge { mark, .. } => *mark,
        _ => None,
    });
    Shown {
        number: case.number,
        source: case.source.clone(),
        grade: case.grade,
        fooled: readings().filter(wrong).count(),
        readers: part.readers.len(),
        marks: marks.collect(),
    }
}
