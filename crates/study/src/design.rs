//! What is asked of readers, in which parts.

use serde::{Deserialize, Serialize};

/// What a study asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// First the severity, without a word of synthetic images; then, of the same images, which are real.
    TwoPhase,
    /// The severity alone.
    Grading,
    /// Real or synthetic alone.
    RealOrFake,
    /// Of two of one grade, which is real.
    Paired,
}

impl Design {
    /// All of them, with the names they go by.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("two-phase", Self::TwoPhase),
        ("grading", Self::Grading),
        ("real-or-fake", Self::RealOrFake),
        ("paired", Self::Paired),
    ];

    /// Its parts, in order.
    pub fn tasks(self) -> &'static [Task] {
        match self {
            Self::TwoPhase => &[Task::Grade, Task::Judge],
            Self::Grading => &[Task::Grade],
            Self::RealOrFake => &[Task::Judge],
            Self::Paired => &[Task::Pair],
        }
    }
}

/// What one part asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Severity, quality, confidence.
    Grade,
    /// Real or synthetic, confidence, what gave it away.
    Judge,
    /// Which of two is real.
    Pair,
}

impl Task {
    /// Its name in the database and in exports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grade => "grade",
            Self::Judge => "judge",
            Self::Pair => "pair",
        }
    }

    /// Examples with feedback before it. Grading is shown on real images alone, so that nothing hints at others.
    pub fn examples(self) -> [usize; 2] {
        match self {
            Self::Grade => [3, 0],
            Self::Judge | Self::Pair => [2, 2],
        }
    }
}
