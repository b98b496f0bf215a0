//! What the answers say: `STUDY/report.json`.
//!
//! Everything follows from the database and the seed, so the same study always gives the same report.

mod gallery;
mod grade;
mod judge;
mod learning;
mod methods;
mod pair;
pub mod panel;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use doppelray_measures::estimate::Resampling;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cases::{Case, Item, Truth, Use, items};
use crate::design::{Design, Task};
use crate::error::Result;
use crate::log::hex;
use crate::store::{Reading, Store};

pub use gallery::{Fooled, Gallery, Shown};
pub use grade::{Agreement, Grading};
pub(crate) use judge::rating;
pub use judge::{Judging, ReaderJudging};
pub use learning::{Learning, Times};
pub use methods::{decimals, p_value};
pub use pair::Pairing;

/// Resampled sets for the intervals of agreement.
const REPLICATES: usize = 2000;

/// `STUDY/report.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The finding in a sentence or two.
    pub verdict: String,
    /// A paragraph for the methods section of a paper.
    pub methods: String,
    /// What the study asked.
    pub design: Design,
    /// Its name.
    pub title: String,
    /// Readers that every analysis of a part is about: those who finished it.
    pub readers: usize,
    /// Readers who began and did not finish a part; left out of it.
    pub unfinished: usize,
    /// Images, without the examples: real and synthetic.
    pub cases: Cases,
    /// Real or synthetic, where it was asked.
    #[serde(flatten)]
    pub judging: Option<Judging>,
    /// Severity, where it was asked.
    pub grading: Option<Grading>,
    /// Which of two, where it was asked.
    pub pairing: Option<Pairing>,
    /// Times a case, by part.
    pub times: BTreeMap<String, Times>,
    /// Right answers over the order of showing, by part.
    pub learning: BTreeMap<String, Learning>,
    /// Images that fooled all and none.
    pub gallery: Gallery,
    /// What a reader of the report should know.
    pub cautions: Vec<String>,
    /// What is not in here.
    pub absent: Vec<String>,
    /// What made it.
    pub made_from: Provenance,
}

/// Images of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cases {
    /// Real ones.
    pub real: usize,
    /// Synthetic ones.
    pub synthetic: usize,
    /// Of either kind, by grade.
    pub grades: BTreeMap<String, usize>,
}

/// What a report was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// SHA-256 of all answers that count.
    pub answers: String,
    /// Lines of the log, and the hash of the last, which binds all of them.
    pub log_lines: i64,
    /// See `log_lines`.
    pub log_head: String,
    /// The collections' manifests.
    pub real: String,
    /// See `real`.
    pub synthetic: String,
    /// SHA-256 of `pixels.bin`.
    pub pixels: String,
    /// Of the study, and of the resampling.
    pub seed: u64,
    /// doppelray's.
    pub version: String,
}

/// One part's answers by those who finished it: one row a reader, one entry an item, first showings alone.
pub(crate) struct Part<'a> {
    pub(crate) task: Task,
    pub(crate) items: Vec<Item>,
    pub(crate) readers: Vec<Vec<&'a Reading>>,
    /// Second showings, by reader.
    pub(crate) repeats: Vec<Vec<&'a Reading>>,
    pub(crate) unfinished: usize,
}

/// What the analysis goes by.
pub(crate) struct Data<'a> {
    pub(crate) cases: &'a [Case],
    pub(crate) margin: f64,
    pub(crate) resampling: Resampling,
}

impl Data<'_> {
    pub(crate) fn truth(&self, item: &Item) -> Truth {
        self.case(item).truth
    }

    pub(crate) fn case(&self, item: &Item) -> &Case {
        &self.cases[item.images[0]]
    }

    /// Positions of the items of one truth.
    pub(crate) fn of(&self, part: &Part, truth: Truth) -> Vec<usize> {
        (0..part.items.len()).filter(|i| self.truth(&part.items[*i]) == truth).collect()
    }
}

/// Reads, checks and analyses a study that was unblinded.
pub fn report(store: &Store) -> Result<Report> {
    let cases = store.unblinded_cases()?;
    let lines = store.log()?;
    let readings = store.readings()?;
    let about = store.about();
    let data = Data {
        cases,
        margin: about.margin,
        resampling: Resampling { seed: about.seed, replicates: REPLICATES },
    };
    let parts: Vec<Part> =
        (0..about.design.tasks().len()).map(|part| of_part(store, &readings, part)).collect();
    let part = |task: Task| parts.iter().find(|p| p.task == task && !p.readers.is_empty());
    let judging = part(Task::Judge).map(|p| judge::judge(&data, p));
    let grading = part(Task::Grade).map(|p| grade::grade(&data, p));
    let pairing = part(Task::Pair).map(|p| pair::pair(&data, p));
    let mut report = Report {
        verdict: String::new(),
        methods: String::new(),
        design: about.design,
        title: about.title.clone(),
        readers: parts.iter().map(|p| p.readers.len()).max().unwrap_or_default(),
        unfinished: parts.iter().map(|p| p.unfinished).max().unwrap_or_default(),
        cases: counted(cases),
        judging,
        grading,
        pairing,
        times: parts.iter().filter_map(|p| Some((p.task.name().to_owned(), learning::times(&data, p)?))).collect(),
        learning: parts.iter().filter_map(|p| Some((p.task.name().to_owned(), learning::learning(&data, p)?))).collect(),
        gallery: gallery::gallery(&data, part(Task::Judge)),
        cautions: about.images.cautions.iter().cloned().chain(lonely(&parts)).collect(),
        absent: vec![
            "No mixed model was fitted: no kept Rust library does generalised linear mixed models. The intervals above take readers \
             and cases as random by other means."
                .to_owned(),
        ],
        made_from: Provenance {
            answers: hash(&readings),
            log_lines: lines.len() as i64,
            log_head: lines.last().map(|l| l.hash.clone()).unwrap_or_default(),
            real: about.images.real.hash.clone(),
            synthetic: about.images.synthetic.hash.clone(),
            pixels: about.images.sha256.clone(),
            seed: about.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    };
    report.verdict = methods::verdict(&report);
    report.methods = methods::paragraph(&report, about);
    Ok(report)
}

/// Where there is one reader: what then does not follow.
fn lonely(parts: &[Part]) -> Option<String> {
    let alone = parts.iter().any(|part| part.readers.len() == 1);
    alone.then(|| {
        "one reader: intervals are for other images alone, and nothing follows for other readers".to_owned()
    })
}

fn counted(cases: &[Case]) -> Cases {
    let mine = |truth: Truth| cases.iter().filter(move |c| c.used == Use::Study && c.truth == truth);
    let mut grades = BTreeMap::new();
    mine(Truth::Real).for_each(|c| *grades.entry(c.grade.to_string()).or_insert(0) += 1);
    Cases { real: mine(Truth::Real).count(), synthetic: mine(Truth::Synthetic).count(), grades }
}

fn hash(readings: &[Reading]) -> String {
    let mut hash = Sha256::new();
    let line = |r: &Reading| serde_json::to_string(r).expect("plain values") + "\n";
    readings.iter().for_each(|r| hash.update(line(r).as_bytes()));
    hex(&hash.finalize())
}

fn of_part<'a>(store: &Store, readings: &'a [Reading], part: usize) -> Part<'a> {
    let all = items(store.all_cases(), Use::Study);
    let total = store.lengths()[part][1];
    let mut by_reader = BTreeMap::<usize, Vec<&Reading>>::new();
    readings.iter().filter(|r| r.part == part).for_each(|r| by_reader.entry(r.reader).or_default().push(r));
    let begun = by_reader.len();
    let (mut readers, mut repeats) = (Vec::new(), Vec::new());
    for of_reader in by_reader.into_values().filter(|r| r.len() == total) {
        let (again, mut first): (Vec<_>, Vec<_>) = of_reader.into_iter().partition(|r| r.again);
        first.sort_by_key(|r| r.item);
        readers.push(first);
        repeats.push(again);
    }
    let unfinished = begun - readers.len();
    Part { task: store.about().design.tasks()[part], items: all, readers, repeats, unfinished }
}
