//! The cells: each one training with a file of its own, so that an interrupted plan goes on with the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use doppelray_images::Error;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::classify::{Example, GRADES, Lesson, Recipe, fit};
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::draw::Pick;
use super::features::{COPIES, Table};
use super::material::Material;
use super::plan::{Arm, Plan, Strategy};
use crate::proof;
use crate::spaces::Space;

/// Images of the trial from which times are estimated.
const TRIED: usize = 64;
/// Steps that a descent usually takes.
const USUAL: usize = 60;

/// What all cells share.
pub(crate) struct Lab<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) material: &'a Material,
    pub(crate) space: &'a Space,
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
    /// The penalty that was best by the choosing images.
    pub(crate) penalty: f64,
    /// Steps of the descents of all penalties, and whether each came to the bottom.
    pub(crate) steps: usize,
    pub(crate) converged: bool,
    pub(crate) temperature: f64,
    pub(crate) val_loss: f64,
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
    training: &'a Recipe,
    real: String,
    synthetic: String,
    test: &'a str,
    val: &'a str,
    space: String,
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

    /// Trains what is missing, cells in parallel, and reads the others.
    pub(crate) fn run(
        &self,
        cells: &[Prepared],
        table: &Table,
        listener: Listener,
    ) -> anyhow::Result<Vec<Done>> {
        let folder = self.cells();
        std::fs::create_dir_all(&folder).map_err(Error::unwritten(&folder))?;
        listener(Event::Begin { task: "training", total: cells.len() as u64, unit: "cells" });
        let one = |cell: &Prepared| {
            let path = self.file(cell);
            let done = match path.is_file() {
                true => read(&path)?,
                false => self.train(cell, table, &path)?,
            };
            listener(Event::Advance(1));
            Ok(done)
        };
        let done = cells.par_iter().map(one).collect();
        listener(Event::End);
        done
    }

    /// About how long describing so many images and training so many cells takes here, from a short trial of both.
    pub(crate) fn estimate(&self, images: usize, cells: &[Prepared]) -> anyhow::Result<Duration> {
        let threads = rayon::current_num_threads() as f64;
        let began = Instant::now();
        let trial = &self.material.test[..self.material.test.len().min(4)];
        for pick in trial {
            let (collection, row) = self.material.picture(pick.at);
            self.space.describe(&collection.load(row)?);
        }
        let describing = began.elapsed().as_secs_f64() / trial.len() as f64 * images as f64;
        let training = self.step()?.as_secs_f64() * self.steps(cells)?;
        Ok(Duration::from_secs_f64((describing + training) / threads))
    }

    /// How long a step of a descent takes for one image and output.
    fn step(&self) -> anyhow::Result<Duration> {
        let (width, task) = (self.space.width(), self.plan.tasks[0]);
        let noise = stream(0, Purpose::UtilityTrial, 0).normals(TRIED * width);
        let features = Features::new(width, noise)?;
        let example = |row: usize| Example { row: row as u32, grade: (row % GRADES) as u8 };
        let phases = [(0..TRIED).map(example).collect::<Vec<_>>()];
        let lesson = Lesson { features: &features, phases: &phases, val: &phases[0][..GRADES], copies: 1 };
        let recipe = Recipe { penalties: vec![1e-3], ..self.plan.training.clone() };
        let began = Instant::now();
        let steps = fit(task, &recipe, &lesson).steps.max(1);
        Ok(began.elapsed() / (steps * TRIED * task.outputs()) as u32)
    }

    /// Steps that the cells will about take, each once for every image and output.
    fn steps(&self, cells: &[Prepared]) -> anyhow::Result<f64> {
        let one = |cell: &Prepared| {
            let draw = self.material.stock.draw(&cell.arm, cell.seed)?;
            let images = (draw.real.len() + draw.synthetic.len()) * copies(&cell.arm);
            anyhow::Ok((images * cell.arm.task.outputs() * self.plan.training.penalties.len() * USUAL) as f64)
        };
        cells.iter().map(one).sum()
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
            training: &self.plan.training,
            real: material.real.hash(),
            synthetic: material.synthetic.hash(),
            test: &material.test_split,
            val: &material.val_rule,
            space: self.space.file_stem(),
            copies: COPIES,
            version: env!("CARGO_PKG_VERSION"),
        };
        let text = serde_json::to_string(&identity).expect("plain values");
        let hash: String = Sha256::digest(text).iter().take(12).map(|b| format!("{b:02x}")).collect();
        self.cells().join(format!("{hash}.json"))
    }

    fn train(&self, cell: &Prepared, table: &Table, path: &Path) -> anyhow::Result<Done> {
        let (material, arm) = (self.material, cell.arm);
        let draw = material.stock.draw(&arm, cell.seed)?;
        let phases: Vec<Vec<Example>> =
            draw.phases(arm.strategy).iter().map(|picks| table.examples(picks)).collect();
        let val = table.examples(&material.val);
        let lesson = Lesson { features: &table.features, phases: &phases, val: &val, copies: copies(&arm) };
        let grader = fit(arm.task, &self.plan.training, &lesson);
        let judge = |pick: &Pick| {
            let row = table.example(pick).row as usize;
            grader.judge(table.features.row(row)).map(|p| p as f32)
        };
        let swaps = arm.is_real_only() || arm.strategy == Strategy::Synthetic;
        let trained = Trained {
            arm,
            seed: cell.seed,
            subjects: draw.subjects,
            real_images: draw.real.len(),
            synthetic_images: draw.synthetic.len(),
            penalty: grader.penalty,
            steps: grader.steps,
            converged: grader.converged,
            temperature: grader.temperature,
            val_loss: grader.val_loss,
        };
        let done = Done {
            trained,
            test: material.test.iter().map(judge).collect(),
            kept: if swaps { material.kept.iter().map(judge).collect() } else { Vec::new() },
        };
        proof::put(path, &serde_json::to_string(&done)?)?;
        Ok(done)
    }
}

/// Rows of the table that an image is learned from as.
fn copies(arm: &Arm) -> usize {
    if arm.augment { COPIES + 1 } else { 1 }
}

fn read(path: &Path) -> anyhow::Result<Done> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text)
        .with_context(|| format!("{}: is damaged; delete it, and the cell is trained again", path.display()))
}
