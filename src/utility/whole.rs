//! Whole networks, trained one after the other: hours, but what synthetic images do to all layers is seen.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use doppelray_gan::classifier::{Basis, Course, Pixels, Recipe, pace, tune};
use doppelray_images::augment::Change;
use doppelray_images::progress::Listener;
use doppelray_measures::classify::Example;
use doppelray_measures::rng::Stream;

use super::cell::{Lab, Prepared};
use super::draw::Pick;
use super::learner::{Learned, Learner, Lesson};
use super::material::Material;
use crate::classifier::shown;

/// Steps of the trial from which times are estimated.
const TRIED: usize = 2;

/// Networks that begin as one weights file.
pub(crate) struct Whole<'a> {
    weights: &'a Path,
    sha256: &'a str,
    recipe: &'a Recipe,
}

impl<'a> Whole<'a> {
    /// Networks of a file with this hash.
    pub(crate) fn new(weights: &'a Path, sha256: &'a str, recipe: &'a Recipe) -> Self {
        Self { weights, sha256, recipe }
    }

    fn course<'b>(
        &'b self,
        cell: &Prepared,
        phases: &'b [Vec<Example>],
        val: &'b [Example],
        pixels: Pixels<'b>,
    ) -> Course<'b> {
        let (task, augment, seed) = (cell.arm.task, cell.arm.augment, cell.seed);
        Course { task, recipe: self.recipe, phases, val, pixels, augment, seed }
    }
}

fn pixels(
    material: &Material,
    example: &Example,
    change: Option<&mut Stream>,
) -> doppelray_images::Result<Vec<f32>> {
    let image = material.image(&Pick { at: example.row, grade: example.grade })?;
    Ok(match change {
        Some(draws) => shown(&Change::draw(draws).of(&image)),
        None => shown(&image),
    })
}

fn examples(picks: &[Pick]) -> Vec<Example> {
    picks.iter().map(|pick| Example { row: pick.at, grade: pick.grade }).collect()
}

impl Learner for Whole<'_> {
    fn identity(&self) -> String {
        let recipe = serde_json::to_string(self.recipe).expect("plain values");
        format!("whole {} {recipe}", self.sha256)
    }

    fn side_by_side(&self) -> bool {
        false
    }

    fn get_ready(&self, _: &Lab, _: &BTreeMap<u32, usize>, _: Listener) -> anyhow::Result<()> {
        Ok(())
    }

    fn estimate(&self, lab: &Lab, _: usize, cells: &[Prepared]) -> anyhow::Result<Duration> {
        let Some(cell) = cells.first() else { return Ok(Duration::ZERO) };
        let few = [examples(&lab.material.test[..lab.material.test.len().min(4)])];
        let pixels: Pixels = &|example, change| pixels(lab.material, example, change);
        let course = self.course(cell, &few, &few[0], pixels);
        let step = pace(self.weights, &course, TRIED)?.as_secs_f64();
        let looks = self.recipe.steps / self.recipe.check * lab.material.val.len();
        let judged = looks + lab.material.test.len() + lab.material.kept.len();
        // Forwards alone are about a third of a step.
        let each = self.recipe.steps as f64 * step + judged as f64 * step / (3.0 * self.recipe.batch as f64);
        Ok(Duration::from_secs_f64(each * cells.len() as f64))
    }

    fn train(&self, lab: &Lab, lesson: &Lesson, listener: Listener) -> anyhow::Result<Learned> {
        let phases: Vec<Vec<Example>> =
            lesson.draw.phases(lesson.cell.arm.strategy).iter().map(|picks| examples(picks)).collect();
        let val = examples(&lab.material.val);
        let pixels: Pixels = &|example, change| pixels(lab.material, example, change);
        let course = self.course(lesson.cell, &phases, &val, pixels);
        let network = tune(self.weights, &course, lesson.folder, None, listener)?;
        let network = network.expect("nobody asked it to end early");
        let mut judged = Vec::with_capacity(lesson.judged.len());
        for chunk in lesson.judged.chunks(self.recipe.batch) {
            let images: Vec<Vec<f32>> = chunk
                .iter()
                .map(|pick| Ok(shown(&lab.material.image(pick)?)))
                .collect::<anyhow::Result<_>>()?;
            judged.extend(network.judge(&images).into_iter().map(|row| row.map(|p| p as f32)));
        }
        Ok(Learned {
            penalty: None,
            steps: network.step,
            converged: network.ended_early,
            val_loss: network.val_loss,
            temperature: network.temperature,
            basis: Basis::Whole { architecture: network.architecture() },
            parameters: network.parameters(),
            judged,
        })
    }
}
