//! Linear heads on features that are computed once: all cells of a plan in minutes.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use doppelray_gan::classifier::Basis;
use doppelray_gan::parameters::Array;
use doppelray_images::progress::Listener;
use doppelray_measures::Features;
use doppelray_measures::classify::{self, Example, GRADES, Recipe, fit};
use doppelray_measures::rng::{Purpose, stream};

use super::cell::{Lab, Prepared, copies};
use super::draw::Pick;
use super::features::{Table, describe};
use super::learner::{Learned, Learner, Lesson};
use crate::classifier::HEAD;
use crate::spaces::Space;

/// Images of the trial from which times are estimated.
const TRIED: usize = 64;
/// Steps that a descent usually takes.
const USUAL: usize = 60;

/// Heads of one space.
pub(crate) struct Heads<'a> {
    space: &'a Space,
    recipe: &'a Recipe,
    table: OnceLock<Table>,
}

impl<'a> Heads<'a> {
    pub(crate) fn new(space: &'a Space, recipe: &'a Recipe) -> Self {
        Self { space, recipe, table: OnceLock::new() }
    }

    /// How long a step of a descent takes for one image and output.
    fn step(&self, lab: &Lab) -> anyhow::Result<Duration> {
        let (width, task) = (self.space.width(), lab.plan.tasks[0]);
        let noise = stream(0, Purpose::UtilityTrial, 0).normals(TRIED * width);
        let features = Features::new(width, noise)?;
        let example = |row: usize| Example { row: row as u32, grade: (row % GRADES) as u8 };
        let phases = [(0..TRIED).map(example).collect::<Vec<_>>()];
        let val = &phases[0][..GRADES];
        let lesson = classify::Lesson { features: &features, phases: &phases, val, copies: 1 };
        let recipe = Recipe { penalties: vec![1e-3], ..self.recipe.clone() };
        let began = Instant::now();
        let steps = fit(task, &recipe, &lesson).steps.max(1);
        Ok(began.elapsed() / (steps * TRIED * task.outputs()) as u32)
    }

    /// Steps that the cells will about take, each once for every image and output.
    fn steps(&self, lab: &Lab, cells: &[Prepared]) -> anyhow::Result<f64> {
        let one = |cell: &Prepared| {
            let draw = lab.material.stock.draw(&cell.arm, cell.seed)?;
            let images = (draw.real.len() + draw.synthetic.len()) * copies(&cell.arm);
            anyhow::Ok((images * cell.arm.task.outputs() * self.recipe.penalties.len() * USUAL) as f64)
        };
        cells.iter().map(one).sum()
    }
}

impl Learner for Heads<'_> {
    fn identity(&self) -> String {
        let recipe = serde_json::to_string(self.recipe).expect("plain values");
        format!("{} {recipe}", self.space.file_stem())
    }

    fn side_by_side(&self) -> bool {
        true
    }

    fn get_ready(&self, lab: &Lab, needed: &BTreeMap<u32, usize>, listener: Listener) -> anyhow::Result<()> {
        let table = describe(lab.material, needed, self.space, &lab.folder, listener)?;
        // A second call finds the same.
        self.table.get_or_init(|| table);
        Ok(())
    }

    fn estimate(&self, lab: &Lab, images: usize, cells: &[Prepared]) -> anyhow::Result<Duration> {
        let threads = rayon::current_num_threads() as f64;
        let began = Instant::now();
        let trial = &lab.material.test[..lab.material.test.len().min(4)];
        for pick in trial {
            self.space.describe(&lab.material.image(pick)?);
        }
        let describing = began.elapsed().as_secs_f64() / trial.len() as f64 * images as f64;
        let training = self.step(lab)?.as_secs_f64() * self.steps(lab, cells)?;
        Ok(Duration::from_secs_f64((describing + training) / threads))
    }

    fn train(&self, lab: &Lab, lesson: &Lesson, _: Listener) -> anyhow::Result<Learned> {
        let table = self.table.get().context("images were described before")?;
        let arm = lesson.cell.arm;
        let phases: Vec<Vec<Example>> =
            lesson.draw.phases(arm.strategy).iter().map(|picks| table.examples(picks)).collect();
        let val = table.examples(&lab.material.val);
        let grader = fit(
            arm.task,
            self.recipe,
            &classify::Lesson { features: &table.features, phases: &phases, val: &val, copies: copies(&arm) },
        );
        let judge = |pick: &Pick| {
            let row = table.example(pick).row as usize;
            grader.judge(table.features.row(row)).map(|p| p as f32)
        };
        let shape = vec![arm.task.outputs(), self.space.width() + 1];
        let weights = Array { shape, values: grader.weights().to_vec() };
        Ok(Learned {
            penalty: Some(grader.penalty),
            steps: grader.steps,
            converged: grader.converged,
            val_loss: grader.val_loss,
            temperature: grader.temperature,
            basis: Basis::Head {
                space: self.space.file_stem(),
                weights: self.space.weights.as_ref().map(|file| file.sha256.clone()),
            },
            parameters: [(HEAD.to_owned(), weights)].into(),
            judged: lesson.judged.iter().map(judge).collect(),
        })
    }
}
