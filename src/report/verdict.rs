//! The verdict: from numbers to a sentence, by rules that the report states.

use std::collections::{BTreeMap, BTreeSet};

use doppelray_measures::compare::{Comparison, Figures, Measure};
use doppelray_measures::consistency::Consistency;

use super::evaluate::{Side, Space};
use super::html::text::number;

/// The rules, as the report gives them.
pub(crate) const RULES: &str = "\
    Both figures compare like with like: synthetic images against a random half of the real ones, and the other half \
    against it, at the same count. F is the ratio of the two Frechet distances, C of the two coverages, D the area under \
    the curve of a probe that tells synthetic from real. F at most 1.25, C at least 0.9 and D at most 0.6: not told apart. \
    F at most 3 and C at least 0.5: close. F at most 10 and C at least 0.1: alike, but clearly different. Otherwise: far. Below 50 images a side nothing is judged. A network's space decides before the built-in bank.";

/// How images are called, and what they have to reach for it.
struct Level {
    /// The largest Frechet ratio.
    frechet: f64,
    /// The smallest coverage ratio.
    coverage: f64,
    /// The largest area under the probe's curve.
    detectability: f64,
    name: &'static str,
}

const LEVELS: [Level; 3] = [
    Level {
        frechet: 1.25,
        coverage: 0.9,
        detectability: 0.6,
        name: "cannot be told from the real ones by these measures",
    },
    Level {
        frechet: 3.0,
        coverage: 0.5,
        detectability: 1.0,
        name: "are close to the real ones, with a difference that can be measured",
    },
    Level {
        frechet: 10.0,
        coverage: 0.1,
        detectability: 1.0,
        name: "resemble the real ones, but clearly differ from them",
    },
];
/// Images a side below which nothing is judged: so few cannot tell a blurred knee from a sharp one.
const FEWEST: usize = 50;
/// The share of images in other grades above which the reader is told.
const MIXED: f64 = 0.1;
const FAR: &str = "are far from the real ones";

/// What follows from the numbers.
pub(crate) struct Judgement {
    pub(crate) verdict: String,
    pub(crate) remarks: Vec<String>,
    pub(crate) decided_by: String,
}

/// Judges by the first space that is a network's, else by the bank.
pub(crate) fn judge(spaces: &BTreeMap<String, Space>) -> Judgement {
    let by_network = spaces.iter().find(|(_, space)| space.learned);
    let Some((name, space)) = by_network.or_else(|| spaces.iter().next()) else {
        return Judgement { verdict: String::new(), remarks: Vec::new(), decided_by: String::new() };
    };
    let verdict = match Ratios::of(&space.overall) {
        Some(ratios) => format!("The synthetic images {}: they {}.", ratios.level(), ratios.in_words()),
        None => {
            "There are too few images to say how far the synthetic ones lie from the real ones.".to_owned()
        }
    };
    let others = spaces.iter().filter(|(other, _)| *other != name);
    let other = |(name, space): (&String, &Space)| {
        let ratios = Ratios::of(&space.overall)?;
        Some(format!("By {name} alone they {}: they {}.", ratios.level(), ratios.in_words()))
    };
    let judged = format!("Judged by {name}, at equal counts.");
    let remarks = std::iter::once(judged)
        .chain(weakest(space))
        .chain(unjudged(space))
        .chain(detected(space))
        .chain(space.consistency.as_ref().map(read))
        .chain(others.filter_map(other))
        .collect();
    Judgement { verdict, remarks, decided_by: name.clone() }
}

/// Differences between the sets that are not the synthetic images' fault but count in the overall measures.
pub(crate) fn cautions(real: &Side, synthetic: &Side) -> Vec<String> {
    let mut cautions = Vec::new();
    if real.size != synthetic.size {
        let (ours, theirs) = (real.size, synthetic.size);
        cautions.push(format!(
            "Real images are {ours} pixels wide, synthetic ones {theirs}: what differs by size is in every distance."
        ));
    }
    let share = |side: &Side, grade: &String| {
        let count = side.grades.get(grade).copied().unwrap_or(0);
        count as f64 / side.grades.values().sum::<usize>().max(1) as f64
    };
    let grades: BTreeSet<&String> = real.grades.keys().chain(synthetic.grades.keys()).collect();
    let moved: f64 =
        grades.iter().map(|grade| (share(real, grade) - share(synthetic, grade)).abs() / 2.0).sum();
    if moved > MIXED {
        let percent = 100.0 * moved;
        cautions.push(format!("The mix of grades differs by {percent:.0}%: the overall measures count that too, those by grade do not."));
    }
    cautions
}

/// How well a probe picks the synthetic image out of a pair.
fn detected(space: &Space) -> Option<String> {
    let found = space.overall.measures[Measure::Detectability]?;
    let percent = |share: f64| format!("{:.0}%", 100.0 * share);
    let floor = found
        .floor
        .map_or_else(String::new, |floor| format!("; of two real halves it picks {}", percent(floor)));
    Some(format!(
        "A linear probe picks the synthetic image out of a pair {} of the time ({} to {}; chance is 50%{floor}).",
        percent(found.value),
        percent(found.low),
        percent(found.high)
    ))
}

/// How well the intended grades are read.
fn read(consistency: &Consistency) -> String {
    let (real, synthetic, apart) =
        (consistency.real.kappa, consistency.synthetic.kappa, consistency.kappa_difference);
    let judged = if apart.high < 0.0 {
        "the grades of the synthetic images are seen less well than those of real ones"
    } else if apart.low > 0.0 {
        "the synthetic images show their grade more plainly than real ones do"
    } else {
        "no difference is shown"
    };
    format!(
        "A probe trained on real images reads the intended grade of synthetic ones with a kappa of {:.2}, that of real ones \
         with {:.2}: {judged} (difference {:.2} to {:.2}).",
        synthetic.value, real.value, apart.low, apart.high
    )
}

/// What the synthetic images reach beside what real ones reach.
struct Ratios {
    synthetic: Reached,
    real: Reached,
}

/// The measures that are judged, at one count.
#[derive(Clone, Copy)]
struct Reached {
    frechet: f64,
    coverage: f64,
    detectability: f64,
}

impl Reached {
    fn of(figures: &Figures) -> Option<Self> {
        Some(Self {
            frechet: figures[Measure::Frechet]?,
            coverage: figures[Measure::Coverage]?,
            detectability: figures[Measure::Detectability]?,
        })
    }
}

impl Ratios {
    fn of(comparison: &Comparison) -> Option<Self> {
        let equal = comparison.equal_count.filter(|equal| equal.n >= FEWEST)?;
        Some(Self { synthetic: Reached::of(&equal.synthetic)?, real: Reached::of(&equal.real)? })
    }

    fn frechet(&self) -> f64 {
        self.synthetic.frechet / self.real.frechet.max(f64::MIN_POSITIVE)
    }

    fn coverage(&self) -> f64 {
        self.synthetic.coverage / self.real.coverage.max(f64::MIN_POSITIVE)
    }

    fn level(&self) -> &'static str {
        let reached = |level: &&Level| {
            self.frechet() <= level.frechet
                && self.coverage() >= level.coverage
                && self.synthetic.detectability <= level.detectability
        };
        LEVELS.iter().find(reached).map_or(FAR, |level| level.name)
    }

    fn in_words(&self) -> String {
        let (times, covered, floor) = (number(self.frechet()), self.synthetic.coverage, self.real.coverage);
        format!(
            "lie {times} times as far from real images as those lie from each other, and cover {:.0}% of them where \
             other real ones cover {:.0}%",
            100.0 * covered,
            100.0 * floor
        )
    }
}

/// The grade that is furthest from its real images, where one can be told from them.
fn weakest(space: &Space) -> Option<String> {
    let ratio = |(grade, comparison): (&String, &Comparison)| {
        Some((grade.clone(), Ratios::of(comparison)?.frechet()))
    };
    let mut ratios: Vec<(String, f64)> = space.grades.iter().filter_map(ratio).collect();
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (first, last) = (ratios.first()?, ratios.last()?);
    let (worst, best) = (number(first.1), number(last.1));
    let sentence = match ratios.len() {
        1 => format!("Grade {} lies {worst} times as far.", first.0),
        _ => format!(
            "Grade {} lies furthest ({worst} times), grade {} nearest ({best} times).",
            first.0, last.0
        ),
    };
    (first.1 > LEVELS[0].frechet).then_some(sentence)
}

/// Which grades have too few images to be judged.
fn unjudged(space: &Space) -> Option<String> {
    let few: Vec<&str> = space
        .grades
        .iter()
        .filter(|(_, c)| Ratios::of(c).is_none())
        .map(|(grade, _)| grade.as_str())
        .collect();
    (!few.is_empty()).then(|| format!("Too few images to judge grade {}.", few.join(", ")))
}

#[cfg(test)]
mod tests {
    use doppelray_measures::compare::{EqualCount, Measures};

    use super::*;

    fn ratios([frechet, coverage, detectability]: [f64; 3]) -> Ratios {
        let synthetic = Reached { frechet, coverage, detectability };
        Ratios { synthetic, real: Reached { frechet: 2.0, coverage: 0.9, detectability: 0.5 } }
    }

    #[test]
    fn the_sentence_follows_the_rules() {
        for (reached, name) in [
            ([2.2, 0.88, 0.55], LEVELS[0].name),
            ([2.2, 0.88, 0.7], LEVELS[1].name),
            ([2.2, 0.6, 0.5], LEVELS[1].name),
            ([19.0, 0.8, 1.0], LEVELS[2].name),
            ([2.0, 0.01, 0.5], FAR),
        ] {
            assert_eq!(ratios(reached).level(), name, "{reached:?}");
        }
    }

    #[test]
    fn few_images_are_not_judged() {
        let mut figures = Figures::default();
        Measure::ALL.into_iter().for_each(|measure| figures[measure] = Some(1.0));
        let at = |n| Comparison {
            real_images: 2 * n,
            synthetic_images: n,
            measures: Measures::default(),
            frechet_infinite: None,
            equal_count: Some(EqualCount { n, synthetic: figures, real: figures }),
            notes: Vec::new(),
        };
        assert!(Ratios::of(&at(49)).is_none() && Ratios::of(&at(50)).is_some());
    }

    #[test]
    fn it_says_what_it_rests_on() {
        let words = ratios([3.0, 0.45, 0.5]).in_words();
        assert_eq!(
            words,
            "lie 1.50 times as far from real images as those lie from each other, and cover 45% of them where other real ones cover 90%"
        );
    }
}
