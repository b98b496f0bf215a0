//! `doppelray utility`: do synthetic images make better classifiers?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use doppelray_gan::classifier::Architecture;
use doppelray_images::files::write_whole;
use doppelray_images::{Collection, Error, png};
use doppelray_measures::classify::{GRADES, Task};
use doppelray_measures::rng::{Purpose, stream};

use super::Common;
use crate::classifier::Classifier;
use crate::console::{Console, Usage};
use crate::proof::{self, command_line, title};
use crate::report::answer::answered;
use crate::report::evaluate::FileHash;
use crate::report::html;
use crate::report::utility::{Best, CellReport, Described, Look, Source, Tests, Utility as Report};
use crate::saliency::occluded;
use crate::spaces::Space;
use crate::utility::{Choice, Done, Findings, Heads, Lab, Material, Pick, Plan, RESAMPLING, Whole, analyse};

/// Train classifiers with and without synthetic images and test them on real subjects nobody saw.
///
/// Writes PROOF/utility.json and a page drawn from it, PROOF/utility.html. Each cell of the plan ends in a file of its own below
/// PROOF/utility, so the same command again goes on where it was interrupted.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray utility knees fakes --plan plans/paper.toml --features squeezenet1_1-imagenet.safetensors --out proof\n\n\
    A plan is a TOML file: tasks, seeds, the training of each cell, and arms (shares of real subjects, of synthetic images added \
    or in place of real ones, by strategy: mix, pretrain, balance, synthetic). It is checked before anything runs; --dry-run \
    stops there. With a table [training] heads learn on the features; with a table [whole] the network of --features is trained, all its \
    layers. PROOF/classifier-TASK.safetensors are for `doppelray classify`. Not a medical device."
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
    /// What turns images into numbers: the built-in bank, or a .safetensors or .pth file of SqueezeNet 1.1's or MobileNetV2's weights;
    /// with a table `whole` in the plan also of ResNet-18, ResNet-34 or VGG-16, by torchvision's names.
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
        let plan = Plan::read(self.plan.as_deref())?;
        let choice = Choice {
            real: &self.real,
            synthetic: &self.synthetic,
            trained_on: self.trained_on.as_deref(),
            test: self.real_split.as_deref(),
        };
        let folder = proof::cells(&self.out);
        if let Some(recipe) = &plan.whole {
            let weights = Path::new(&self.features);
            if self.features == "bank" {
                let mend = "give the weights file to begin with by --features, torchvision's names in .safetensors or .pth";
                return Err(Usage(format!("[whole] trains a network: {mend}")).into());
            }
            let (architecture, sha256) = Architecture::read(weights)?;
            let material = Material::open(&choice)?;
            let learner = Whole::new(weights, &sha256, recipe);
            let lab = Lab { plan: &plan, material: &material, learner: &learner, folder };
            let described = Described {
                name: architecture.name().to_owned(),
                about: "It began with the weights named below, and all its layers were trained.".to_owned(),
                width: architecture.width(),
                weights: Some(FileHash { file: self.features.clone(), sha256: sha256.clone() }),
            };
            return self.experiment(&lab, described, &console);
        }
        let recipe = plan.training.as_ref().expect("a plan has one of both");
        let space = Space::grading(&self.features)?;
        let material = Material::open(&choice)?;
        let learner = Heads::new(&space, recipe);
        let lab = Lab { plan: &plan, material: &material, learner: &learner, folder };
        let described = Described {
            name: space.name.clone(),
            about: space.about(),
            width: space.width(),
            weights: space.weights.clone(),
        };
        self.experiment(&lab, described, &console)
    }

    fn experiment(&self, lab: &Lab, described: Described, console: &Console) -> anyhow::Result<()> {
        let listener = |event| console.listen(event);
        let cells = lab.prepare()?;
        let needed = lab.needed(&cells)?;
        let images = needed.values().map(|copies| 1 + copies).sum();
        let missing = lab.missing(&cells);
        let time = lab.estimate(images, &missing)?;
        let schedule = format!(
            "{} arms, {} cells ({} to train), {images} images, about {} min in all",
            lab.plan.arms().len(),
            cells.len(),
            missing.len(),
            (time.as_secs() / 60).max(1)
        );
        if self.dry_run {
            return console.finish(&format!("{schedule}. Nothing was written."), lab.plan);
        }
        console.say(&schedule);
        proof::make(&self.out)?;
        lab.get_ready(&needed, &listener)?;
        let done = lab.run(&cells, &listener)?;
        let (classifiers, looks) = best(&self.out, &self.features, lab, &done)?;
        let mut report = self.report(lab, described, analyse(lab.plan, lab.material, done));
        (report.classifiers, report.looks) = (classifiers, looks);
        let film = |look: &Look| look.map.over(&png::load(&self.real.join(&look.file))?);
        proof::write(&self.out, "utility", &report, &html::utility::draw(&report, &film)?)?;
        let page = self.out.join("utility.html");
        let summary =
            format!("{}\n{}\nThe report: {}", report.answer, report.remarks.join("\n"), page.display());
        console.finish(&summary, &report)
    }

    fn report(&self, lab: &Lab, space: Described, findings: Findings) -> Report {
        let material = lab.material;
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
            space,
            plan: lab.plan.clone(),
            primary: lab.plan.primary.clone(),
            cells: findings.cells,
            arms: findings.arms,
            contrasts: findings.contrasts,
            swaps: findings.swaps,
            classifiers: Vec::new(),
            looks: Vec::new(),
            seed: RESAMPLING.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
        })
    }
}

/// Of each task copies the classifier that was best on the images that choose to PROOF/classifier-TASK.safetensors, and looks at
/// where it looks on one test image of each grade.
fn best(out: &Path, features: &str, lab: &Lab, done: &[Done]) -> anyhow::Result<(Vec<Best>, Vec<Look>)> {
    let (mut classifiers, mut looks) = (Vec::new(), Vec::new());
    for &task in &lab.plan.tasks {
        let of_task = done.iter().map(|done| &done.trained).filter(|trained| trained.arm.task == task);
        let Some(best) = of_task.min_by(|a, b| a.val_loss.total_cmp(&b.val_loss)) else { continue };
        let (kept, file) = (out.join(&best.classifier), format!("classifier-{}.safetensors", word(task)));
        let bytes = std::fs::read(&kept).with_context(|| {
            format!("{}: delete the cell's .json beside it, and it is trained again", kept.display())
        })?;
        write_whole(&out.join(&file), |to| to.write_all(&bytes))
            .map_err(Error::unwritten(&out.join(&file)))?;
        let classifier = Classifier::open(&kept, Some(features))?;
        for grade in 0..GRADES as u8 {
            let mut picks: Vec<&Pick> = lab.material.test.iter().filter(|pick| pick.grade == grade).collect();
            stream(RESAMPLING.seed, Purpose::Gallery, u64::from(grade)).shuffle(&mut picks);
            let Some(pick) = picks.first() else { continue };
            let image = lab.material.image(pick)?;
            let file = lab.material.picture(pick.at).1.file.clone();
            let answer = classifier.decide(&classifier.judge(&image));
            let map = occluded(&image, task, |image| classifier.judge(image));
            looks.push(Look { task, file, grade, answer, map });
        }
        let learned_from = classifier.about.learned_from;
        classifiers.push(Best { task, file, learned_from, val_loss: best.val_loss });
    }
    Ok((classifiers, looks))
}

/// A task as plans name it.
fn word(task: Task) -> &'static str {
    match task {
        Task::Binary => "binary",
        Task::Grades => "grades",
        Task::Ordinal => "ordinal",
    }
}

/// Says how many cells ran out of steps, where some did.
fn unfinished(cells: &[CellReport]) -> Vec<String> {
    match cells.iter().filter(|cell| !cell.trained.converged).count() {
        0 => Vec::new(),
        count => vec![format!(
            "{count} of {} cells ran out of steps before they had learned all they could: raise `steps` in the plan.",
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
