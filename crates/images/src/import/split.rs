//! Which split an image belongs to: by its subject, never by itself.

use std::str::FromStr;

use doppelray_measures::rng::{Purpose, stream};
use sha2::{Digest, Sha256};

use super::Candidate;
use super::name::safe;
use crate::collection::{Row, check_subjects};

/// How images are divided.
#[derive(Clone, Debug, PartialEq)]
pub enum Split {
    /// The folder above the grade's names it.
    FromFolders,
    /// The label file's column names it.
    FromColumn,
    /// Subjects are drawn into train, val and test with these shares, in percent.
    Drawn {
        /// Shares of train, val and test; their sum is 100.
        shares: [f64; 3],
        /// Keys the draw.
        seed: u64,
    },
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FromFolders => f.write_str("from-folders"),
            Self::FromColumn => f.write_str("from-column"),
            Self::Drawn { shares: [a, b, c], .. } => write!(f, "{a}/{b}/{c}"),
        }
    }
}

/// The names of drawn splits.
const NAMES: [&str; 3] = ["train", "val", "test"];

impl FromStr for Split {
    type Err = String;

    /// `from-folders`, `from-column`, or shares like `70/10/20`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "from-folders" => return Ok(Self::FromFolders),
            "from-column" => return Ok(Self::FromColumn),
            _ => {}
        }
        let wrong = || format!("`{text}` is not from-folders, from-column, or shares like 70/10/20");
        let shares: Vec<f64> =
            text.split('/').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let shares: [f64; 3] = shares.try_into().map_err(|_| wrong())?;
        let sound = shares.iter().all(|s| *s >= 0.0) && (shares.iter().sum::<f64>() - 100.0).abs() < 1e-9;
        if sound {
            Ok(Self::Drawn { shares, seed: 0 })
        } else {
            Err(format!("the shares {text} do not add up to 100"))
        }
    }
}

impl Split {
    /// The same way of dividing, with the draw keyed by `seed`.
    pub fn with_seed(self, seed: u64) -> Self {
        match self {
            Self::Drawn { shares, .. } => Self::Drawn { shares, seed },
            given => given,
        }
    }

    /// The split that a row's subject is drawn into; `None` where splits are given.
    pub(crate) fn of(&self, row: &Row) -> Option<&'static str> {
        match self {
            Self::Drawn { shares, seed } => Some(draw(row, *shares, *seed)),
            _ => None,
        }
    }

    pub(super) fn assign(&self, candidates: &mut [Candidate]) -> Result<(), String> {
        for Candidate { path, row, .. } in candidates.iter_mut() {
            if let Some(drawn) = self.of(row) {
                row.split = drawn.to_owned();
            } else if row.split.is_empty() {
                let way = if *self == Self::FromColumn {
                    "give --labels a split column"
                } else {
                    "sort the images as SPLIT/GRADE/"
                };
                return Err(format!(
                    "{}: no split is given; {way}, or draw one with --split 70/10/20",
                    path.display()
                ));
            } else if row.split != safe(&row.split) || row.split.starts_with('.') {
                let why = "cannot name a split; use letters, digits, _ and -";
                return Err(format!("{}: `{}` {why}", path.display(), row.split));
            }
        }
        check_subjects(candidates.iter().map(|c| &c.row))
    }
}

/// A subject's split depends on the subject and the seed alone, so it stays when others are added.
fn draw(row: &Row, shares: [f64; 3], seed: u64) -> &'static str {
    let subject = row.subject.as_deref().unwrap_or(&row.id);
    let digest = Sha256::digest(subject.as_bytes());
    let index = u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    NAMES[stream(seed, Purpose::Split, index).choose(&shares)]
}
