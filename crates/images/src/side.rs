//! Which knee of a person.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The person's own side, not the viewer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// A left knee; on an AP film its fibula is on the viewer's right.
    #[serde(rename = "L")]
    Left,
    /// A right knee; on an AP film its fibula is on the viewer's left.
    #[serde(rename = "R")]
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Left => "L",
            Self::Right => "R",
        })
    }
}

impl FromStr for Side {
    type Err = String;

    /// Accepts `l`, `r`, `left` and `right` in any case.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "l" | "left" => Ok(Self::Left),
            "r" | "right" => Ok(Self::Right),
            _ => Err(format!("side {text:?} is neither L nor R")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_reads_back_what_it_writes_and_takes_words_in_any_case() {
        for side in Side::BOTH {
            assert_eq!(side.to_string().parse(), Ok(side));
            let json = serde_json::to_string(&side).expect("an enum serialises");
            assert_eq!(json, format!("\"{side}\""));
        }
        assert_eq!("LEFT".parse(), Ok(Side::Left));
        assert_eq!("right".parse(), Ok(Side::Right));
        assert!("both".parse::<Side>().is_err());
    }
}
