//! Answers, and which can be.

use serde::{Deserialize, Serialize};

use crate::design::Task;
use crate::error::{Error, Result};

/// The longest that an image can have been looked at, in ms: longer than any session.
pub const LONGEST_LOOK: u64 = 24 * 3600 * 1000;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 300;

/// What a reader says of what was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "lowercase", deny_unknown_fields)]
pub enum Answer {
    /// Of one image.
    Grade {
        /// Kellgren-Lawrence, 0..=4.
        grade: u8,
        /// Technical quality, 1 (poor) to 5 (excellent).
        quality: u8,
        /// 1 (a guess) to 5 (certain).
        confidence: u8,
    },
    /// Of one image.
    Judge {
        /// Taken for synthetic.
        synthetic: bool,
        /// 1 (a guess) to 5 (certain).
        confidence: u8,
        /// What gave it away: place in the image, 0..=1 from the left and the top.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mark: Option<[f64; 2]>,
        /// In the reader's words; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// Of two images.
    Pair {
        /// The real one is thought to be at the right.
        right: bool,
        /// 1 (a guess) to 5 (certain).
        confidence: u8,
    },
}

impl Answer {
    /// What it answers.
    pub fn task(&self) -> Task {
        match self {
            Self::Grade { .. } => Task::Grade,
            Self::Judge { .. } => Task::Judge,
            Self::Pair { .. } => Task::Pair,
        }
    }

    /// Refuses what no reader can have meant.
    pub fn check(&self) -> Result<()> {
        let scale = |value: u8| (1..=5).contains(&value);
        let fine = match self {
            Self::Grade { grade, quality, confidence } => {
                *grade <= 4 && scale(*quality) && scale(*confidence)
            }
            Self::Judge { confidence, mark, reason, .. } => {
                let inside = |v: &f64| (0.0..=1.0).contains(v);
                scale(*confidence)
                    && mark.is_none_or(|m| m.iter().all(inside))
                    && reason.chars().count() <= LONGEST_REASON
            }
            Self::Pair { confidence, .. } => scale(*confidence),
        };
        if fine { Ok(()) } else { Err(Error::Invalid("the answer is out of range")) }
    }
}

/// An answer as it is sent in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Made by who sends it, the same when it is sent again.
    pub key: String,
    /// Which part, from 0.
    pub part: usize,
    /// An example, not a case.
    pub example: bool,
    /// Which showing of the part, from 0.
    pub n: usize,
    /// Takes back the last answer and puts this one in its place.
    pub revises: bool,
    /// How long the image was looked at, in ms.
    pub ms: u64,
    /// What was said.
    pub answer: Answer,
}

impl Submission {
    /// Refuses what cannot be.
    pub fn check(&self) -> Result<()> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(8..=64).contains(&self.key.len()) || !self.key.chars().all(plain) {
            return Err(Error::Invalid("the key is not 8 to 64 letters and digits"));
        }
        if self.ms > LONGEST_LOOK {
            return Err(Error::Invalid("nobody looks at an image for longer than a day"));
        }
        self.answer.check()
    }
}
