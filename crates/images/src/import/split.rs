//! Which split an image belongs to: by its subject, never by itself.

use std::collections::BTreeMap;
use std::str::FromStr;

use doppelray_measures::rng::{Purpose, Stream, stream};
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
        /// Whether the shares hold in every stratum.
        balance: Balance,
    },
}

/// How closely a draw holds the shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// Each subject's split depends on its name and the seed alone. Shares hold in the mean, and nobody moves when others
    /// are added.
    #[default]
    Loose,
    /// Shares hold in each stratum (worst grade, sex, site) to within one subject. Who is added later can move others,
    /// unless the earlier collection is given.
    Exact,
}

impl FromStr for Balance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loose" => Ok(Self::Loose),
            "exact" => Ok(Self::Exact),
            other => Err(format!("`{other}` is neither loose nor exact")),
        }
    }
}

impl std::fmt::Display for Balance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Loose => "loose",
            Self::Exact => "exact",
        })
    }
}

/// The split of each person, where splits are drawn.
#[derive(Default)]
pub(super) struct Homes {
    of: BTreeMap<String, String>,
    /// Those whom an earlier collection has; theirs are not to change.
    earlier: BTreeMap<String, String>,
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
            Ok(Self::Drawn { shares, seed: 0, balance: Balance::Loose })
        } else {
            Err(format!("the shares {text} do not add up to 100"))
        }
    }
}

impl Split {
    /// The same way of dividing, with the draw keyed by `seed` and balanced so.
    pub fn with(self, seed: u64, balance: Balance) -> Self {
        match self {
            Self::Drawn { shares, .. } => Self::Drawn { shares, seed, balance },
            given => given,
        }
    }

    /// The split that a row's subject is drawn into by its name alone; `None` where splits are given.
    pub(crate) fn of(&self, row: &Row) -> Option<&'static str> {
        match self {
            Self::Drawn { shares, seed, .. } => {
                let subject = row.subject.as_deref().unwrap_or(&row.id);
                Some(NAMES[lot(*seed, subject).choose(shares)])
            }
            _ => None,
        }
    }

    /// Gives every candidate its split; persons of `earlier` keep theirs.
    pub(super) fn assign(
        &self,
        candidates: &mut [Candidate],
        earlier: BTreeMap<String, String>,
    ) -> Result<Homes, String> {
        let mut homes = Homes { of: BTreeMap::new(), earlier };
        if let Self::Drawn { shares, seed, balance } = *self {
            for strangers in strata(candidates).into_values() {
                homes.settle(strangers, (shares, seed, balance));
            }
            for candidate in candidates.iter_mut() {
                candidate.row.split = homes.of[&candidate.person].clone();
            }
        }
        for Candidate { origin, row, .. } in candidates.iter() {
            if row.split.is_empty() {
                let way = if *self == Self::FromColumn {
                    "give --labels a split column"
                } else {
                    "sort the images as SPLIT/GRADE/"
                };
                return Err(format!(
                    "{}: no split is given; {way}, or draw one with --split 70/10/20",
                    origin
                ));
            } else if row.split != safe(&row.split) || row.split.starts_with('.') {
                let why = "cannot name a split; use letters, digits, _ and -";
                return Err(format!("{}: `{}` {why}", origin, row.split));
            }
        }
        check_subjects(candidates.iter().map(|c| &c.row))?;
        Ok(homes)
    }
}

/// Persons by worst grade, sex and site.
fn strata(candidates: &[Candidate]) -> BTreeMap<(u8, [String; 2]), Vec<String>> {
    let mut persons: BTreeMap<&str, (u8, [String; 2])> = BTreeMap::new();
    for candidate in candidates {
        let (grade, traits) = persons.entry(&candidate.person).or_default();
        *grade = (*grade).max(candidate.row.grade.unwrap_or(0));
        let unknown = traits.iter_mut().zip(&candidate.traits).filter(|(mine, _)| mine.is_empty());
        unknown.for_each(|(mine, known)| mine.clone_from(known));
    }
    let mut strata: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (person, stratum) in persons {
        strata.entry(stratum).or_default().push(person.to_owned());
    }
    strata
}

impl Homes {
    /// Gives the persons of one stratum their splits.
    fn settle(&mut self, persons: Vec<String>, (shares, seed, balance): ([f64; 3], u64, Balance)) {
        let total = persons.len() as f64;
        let mut counts = [0.0; 3];
        let mut new = Vec::new();
        for person in persons {
            match self.earlier.get(&person) {
                Some(split) => {
                    NAMES.iter().position(|name| name == split).into_iter().for_each(|at| counts[at] += 1.0);
                    self.of.insert(person, split.clone());
                }
                None => new.push((lot(seed, &person).uniform(), person)),
            }
        }
        // In the order of their lots, so that who comes where is chance.
        new.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        for (_, person) in new {
            let home = match balance {
                Balance::Loose => lot(seed, &person).choose(&shares),
                Balance::Exact => {
                    let wanting = |at: usize| shares[at] / 100.0 * total - counts[at];
                    let most = (0..3).map(wanting).fold(f64::MIN, f64::max);
                    // Of splits that want equally many, chance takes one, or small strata would all fill the first.
                    let equal: Vec<usize> = (0..3).filter(|at| wanting(*at) > most - 1e-9).collect();
                    let mut lot = lot(seed, &person);
                    let _told_the_order = lot.uniform();
                    equal[lot.below(equal.len())]
                }
            };
            counts[home] += 1.0;
            self.of.insert(person, NAMES[home].to_owned());
        }
    }

    /// The split of people who turned out to be one: that of an earlier collection, else of the first by name; and whether
    /// an earlier collection has them in two.
    pub(super) fn shared(&self, people: &[&str]) -> (&str, bool) {
        let earlier: Vec<&String> = people.iter().filter_map(|person| self.earlier.get(*person)).collect();
        let torn = earlier.windows(2).any(|pair| pair[0] != pair[1]);
        let first = people.iter().min().and_then(|person| self.of.get(*person));
        (earlier.first().copied().or(first).map_or("", String::as_str), torn)
    }
}

/// A subject's random numbers depend on the subject and the seed alone.
fn lot(seed: u64, subject: &str) -> Stream {
    let digest = Sha256::digest(subject.as_bytes());
    let index = u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    stream(seed, Purpose::Split, index)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Depth;
    use crate::import::survey::Seen;
    use crate::source::Origin;

    fn candidate(person: usize, grade: u8, sex: &str) -> Candidate {
        let person = format!("{person}");
        Candidate {
            origin: Origin::file(Path::new("")),
            seen: Seen {
                width: 1,
                height: 1,
                depth: Depth::Eight,
                colour: false,
                alpha: false,
                spacing: None,
                pixels: None,
            },
            row: Row {
                file: String::new(),
                id: person.clone(),
                subject: Some(person.clone()),
                side: None,
                grade: Some(grade),
                split: String::new(),
                seed: None,
                sha256: String::new(),
                flags: String::new(),
            },
            person,
            traits: [sex.to_owned(), String::new()],
        }
    }

    fn people(range: std::ops::Range<usize>) -> Vec<Candidate> {
        range.map(|i| candidate(i, (i % 5) as u8, ["f", "m", "m"][i % 3])).collect()
    }

    fn split(balance: Balance) -> Split {
        "70/10/20".parse::<Split>().unwrap().with(1, balance)
    }

    #[test]
    fn exact_shares_hold_in_every_stratum_to_within_one_subject() {
        let mut all = people(0..1500);
        split(Balance::Exact).assign(&mut all, BTreeMap::new()).unwrap();
        for grade in 0..5 {
            for sex in ["f", "m"] {
                let of = |c: &&Candidate| c.row.grade == Some(grade) && c.traits[0] == sex;
                let stratum: Vec<&Candidate> = all.iter().filter(of).collect();
                for (name, share) in NAMES.iter().zip([0.7, 0.1, 0.2]) {
                    let count = stratum.iter().filter(|c| c.row.split == *name).count() as f64;
                    assert!(
                        (count - share * stratum.len() as f64).abs() < 1.0,
                        "{grade} {sex} {name}: {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn nobody_moves_when_others_are_added_loosely_or_beside_an_earlier_collection() {
        for balance in [Balance::Loose, Balance::Exact] {
            let mut before = people(0..400);
            split(balance).assign(&mut before, BTreeMap::new()).unwrap();
            let homes: BTreeMap<String, String> =
                before.iter().map(|c| (c.person.clone(), c.row.split.clone())).collect();
            let mut after = people(0..600);
            let earlier = if balance == Balance::Exact { homes.clone() } else { BTreeMap::new() };
            split(balance).assign(&mut after, earlier).unwrap();
            assert!(after.iter().take(400).all(|c| homes[&c.person] == c.row.split), "{balance}");
            let train = after.iter().filter(|c| c.row.split == "train").count();
            assert!((380..460).contains(&train), "{balance} {train}");
        }
    }

    #[test]
    fn strata_of_one_subject_do_not_all_fill_the_training_split() {
        let mut all: Vec<Candidate> = (0..300).map(|i| candidate(i, 0, &format!("site{i}"))).collect();
        let even = Split::Drawn { shares: [40.0, 20.0, 40.0], seed: 0, balance: Balance::Exact };
        even.assign(&mut all, BTreeMap::new()).unwrap();
        let count = |name: &str| all.iter().filter(|c| c.row.split == name).count();
        assert!((110..190).contains(&count("train")) && (110..190).contains(&count("test")));
    }
}
