//! Which images fooled all readers, and which none.

use serde::{Deserialize, Serialize};

use super::{Data, Part, judge};
use crate::answer::Answer;
use crate::cases::Truth;
use crate::store::Reading;

/// Images of each sort that are shown at most.
const SHOWN: usize = 6;

/// Images to look at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Gallery {
    /// Of the synthetic images.
    pub synthetic: Fooled,
    /// Of the real images.
    pub real: Fooled,
    /// Synthetic, most taken for real first.
    pub fooling: Vec<Shown>,
    /// Synthetic, most often found out first.
    pub found_out: Vec<Shown>,
    /// Real, most taken for synthetic first.
    pub suspected: Vec<Shown>,
}

/// How many images of a kind were taken for the other by all readers, and by none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fooled {
    /// Images of the kind.
    pub images: usize,
    /// By all readers.
    pub all: usize,
    /// By none.
    pub none: usize,
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
    /// Where those who called it synthetic saw what gave it away: 0..=1 from the left and the top.
    pub marks: Vec<[f64; 2]>,
}

pub(super) fn gallery(data: &Data, part: Option<&Part>) -> Gallery {
    let Some(part) = part else { return Gallery::default() };
    let [synthetic, real] = [Truth::Synthetic, Truth::Real].map(|truth| -> Vec<Shown> {
        data.of(part, truth).into_iter().map(|item| one(data, part, item)).collect()
    });
    Gallery {
        synthetic: fooled(&synthetic),
        real: fooled(&real),
        fooling: most(&synthetic, |s| s.fooled),
        found_out: most(&synthetic, |s| s.readers - s.fooled),
        suspected: most(&real, |s| s.fooled),
    }
}

fn fooled(of: &[Shown]) -> Fooled {
    let count = |is: fn(&&Shown) -> bool| of.iter().filter(is).count();
    Fooled { images: of.len(), all: count(|s| s.fooled == s.readers), none: count(|s| s.fooled == 0) }
}

fn most(of: &[Shown], by: fn(&Shown) -> usize) -> Vec<Shown> {
    let mut of: Vec<Shown> = of.iter().filter(|s| by(s) > 0).cloned().collect();
    of.sort_by_key(|s| (std::cmp::Reverse(by(s)), s.number));
    of.truncate(SHOWN);
    of
}

fn one(data: &Data, part: &Part, item: usize) -> Shown {
    let case = data.case(&part.items[item]);
    let readings = || part.readers.iter().map(|r| r[item]);
    let wrong = |r: &&Reading| (judge::rating(r) > 0.0) != (case.truth == Truth::Synthetic);
    let marks = readings().filter_map(|r| match &r.answer {
        Answer::Judge { synthetic: true, mark, .. } => *mark,
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
