//! The cells: each one training with files of its own, so that an interrupted plan goes on with the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use doppelray_gan::classifier::{About, Kept};
use doppelray_images::Error;
use doppelray_images::look::Look;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::classify::GRADES;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::draw::{Draw, Pick};
use super::features::COPIES;
use super::learner::{Learned, Learner, Lesson};
use super::material::Material;
use super::plan::{Arm, Plan, Strategy};
use crate::proof;

/// What all cells share.
pub(crate) struct Lab<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) material: &'a Material,
    pub(crate) learner: &'a dyn Learner,
    /// Where files of features and cells stand.
    pub(crate) folder: PathBuf,
}

/// A cell whose draw was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    pub(crate) arm: Arm,
    pub(crate) seed: u64,
}

/// One training: what it learned from and how it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trained {
    #[serde(flatten)]
    pub(crate) arm: Arm,
    pub(crate) seed: u64,
    pub(crate) subjects: usize,
    pub(crate) real_images: usize,
    pub(crate) synthetic_images: usize,
    /// The penalty that was best by the choosing images, of a head.
    pub(crate) penalty: Option<f64>,
    /// Steps of the descents of all penalties, and whether each came to the bottom; of a network the step at which it was
    /// best, and whether it ended before it ran out of steps.
    pub(crate) steps: usize,
    pub(crate) converged: bool,
    pub(crate) temperature: f64,
    pub(crate) val_loss: f64,
    /// The classifier's file, below the proof folder.
    pub(crate) classifier: String,
}

/// A cell that was trained and has judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    #[serde(flatten)]
    pub(crate) trained: Trained,
    /// Probabilities of the answers for each test image.
    pub(crate) test: Vec<[f32; GRADES]>,
    /// The same for synthetic images that nothing learned from; empty where they are not asked for.
    pub(crate) kept: Vec<[f32; GRADES]>,
}

/// All that decides a cell, to be hashed.
#[derive(Serialize)]
struct Identity<'a> {
    arm: Arm,
    seed: u64,
    learner: String,
    real: String,
    synthetic: String,
    test: &'a str,
    val: &'a str,
    copies: usize,
    version: &'static str,
}

impl Lab<'_> {
    /// All cells of the plan, each with its draw checked.
    pub(crate) fn prepare(&self) -> anyhow::Result<Vec<Prepared>> {
        let seeds = &self.plan.seeds;
        let cells = self.plan.arms().into_iter().flat_map(|arm| seeds.iter().map(move |seed| (arm, *seed)));
        let checked = |(arm, seed): (Arm, u64)| {
            self.material.stock.draw(&arm, seed)?;
            Ok(Prepared { arm, seed })
        };
        let place = || self.material.synthetic.root().display().to_string();
        cells.map(checked).collect::<anyhow::Result<_>>().with_context(place)
    }

    /// The cells that have no file yet.
    pub(crate) fn missing(&self, cells: &[Prepared]) -> Vec<Prepared> {
        cells.iter().filter(|cell| !self.file(cell).is_file()).copied().collect()
    }

    /// Every picture that some cell looks at, with the number of changed copies it needs.
    pub(crate) fn needed(&self, cells: &[Prepared]) -> anyhow::Result<BTreeMap<u32, usize>> {
        let material = self.material;
        let judged = material.val.iter().chain(&material.test).chain(&material.kept);
        let mut needed: BTreeMap<u32, usize> = judged.map(|pick| (pick.at, 0)).collect();
        for cell in cells {
            let draw = material.stock.draw(&cell.arm, cell.seed)?;
            for pick in draw.real.iter().chain(&draw.synthetic) {
                let copies = needed.entry(pick.at).or_default();
                *copies = (*copies).max(if cell.arm.augment { COPIES } else { 0 });
            }
        }
        Ok(needed)
    }

    /// Does once what all cells need.
    pub(crate) fn get_ready(&self, needed: &BTreeMap<u32, usize>, listener: Listener) -> anyhow::Result<()> {
        let folder = self.cells();
        fs::create_dir_all(&folder).map_err(Error::unwritten(&folder))?;
        self.learner.get_ready(self, needed, listener)
    }

    /// About how long describing so many images and training so many cells takes here.
    pub(crate) fn estimate(&self, images: usize, cells: &[Prepared]) -> anyhow::Result<Duration> {
        self.learner.estimate(self, images, cells)
    }

    /// Trains what is missing and reads the others.
    pub(crate) fn run(&self, cells: &[Prepared], listener: Listener) -> anyhow::Result<Vec<Done>> {
        let side_by_side = self.learner.side_by_side();
        let outer: Listener = if side_by_side { listener } else { &|_| {} };
        outer(Event::Begin { task: "training", total: cells.len() as u64, unit: "cells" });
        let one = |(at, cell): (usize, &Prepared)| {
            let path = self.file(cell);
            let done = match path.is_file() {
                true => read(&path)?,
                false => {
                    if !side_by_side {
                        let arm = cell.arm.in_words();
                        listener(Event::Note(format!(
                            "cell {} of {}: {arm}, seed {}",
                            at + 1,
                            cells.len(),
                            cell.seed
                        )));
                    }
                    self.train(cell, &path, listener)?
                }
            };
            outer(Event::Advance(1));
            Ok(done)
        };
        let done = match side_by_side {
            true => cells.par_iter().enumerate().map(one).collect(),
            false => cells.iter().enumerate().map(one).collect(),
        };
        outer(Event::End);
        done
    }

    fn cells(&self) -> PathBuf {
        self.folder.join("cells")
    }

    /// A cell's file, named by all that decides it: another plan, collection or space, another file.
    fn file(&self, cell: &Prepared) -> PathBuf {
        let material = self.material;
        let identity = Identity {
            arm: cell.arm,
            seed: cell.seed,
            learner: self.learner.identity(),
            real: material.real.hash(),
            synthetic: material.synthetic.hash(),
            test: &material.test_split,
            val: &material.val_rule,
            copies: COPIES,
            version: env!("CARGO_PKG_VERSION"),
        };
        let text = serde_json::to_string(&identity).expect("plain values");
        let hash: String = Sha256::digest(text).iter().take(12).map(|b| format!("{b:02x}")).collect();
        self.cells().join(format!("{hash}.json"))
    }

    fn train(&self, cell: &Prepared, path: &Path, listener: Listener) -> anyhow::Result<Done> {
        let (material, arm) = (self.material, cell.arm);
        let draw = material.stock.draw(&arm, cell.seed)?;
        let swaps = arm.is_real_only() || arm.strategy == Strategy::Synthetic;
        let kept: &[Pick] = if swaps { &material.kept } else { &[] };
        let judged = [&material.test, kept].concat();
        let folder = path.with_extension("");
        let lesson = Lesson { cell, draw: &draw, judged: &judged, folder: &folder };
        let learned = self.learner.train(self, &lesson, listener)?;
        let classifier = self.keep(cell, &learned, &path.with_extension("safetensors"))?;
        let (test, kept) = learned.judged.split_at(material.test.len());
        let done = Done {
            trained: trained(cell, &draw, &learned, classifier),
            test: test.to_vec(),
            kept: kept.to_vec(),
        };
        proof::put(path, &serde_json::to_string(&done)?)?;
        if folder.is_dir() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        Ok(done)
    }

    /// Writes the classifier, and names its file below the proof folder.
    fn keep(&self, cell: &Prepared, learned: &Learned, path: &Path) -> anyhow::Result<String> {
        let real = self.material.real.about();
        let look = Look::of(&real.settings).map_err(anyhow::Error::msg);
        let about = About {
            task: cell.arm.task,
            temperature: learned.temperature,
            basis: learned.basis.clone(),
            size: real.size,
            look: look.with_context(|| self.material.real.root().display().to_string())?.settings(),
            learned_from: format!("{}, seed {}", cell.arm.in_words(), cell.seed),
            collections: [self.material.real.hash(), self.material.synthetic.hash()],
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Kept { about, parameters: learned.parameters.clone() }.write(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("utility/cells/{name}"))
    }
}

fn trained(cell: &Prepared, draw: &Draw, learned: &Learned, classifier: String) -> Trained {
    Trained {
        arm: cell.arm,
        seed: cell.seed,
        subjects: draw.subjects,
        real_images: draw.real.len(),
        synthetic_images: draw.synthetic.len(),
        penalty: learned.penalty,
        steps: learned.steps,
        converged: learned.converged,
        temperature: learned.temperature,
        val_loss: learned.val_loss,
        classifier,
    }
}

/// Rows of the table that an image is learned from as.
pub(super) fn copies(arm: &Arm) -> usize {
    if arm.augment { COPIES + 1 } else { 1 }
}

fn read(path: &Path) -> anyhow::Result<Done> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text)
        .with_context(|| format!("{}: is damaged; delete it, and the cell is trained again", path.display()))
}
