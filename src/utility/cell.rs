//! The cells: each one training with a file of its own, so that an interrupted plan goes on with the next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use doppelray_images::files::write_whole;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::classify::{Example, GRADES, Lesson, Recipe, fit};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::draw::Pick;
use super::features::{COPIES, Table};
use super::material::Material;
use super::plan::{Arm, Plan, Strategy};
use crate::spaces::Space;

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

/// A cell that was trained and has judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) arm: Arm,
    pub(crate) seed: u64,
    pub(crate) subjects: usize,
    pub(crate) real_images: usize,
    pub(crate) synthetic_images: usize,
    /// The step that was best by the choosing images.
    pub(crate) step: usize,
    pub(crate) temperature: f64,
    pub(crate) val_loss: f64,
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
    pub(crate) fn missing(&self, cells: &[Prepared]) -> usize {
        cells.iter().filter(|cell| !self.file(cell).is_file()).count()
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
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
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
    pub(crate) fn estimate(&self, images: usize, cells: usize) -> anyhow::Result<Duration> {
        let threads = rayon::current_num_threads() as f64;
        let began = Instant::now();
        let trial = &self.material.test[..self.material.test.len().min(4)];
        for pick in trial {
            let (collection, row) = self.material.picture(pick.at);
            self.space.describe(&collection.load(row)?);
        }
        let describing = began.elapsed().as_secs_f64() / trial.len() as f64 * images as f64;
        let features = Features::new(self.space.width(), vec![0.0; self.space.width()])?;
        let nothing = |pick: &Pick| Example { row: 0, grade: pick.grade };
        let val: Vec<Example> = self.material.val.iter().map(nothing).collect();
        let phases = [val.clone()];
        let lesson = Lesson { features: &features, phases: &phases, val: &val, copies: 1 };
        let training = &self.plan.training;
        let steps = training.steps.min(2 * training.check);
        let began = Instant::now();
        fit(self.plan.tasks[0], &Recipe { steps, ..training.clone() }, &lesson, 0);
        let training = began.elapsed().as_secs_f64() * (training.steps / steps) as f64 * cells as f64;
        Ok(Duration::from_secs_f64((describing + training) / threads))
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
        let copies = if arm.augment { COPIES + 1 } else { 1 };
        let lesson = Lesson { features: &table.features, phases: &phases, val: &val, copies };
        let grader = fit(arm.task, &self.plan.training, &lesson, cell.seed);
        let judge = |pick: &Pick| {
            let row = table.example(pick).row as usize;
            grader.judge(table.features.row(row)).map(|p| p as f32)
        };
        let swaps = arm.is_real_only() || arm.strategy == Strategy::Synthetic;
        let done = Done {
            arm,
            seed: cell.seed,
            subjects: draw.subjects,
            real_images: draw.real.len(),
            synthetic_images: draw.synthetic.len(),
            step: grader.step,
            temperature: grader.temperature,
            val_loss: grader.val_loss,
            test: material.test.iter().map(judge).collect(),
            kept: if swaps { material.kept.iter().map(judge).collect() } else { Vec::new() },
        };
        let text = serde_json::to_string(&done)?;
        let written = write_whole(path, |file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("{}: cannot be written", path.display()))?;
        Ok(done)
    }
}

fn read(path: &Path) -> anyhow::Result<Done> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text)
        .with_context(|| format!("{}: is damaged; delete it, and the cell is trained again", path.display()))
}
