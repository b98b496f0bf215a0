//! What a file's name says of it.

use regex::Regex;

use crate::Side;

/// Where subject and side stand in a file's name without its ending.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Tried in this order.
    alternatives: Vec<Regex>,
    /// Whether a name that none fits is an error; else it is a subject of its own.
    must_fit: bool,
}

/// A number and a side: `9003126L`, `P000012_right`, `17-L_visit2`.
const SIDED: &str = r"^(?<subject>[A-Za-z]*\d+)[ _-]?(?<side>(?i:left|right|l|r))(?:[ _.-].*)?$";

/// A number long enough to be a person's, and what tells its images apart: `9003126_1`.
const NUMBERED: &str = r"^(?<subject>[A-Za-z]*\d{4,})(?:[ _.-].*)?$";

impl Default for Pattern {
    fn default() -> Self {
        let alternatives = [SIDED, NUMBERED].map(|text| Regex::new(text).expect("a fixed pattern"));
        Self { alternatives: alternatives.into(), must_fit: false }
    }
}

impl std::str::FromStr for Pattern {
    type Err = String;

    /// A regular expression with the group `subject` and perhaps `side`.
    fn from_str(text: &str) -> Result<Self, String> {
        let pattern = Regex::new(text).map_err(|e| e.to_string())?;
        if !pattern.capture_names().flatten().any(|name| name == "subject") {
            return Err("has no group (?<subject>...)".into());
        }
        Ok(Self { alternatives: vec![pattern], must_fit: true })
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<&str> = self.alternatives.iter().map(Regex::as_str).collect();
        f.write_str(&all.join(" or "))
    }
}

impl Pattern {
    /// The subject and side of a name; `None` where nothing is said and the name stands for a subject.
    pub(super) fn read(&self, name: &str) -> Result<Option<(String, Option<Side>)>, String> {
        let Some(groups) = self.alternatives.iter().find_map(|pattern| pattern.captures(name)) else {
            return match self.must_fit {
                true => Err("its name does not fit --pattern; widen the pattern or rename it".into()),
                false => Ok(None),
            };
        };
        let group = |name: &str| groups.name(name).map(|m| m.as_str());
        let subject =
            group("subject").filter(|s| !s.is_empty()).ok_or("--pattern finds no subject in its name")?;
        let side = group("side").filter(|s| !s.is_empty()).map(str::parse).transpose()?;
        Ok(Some((subject.to_owned(), side)))
    }
}

/// Words that stand before a grade.
const BEFORE: [&str; 7] = ["", "class", "g", "grade", "kl", "klg", "kl grade"];

/// Words that stand behind a grade, as public sets name their folders.
const BEHIND: [&str; 9] =
    ["", "doubtful", "healthy", "mild", "minimal", "moderate", "none", "normal", "severe"];

/// A grade as a folder or a cell has it: `2`, `2.0`, `KL2`, `grade_2`, `2Mild`; `None` where it is no grade at all.
pub(super) fn grade(text: &str) -> Option<Result<u8, String>> {
    let plain = text.trim().trim_end_matches(".0").to_ascii_lowercase().replace(['_', '-'], " ");
    let start = plain.find(|c: char| c.is_ascii_digit())?;
    let end = plain.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (before, number, behind) = (&plain[..start], &plain[start..end], &plain[end..]);
    if number.len() > 2 || !BEFORE.contains(&before.trim()) || !BEHIND.contains(&behind.trim()) {
        return None;
    }
    match number.parse() {
        Ok(grade @ 0..=4) => Some(Ok(grade)),
        _ => Some(Err(format!("grade `{text}` is not one of 0..4; correct it or leave the image out"))),
    }
}

/// A name that is safe in any file system: letters, digits, `.`, `_` and `-`.
pub(super) fn safe(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    name.chars().map(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_names_give_subject_and_side_and_others_nothing() {
        let read = |name: &str| Pattern::default().read(name).unwrap();
        let of = |subject: &str, side| Some((subject.to_owned(), side));
        assert_eq!(read("9003126L"), of("9003126", Some(Side::Left)));
        assert_eq!(read("P000012R"), of("P000012", Some(Side::Right)));
        assert_eq!(read("17-right_visit2"), of("17", Some(Side::Right)));
        assert_eq!(read("9003126_1"), of("9003126", None));
        // A count behind a class says nothing of the person.
        assert_eq!(read("0_173"), None);
        assert_eq!(read("knee"), None);
    }

    #[test]
    fn a_pattern_that_was_given_must_name_a_subject_and_must_fit() {
        assert!("(\\d+)".parse::<Pattern>().unwrap_err().contains("(?<subject>"));
        let pattern: Pattern = r"^s(?<subject>\d+)$".parse().unwrap();
        assert_eq!(pattern.read("s12"), Ok(Some(("12".into(), None))));
        assert!(pattern.read("t12").unwrap_err().contains("does not fit"));
    }

    #[test]
    fn grades_are_read_as_folders_and_cells_have_them() {
        for text in ["2", " 2.0", "KL2", "kl-2", "grade_2", "2Mild", "2_Minimal"] {
            assert_eq!(grade(text), Some(Ok(2)), "{text}");
        }
        assert!(grade("7").unwrap().is_err());
        for text in ["train", "", "2024-11", "9003126", "a1b2", "site2", "3D"] {
            assert_eq!(grade(text), None, "{text}");
        }
    }
}
