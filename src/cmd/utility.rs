//! `doppelray utility`: do synthetic images make better classifiers?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use doppelray_images::Collection;

use super::Common;
use crate::console::Console;
use crate::proof::{self, command_line, title};
use crate::report::answer::answered;
use crate::report::html;
use crate::report::utility::{CellReport, Described, Source, Tests, Utility as Report};
use crate::spaces::Space;
use crate::utility::{Choice, Findings, Lab, Material, Pick, Plan, RESAMPLING, analyse, describe};

/// Train classifiers with and without synthetic images and test them on real subjects nobody saw.
///
/// Writes PROOF/utility.json and a page drawn from it, PROOF/utility.html. Each cell of the plan ends in a file of its own below
/// PROOF/utility, so the same command again goes on where it was interrupted.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray utility knees fakes --plan plans/paper.toml --features squeezenet1_1-imagenet.safetensors --out proof\n\n\
    A plan is a TOML file: tasks, seeds, the training of each cell, and arms (shares of real subjects, of synthetic images added \
    or in place of real ones, by strategy: mix, pretrain, balance, synthetic). It is checked before anything runs; --dry-run \
    stops there. Not a medical device."
)]
pub(crate) struct Utility {
    /// The collection of real images.
    real: PathBuf,
    /// The collection of synthetic images.
    synthetic: PathBuf,
    /// The proof folder to write into.
    #[arg(long, value_name = "PROOF")]
    out: PathBuf,
    /// The plan [default: four shares of real subjects, with and without as many synthetic images].
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// What turns images into numbers: the built-in bank, or a .safetensors file of SqueezeNet 1.1's or MobileNetV2's weights.
    #[arg(long, value_name = "NAME|FILE", default_value = "bank")]
    features: String,
    /// The split of real images to test on [default: test if there is one, else val].
    #[arg(long, value_name = "SPLIT")]
    real_split: Option<String>,
    /// The collection that the generator was trained on, where it is not REAL: checked for test subjects.
    #[arg(long, value_name = "COLLECTION")]
    trained_on: Option<PathBuf>,
    /// Check the plan, say how many cells it has and how long they would take, and stop.
    #[arg(long)]
    dry_run: bool,
}

impl Utility {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let listener = |event| console.listen(event);
        let plan = Plan::read(self.plan.as_deref())?;
        let space = Space::grading(&self.features)?;
        let choice = Choice {
            real: &self.real,
            synthetic: &self.synthetic,
            trained_on: self.trained_on.as_deref(),
            test: self.real_split.as_deref(),
        };
        let material = Material::open(&choice)?;
        let lab = Lab { plan: &plan, material: &material, space: &space, folder: self.out.join("utility") };
        let cells = lab.prepare()?;
        let needed = lab.needed(&cells)?;
        let images = needed.values().map(|copies| 1 + copies).sum();
        let missing = lab.missing(&cells);
        let time = lab.estimate(images, &missing)?;
        let schedule = format!(
            "{} arms, {} cells ({} to train), {images} images to describe, about {} min in all",
            plan.arms().len(),
            cells.len(),
            missing.len(),
            (time.as_secs() / 60).max(1)
        );
        if self.dry_run {
            return console.finish(&format!("{schedule}. Nothing was written."), &plan);
        }
        console.say(&schedule);
        proof::make(&self.out)?;
        let table = describe(&material, &needed, &space, &lab.folder, &listener)?;
        let done = lab.run(&cells, &table, &listener)?;
        let report = self.report(&lab, analyse(&plan, &material, done));
        proof::write(&self.out, "utility", &report, &html::utility::draw(&report))?;
        let page = self.out.join("utility.html");
        let summary =
            format!("{}\n{}\nThe report: {}", report.answer, report.remarks.join("\n"), page.display());
        console.finish(&summary, &report)
    }

    fn report(&self, lab: &Lab, findings: Findings) -> Report {
        let (material, space) = (lab.material, lab.space);
        let tests = |from: &str, picks: &[Pick]| {
            let mut grades = BTreeMap::<String, usize>::new();
            picks.iter().for_each(|pick| *grades.entry(pick.grade.to_string()).or_default() += 1);
            Tests { from: from.to_owned(), images: picks.len(), grades }
        };
        answered(Report {
            answer: String::new(),
            remarks: [&material.remarks[..], &unfinished(&findings.cells)[..]].concat(),
            answer_rules: String::new(),
            real: source(&self.real, &material.real),
            synthetic: source(&self.synthetic, &material.synthetic),
            test: tests(&material.test_split, &material.test),
            val: tests(&material.val_rule, &material.val),
            space: Described {
                name: space.name.clone(),
                about: space.about(),
                width: space.width(),
                weights: space.weights.clone(),
            },
            plan: lab.plan.clone(),
            primary: lab.plan.primary.clone(),
            cells: findings.cells,
            arms: findings.arms,
            contrasts: findings.contrasts,
            swaps: findings.swaps,
            seed: RESAMPLING.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
        })
    }
}

/// Says how many cells ran out of steps, where some did.
fn unfinished(cells: &[CellReport]) -> Vec<String> {
    match cells.iter().filter(|cell| !cell.trained.converged).count() {
        0 => Vec::new(),
        count => vec![format!(
            "{count} of {} cells ran out of steps before the bottom of their loss was reached: raise training.steps.",
            cells.len()
        )],
    }
}

fn source(path: &Path, collection: &Collection) -> Source {
    Source {
        path: path.display().to_string(),
        title: title(path, &collection.about().title),
        hash: collection.hash(),
        count: collection.rows().len(),
        size: collection.about().size,
    }
}
