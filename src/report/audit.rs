//! What `doppelray audit` found out.

use std::collections::BTreeMap;

use doppelray_images::copies::plant::Kind;
use doppelray_measures::audit::{Nearness, Separation};
use doppelray_measures::estimate::Estimate;
use serde::{Deserialize, Serialize};

use super::evaluate::{FileHash, Side};

/// `PROOF/audit.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Audit {
    /// Over all attacks that weigh, by `rules`.
    pub(crate) verdict: Verdict,
    /// The verdict as a sentence.
    pub(crate) headline: String,
    /// Why, attack by attack.
    pub(crate) reasons: Vec<String>,
    /// What else a reader should know.
    pub(crate) remarks: Vec<String>,
    pub(crate) attacks: BTreeMap<String, Attack>,
    pub(crate) copies: Copies,
    /// The training images.
    pub(crate) real: Side,
    /// The control; absent where there is none.
    pub(crate) holdout: Option<Side>,
    pub(crate) synthetic: Side,
    /// Images of both groups that attacks by scores compare, alike in grade.
    pub(crate) matched: Matched,
    /// The feature spaces, with the weights where they have any.
    pub(crate) spaces: BTreeMap<String, Option<FileHash>>,
    /// The run that drew the images, where it was in hand.
    #[serde(default)]
    pub(crate) run: Option<Trained>,
    /// How verdicts follow from figures.
    pub(crate) rules: String,
    pub(crate) settings: Settings,
    /// doppelray's.
    pub(crate) version: String,
    /// The command line that made this.
    pub(crate) command: String,
}

/// What follows from figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Pass,
    Fail,
    Undecided,
}

/// What an attack speaks to: the criteria of WP29 Opinion 05/2014.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Criterion {
    /// Can records of one person be isolated?
    SinglingOut,
    /// Can records be linked to a person?
    Linkability,
    /// Can something be inferred about a person, here: that they were trained on?
    Inference,
    /// What does the model give away to who holds it (EDPB Opinion 28/2024)?
    Model,
    /// No criterion of privacy.
    Quality,
}

/// One attack, run against the training images and the control.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attack {
    pub(crate) title: String,
    pub(crate) criterion: Criterion,
    /// What it asks, for a reader.
    pub(crate) about: String,
    /// What estimate and control are.
    pub(crate) unit: String,
    /// Against the training images.
    pub(crate) estimate: Option<Estimate>,
    /// The same without anything to find: against held-out images, or where lots are drawn who was trained on.
    pub(crate) control: Option<Estimate>,
    /// Estimate less control.
    pub(crate) difference: Option<Estimate>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    /// Whether the verdict on all depends on it.
    pub(crate) weighs: bool,
    /// How well the attack does what it does on real images, where that is known.
    pub(crate) strength: Option<Estimate>,
    /// For an attack by scores: rates at low false-positive rates, power.
    pub(crate) separation: Option<Separation>,
}

/// Copy detection: how well it works here, and what it found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Copies {
    /// The distance (1 - correlation of registered textures, or what is as rare in textures half as fine) up to which an image
    /// counts as a copy.
    pub(crate) threshold: Option<f64>,
    /// False alarms to be expected in the whole audit.
    pub(crate) expected_false_alarms: f64,
    /// Share of real images that the detection takes for a copy of another subject's.
    pub(crate) false_alarms: Option<Estimate>,
    /// Planted copies that were found.
    pub(crate) recall: Vec<Recall>,
    /// Real images that have a copy, closest first.
    pub(crate) hits: Vec<Hit>,
    /// The pairs of training and synthetic image that come closest, copies or not.
    pub(crate) closest: Vec<Pair>,
}

/// Planted copies of one kind.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recall {
    pub(crate) kind: Kind,
    pub(crate) about: String,
    pub(crate) found: Estimate,
}

/// A real image and its copy.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hit {
    /// The synthetic image.
    pub(crate) file: String,
    /// The real image.
    pub(crate) nearest: String,
    /// Whether the real image is of the control.
    pub(crate) held_out: bool,
    /// 1 - correlation of registered textures.
    pub(crate) distance: f64,
    /// What was done to it, as far as it shows.
    pub(crate) kind: String,
}

/// A training image and the synthetic one that comes closest to it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pair {
    pub(crate) synthetic: FileHash,
    pub(crate) training: FileHash,
    /// 1 - correlation of registered textures.
    pub(crate) distance: f64,
    /// Whether the training image was mirrored first.
    pub(crate) mirrored: bool,
    /// Where a place of the training image lies in the synthetic one (`images::copies::Warp`).
    pub(crate) warp: [f64; 6],
    /// The held-out image that comes closest to the same synthetic image.
    pub(crate) held_out: Option<FileHash>,
    /// How close it comes.
    pub(crate) held_out_distance: Option<f64>,
}

/// A run through its snapshots.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trained {
    pub(crate) path: String,
    pub(crate) preset: String,
    /// Images drawn from each snapshot.
    pub(crate) drawn: usize,
    /// Real images of each group that they are compared with, equally many of each grade.
    pub(crate) compared: usize,
    /// By images seen.
    pub(crate) curve: Vec<Point>,
    /// Which snapshot these figures speak for.
    pub(crate) advice: String,
    /// What was not tried with the run in hand, and why.
    pub(crate) untested: Vec<String>,
}

/// One snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    /// Real images seen.
    pub(crate) images: u64,
    pub(crate) model: FileHash,
    /// Whether it is the run's model.
    pub(crate) chosen: bool,
    /// Frechet distance to the held-out images in the bank.
    pub(crate) frechet: Option<Estimate>,
    /// Share of the held-out images with a drawn one near by, in the bank.
    pub(crate) coverage: Option<Estimate>,
    /// By space, and by `pixels` for sketches: the share of drawn images whose nearest real image was trained on.
    pub(crate) nearest_is_training: BTreeMap<String, Nearness>,
    /// How well nearness to the drawn images, in the last space, tells training images from held-out ones (AUC).
    pub(crate) membership: Option<Estimate>,
    /// One-sided probability of that by chance.
    pub(crate) membership_p: Option<f64>,
}

/// Images of both groups.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Matched {
    pub(crate) training: usize,
    pub(crate) holdout: usize,
}

/// What the audit depends on besides the images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Of all random choices.
    pub(crate) seed: u64,
    /// The largest area under the curve that counts as telling nothing.
    pub(crate) tolerance: f64,
    /// Synthetic images, by each of two coarse pictures, that are laid over each real image, and over its mirror image.
    pub(crate) candidates: usize,
    /// Whitened directions of a space in which densities are taken.
    pub(crate) directions: usize,
    /// False alarms of copy detection to be expected in the whole audit.
    pub(crate) false_alarms: f64,
    /// Real images whose nearest strangers calibrate it.
    pub(crate) strangers_looked_at: usize,
    /// Training images of which a copy of each kind is planted.
    pub(crate) copies_planted: usize,
    /// Synthetic images that repetitions are looked for of.
    pub(crate) duplicates_looked_for: usize,
    /// Closest pairs shown.
    pub(crate) shown: usize,
    /// Snapshots of a run that are looked at, and images drawn from each.
    pub(crate) snapshots: usize,
    pub(crate) drawn: usize,
    /// Images of each group that a run's critic is asked about, and how often.
    pub(crate) scored: usize,
    pub(crate) passes: usize,
    /// Images of each group whose latents are searched, and steps of the search.
    pub(crate) inverted: usize,
    pub(crate) inversion_steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            tolerance: 0.55,
            candidates: 2,
            directions: 16,
            false_alarms: 0.01,
            strangers_looked_at: 300,
            copies_planted: 30,
            duplicates_looked_for: 300,
            shown: 12,
            snapshots: 10,
            drawn: 300,
            scored: 1000,
            passes: 2,
            inverted: 0,
            inversion_steps: 30,
        }
    }
}
