//! What `doppelray evaluate` found out.

use std::collections::BTreeMap;

use doppelray_measures::compare::{Comparison, Settings};
use doppelray_measures::consistency::Consistency;
use doppelray_measures::estimate::Estimate;
use doppelray_measures::radial::Spectra;
use serde::{Deserialize, Serialize};

use super::anatomy::Anatomy;
use super::verdict;

/// `PROOF/evaluate.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    /// One sentence, by `verdict_rules` from `spaces[decided_by]`.
    pub(crate) verdict: String,
    /// What else a reader should know, in sentences.
    pub(crate) remarks: Vec<String>,
    /// How the sentence follows from the numbers.
    pub(crate) verdict_rules: String,
    /// The space that the verdict rests on.
    pub(crate) decided_by: String,
    pub(crate) real: Side,
    pub(crate) synthetic: Side,
    /// Measures by space.
    pub(crate) spaces: BTreeMap<String, Space>,
    /// How much alike the images of a grade are, by grade.
    pub(crate) likeness: BTreeMap<String, Likeness>,
    /// Power by spatial frequency; absent where images differ in size or are too few.
    pub(crate) spectrum: Option<Spectrum>,
    /// Measures of the knees; absent where too few can be measured.
    pub(crate) anatomy: Option<Anatomy>,
    /// Images to look at, by grade.
    pub(crate) gallery: BTreeMap<String, Pictures>,
    pub(crate) settings: Settings,
    /// Of all random choices; the same as `settings.seed`.
    pub(crate) seed: u64,
    /// doppelray's.
    pub(crate) version: String,
    /// The command line that made this.
    pub(crate) command: String,
}

/// One of the two sets that were compared.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Side {
    /// The collection's folder, as it was typed.
    pub(crate) path: String,
    pub(crate) title: String,
    /// SHA-256 of the collection's manifest, which holds each image's.
    pub(crate) hash: String,
    /// Absent where the whole collection was taken.
    pub(crate) split: Option<String>,
    /// Images taken.
    pub(crate) count: usize,
    /// Images taken, by grade.
    pub(crate) grades: BTreeMap<String, usize>,
    /// Width and height of the images.
    pub(crate) size: u32,
}

/// The measures in one feature space.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Space {
    /// What it is, for a reader.
    pub(crate) about: String,
    /// Features an image.
    pub(crate) width: usize,
    /// The weights, or the features that were given.
    pub(crate) files: Vec<FileHash>,
    /// Whether a network makes it.
    pub(crate) learned: bool,
    pub(crate) overall: Comparison,
    /// Of radiomics alone: the logarithm of `overall.frechet`, as that distance is published.
    #[serde(default)]
    pub(crate) frechet_radiomics: Option<Estimate>,
    pub(crate) grades: BTreeMap<String, Comparison>,
    /// By group, where groups were asked for.
    #[serde(default)]
    pub(crate) groups: BTreeMap<String, Comparison>,
    /// Whether a probe trained on real images reads the intended grades; absent where fewer than two grades have enough.
    pub(crate) consistency: Option<Consistency>,
}

/// The mean MS-SSIM of random pairs within a grade: more alike is less diverse. Absent below ten pairs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Likeness {
    /// Of images of different subjects.
    pub(crate) real: Option<Estimate>,
    /// Its floor is the real images' value.
    pub(crate) synthetic: Option<Estimate>,
}

/// Radial power spectra of both kinds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spectrum {
    pub(crate) overall: Spectra,
    pub(crate) grades: BTreeMap<String, Spectra>,
}

/// A file and its content's SHA-256.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileHash {
    pub(crate) file: String,
    pub(crate) sha256: String,
}

/// Images chosen at random, their files relative to the collections.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pictures {
    pub(crate) real: Vec<FileHash>,
    pub(crate) synthetic: Vec<FileHash>,
}

impl Evaluation {
    /// Fills in what follows from the numbers.
    pub(crate) fn judged(mut self) -> Self {
        let judgement = verdict::judge(&self.spaces);
        self.verdict = judgement.verdict;
        self.remarks = judgement.remarks;
        self.remarks.extend(verdict::cautions(&self.real, &self.synthetic));
        self.decided_by = judgement.decided_by;
        self.verdict_rules = verdict::RULES.to_owned();
        self
    }
}
