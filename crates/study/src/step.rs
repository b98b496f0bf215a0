//! Where a reader is, and what comes next.

use serde::{Deserialize, Serialize};

/// What a reader is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum Step {
    /// Read what it is about, and agree.
    Consent,
    /// An example, with feedback.
    Example {
        /// Which part, from 0.
        part: usize,
        /// Which example, from 0.
        n: usize,
    },
    /// A case.
    Case {
        /// Which part, from 0.
        part: usize,
        /// Which showing, from 0.
        n: usize,
    },
    /// Nothing more.
    Done,
}

/// How many examples and showings each part has.
pub type Lengths = Vec<[usize; 2]>;

impl Step {
    /// The step after this one. Empty stretches are passed over.
    pub fn next(self, lengths: &Lengths) -> Self {
        let after = match self {
            Self::Consent => Self::Example { part: 0, n: 0 },
            Self::Example { part, n } => Self::Example { part, n: n + 1 },
            Self::Case { part, n } => Self::Case { part, n: n + 1 },
            Self::Done => Self::Done,
        };
        after.settled(lengths)
    }

    fn settled(self, lengths: &Lengths) -> Self {
        match self {
            Self::Example { part, .. } | Self::Case { part, .. } if part >= lengths.len() => Self::Done,
            Self::Example { part, n } if n >= lengths[part][0] => Self::Case { part, n: 0 }.settled(lengths),
            Self::Case { part, n } if n >= lengths[part][1] => {
                Self::Example { part: part + 1, n: 0 }.settled(lengths)
            }
            other => other,
        }
    }

    /// The step before, where it can be taken back: within a stretch of one part.
    pub fn previous(self) -> Option<Self> {
        match self {
            Self::Case { part, n } if n > 0 => Some(Self::Case { part, n: n - 1 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_showing_comes_once_and_empty_stretches_are_passed() {
        let lengths = vec![[1, 2], [0, 1]];
        let mut step = Step::Consent;
        let mut way = Vec::new();
        while step != Step::Done {
            step = step.next(&lengths);
            way.push(step);
        }
        let (e, c) = (|part, n| Step::Example { part, n }, |part, n| Step::Case { part, n });
        assert_eq!(way, [e(0, 0), c(0, 0), c(0, 1), c(1, 0), Step::Done]);
    }
}
