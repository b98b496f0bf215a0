//! What `doppelray utility` found out.

use std::collections::BTreeMap;

use doppelray_measures::classify::{Contrast, Task};
use doppelray_measures::estimate::Estimate;
use serde::Serialize;

use super::evaluate::FileHash;
use crate::saliency::Map;
use crate::utility::{Arm, Plan, Trained};

/// `PROOF/utility.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Utility {
    /// One sentence: whether synthetic images make better classifiers.
    pub(crate) answer: String,
    /// What else a reader should know, in sentences.
    pub(crate) remarks: Vec<String>,
    /// How the sentence follows from the numbers.
    pub(crate) answer_rules: String,
    pub(crate) real: Source,
    pub(crate) synthetic: Source,
    /// The real images that tested.
    pub(crate) test: Tests,
    /// The real images that chose the penalty (of networks the step) and the temperature.
    pub(crate) val: Tests,
    pub(crate) space: Described,
    pub(crate) plan: Plan,
    /// The figure that claims are made about.
    pub(crate) primary: String,
    /// One a training.
    pub(crate) cells: Vec<CellReport>,
    /// The cells of an arm together.
    pub(crate) arms: Vec<ArmReport>,
    /// Each arm with synthetic images against the same real data alone.
    pub(crate) contrasts: Vec<Difference>,
    /// Trained and tested on real and synthetic images.
    pub(crate) swaps: Vec<Swap>,
    /// Of each task the classifier that was best on the images that choose.
    pub(crate) classifiers: Vec<Best>,
    /// Where those look on some of the test images.
    pub(crate) looks: Vec<Look>,
    /// Of the resampling; a plan has its own for training.
    pub(crate) seed: u64,
    /// doppelray's.
    pub(crate) version: String,
    /// The command line that made this.
    pub(crate) command: String,
}

/// A collection.
#[derive(Debug, Serialize)]
pub(crate) struct Source {
    /// The folder, as it was typed.
    pub(crate) path: String,
    pub(crate) title: String,
    /// SHA-256 of the manifest, which holds each image's.
    pub(crate) hash: String,
    /// Images in all.
    pub(crate) count: usize,
    /// Width and height of its images.
    pub(crate) size: u32,
}

/// Images that judge and do not teach.
#[derive(Debug, Serialize)]
pub(crate) struct Tests {
    /// Where they come from.
    pub(crate) from: String,
    pub(crate) images: usize,
    pub(crate) grades: BTreeMap<String, usize>,
}

/// What turned images into numbers.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) width: usize,
    pub(crate) weights: Option<FileHash>,
}

/// One training, tested.
#[derive(Debug, Serialize)]
pub(crate) struct CellReport {
    #[serde(flatten)]
    pub(crate) trained: Trained,
    #[serde(flatten)]
    pub(crate) metrics: BTreeMap<String, Estimate>,
}

/// An arm over its seeds.
#[derive(Debug, Serialize)]
pub(crate) struct ArmReport {
    #[serde(flatten)]
    pub(crate) arm: Arm,
    /// For a reader.
    pub(crate) name: String,
    /// Real subjects learned from.
    pub(crate) subjects: usize,
    /// Means over the seeds.
    pub(crate) real_images: usize,
    pub(crate) synthetic_images: usize,
    pub(crate) seeds: usize,
    /// Means over the seeds, with intervals over test subjects.
    pub(crate) metrics: BTreeMap<String, Estimate>,
    /// Standard deviations over the seeds.
    pub(crate) seeds_deviation: BTreeMap<String, f64>,
    /// How often each answer (inner) was given to each truth (outer), over all seeds.
    pub(crate) confusion: Vec<Vec<usize>>,
}

/// What a corrected probability lets one say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Claim {
    Better,
    Worse,
    /// Neither is shown, which is not the same as equal.
    None,
}

/// An arm less the one of the same real data alone.
#[derive(Debug, Serialize)]
pub(crate) struct Difference {
    #[serde(flatten)]
    pub(crate) arm: Arm,
    pub(crate) name: String,
    pub(crate) against: String,
    pub(crate) metric: String,
    #[serde(flatten)]
    pub(crate) contrast: Contrast,
    /// Corrected for the number of contrasts (Holm).
    pub(crate) p_corrected: Option<f64>,
    pub(crate) claim: Claim,
    /// The difference in every figure; claims are made about `metric` alone.
    pub(crate) figures: BTreeMap<String, Contrast>,
}

/// A classifier that is left for use.
#[derive(Debug, Serialize)]
pub(crate) struct Best {
    pub(crate) task: Task,
    /// Below the proof folder.
    pub(crate) file: String,
    pub(crate) learned_from: String,
    /// Negative log-likelihood an image that chooses.
    pub(crate) val_loss: f64,
}

/// Where a classifier looks on one image.
#[derive(Debug, Serialize)]
pub(crate) struct Look {
    pub(crate) task: Task,
    /// Below the collection of real images.
    pub(crate) file: String,
    pub(crate) grade: u8,
    pub(crate) answer: usize,
    /// What the answer's log-odds lose where a cover stands, row by row.
    pub(crate) map: Map,
}

/// Trained on real or synthetic images (first letter pair), tested on real or synthetic ones (second).
#[derive(Debug, Serialize)]
pub(crate) struct Swap {
    pub(crate) task: Task,
    pub(crate) augment: bool,
    /// Real and synthetic images learned from.
    pub(crate) images: [usize; 2],
    pub(crate) trtr: BTreeMap<String, Estimate>,
    pub(crate) trts: BTreeMap<String, Estimate>,
    pub(crate) tstr: BTreeMap<String, Estimate>,
    pub(crate) tsts: BTreeMap<String, Estimate>,
}
