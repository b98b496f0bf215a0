//! The images of a study and the truth about them. None of this leaves the server for a reader.

use serde::{Deserialize, Serialize};

use crate::design::Task;

/// Whether a patient was in front of the tube.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// A patient's.
    Real,
    /// A network's.
    Synthetic,
}

impl Truth {
    /// Its name in the database and in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Synthetic => "synthetic",
        }
    }
}

/// What an image is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// It counts.
    Study,
    /// An example with feedback before a part.
    Example(Task),
}

impl Use {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Study => "study",
            Self::Example(Task::Grade) => "example-grade",
            Self::Example(Task::Judge) => "example-judge",
            Self::Example(Task::Pair) => "example-pair",
        }
    }

    /// The use of that name.
    pub fn named(name: &str) -> Option<Self> {
        let all =
            [Self::Study, Self::Example(Task::Grade), Self::Example(Task::Judge), Self::Example(Task::Pair)];
        all.into_iter().find(|of| of.name() == name)
    }
}

/// One image of a study; its number is its place in `pixels.bin`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Place among all, from 0. Places are shuffled: they tell nothing.
    pub number: usize,
    /// What it is shown for.
    pub used: Use,
    /// Real or synthetic.
    pub truth: Truth,
    /// The grade that its collection gives it.
    pub grade: u8,
    /// In a paired design, images of one number are shown side by side.
    pub pair: Option<usize>,
    /// The patient's pseudonym, where there is one.
    pub subject: String,
    /// Its id in its collection.
    pub source: String,
}

/// What is shown at once: one image, or the two of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The images' numbers; of a pair the real one first.
    pub images: Vec<usize>,
}

/// The items of `used` in the order of their numbers.
pub fn items(cases: &[Case], used: Use) -> Vec<Item> {
    let mine: Vec<&Case> = cases.iter().filter(|case| case.used == used).collect();
    let single =
        mine.iter().filter(|case| case.pair.is_none()).map(|case| Item { images: vec![case.number] });
    let mut pairs: Vec<usize> = mine.iter().filter_map(|case| case.pair).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let both = pairs.iter().map(|pair| {
        let mut two: Vec<&&Case> = mine.iter().filter(|case| case.pair == Some(*pair)).collect();
        two.sort_by_key(|case| case.truth);
        Item { images: two.iter().map(|case| case.number).collect() }
    });
    single.chain(both).collect()
}
