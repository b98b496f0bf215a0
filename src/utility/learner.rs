//! How a cell is trained: a head on features, or a network whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use doppelray_gan::classifier::Basis;
use doppelray_gan::parameters::Parameters;
use doppelray_images::progress::Listener;
use doppelray_measures::classify::GRADES;

use super::cell::{Lab, Prepared};
use super::draw::{Draw, Pick};

/// A training at its end, and what it says of the images that judge.
pub(crate) struct Learned {
    /// The penalty that was best by the choosing images, of a head.
    pub(crate) penalty: Option<f64>,
    /// Steps taken; of a network until it was best.
    pub(crate) steps: usize,
    /// Whether it ended before it ran out of steps.
    pub(crate) converged: bool,
    pub(crate) val_loss: f64,
    pub(crate) temperature: f64,
    pub(crate) basis: Basis,
    pub(crate) parameters: Parameters,
    /// Probabilities of the answers for each judged image, in order.
    pub(crate) judged: Vec<[f32; GRADES]>,
}

/// One way of training.
pub(crate) trait Learner: Sync {
    /// All of it that decides a cell, to be hashed.
    fn identity(&self) -> String;

    /// Whether cells are trained side by side.
    fn side_by_side(&self) -> bool;

    /// Does once what all cells need: `needed` are the pictures, each with the number of its changed copies.
    fn get_ready(&self, lab: &Lab, needed: &BTreeMap<u32, usize>, listener: Listener) -> anyhow::Result<()>;

    /// About how long so many descriptions and these cells would take here, from a short trial of both.
    fn estimate(&self, lab: &Lab, images: usize, cells: &[Prepared]) -> anyhow::Result<Duration>;

    /// Trains a cell on what was drawn for it, keeping what resumes in `folder`, and judges pictures.
    fn train(&self, lab: &Lab, lesson: &Lesson, listener: Listener) -> anyhow::Result<Learned>;
}

/// One cell's training.
pub(crate) struct Lesson<'a> {
    pub(crate) cell: &'a Prepared,
    pub(crate) draw: &'a Draw,
    /// Pictures to judge at the end.
    pub(crate) judged: &'a [Pick],
    /// A folder of its own.
    pub(crate) folder: &'a Path,
}
