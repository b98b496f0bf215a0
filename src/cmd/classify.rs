//! `doppelray classify`: a classifier that was trained here, on other images.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use doppelray_gan::classifier::About;
use doppelray_images::collection::{About as Collected, Kind};
use doppelray_images::files::write_whole;
use doppelray_images::import::{self, Columns, Lookalikes, Pattern, Plan, Refusals, Source, Subjects};
use doppelray_images::look::Look;
use doppelray_images::progress::Event;
use doppelray_images::text::Text;
use doppelray_images::{Collection, Depth, Error, Row};
use doppelray_measures::classify::{GRADES, Task};
use serde::Serialize;

use super::Common;
use crate::classifier::Classifier;
use crate::console::{Console, Usage};
use crate::proof::{command_line, put};
use crate::report::evaluate::FileHash;
use crate::report::seal;
use crate::saliency::occluded;

/// What stands in every report of this command.
const NOTICE: &str =
    "Not a medical device: for research on the images it was made for, not for a patient's care.";

/// Let a classifier of `doppelray utility` judge images: a grade, its probabilities, and where it looked.
///
/// Writes OUT/classify.csv and OUT/classify.json, and with --saliency a picture of each image, red where the answer rests on what is there.
/// Images that are no collection yet are prepared as those were that it learned from, into OUT/images. Not a medical device.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray classify proof/classifier-ordinal.safetensors films/ --out judged --saliency\n\n\
    `doppelray utility` leaves the classifiers: PROOF/classifier-TASK.safetensors, of each task the one that was best on the images that choose, \
    and of every cell the file that PROOF/utility.json names."
)]
pub(crate) struct Classify {
    /// The classifier's file.
    model: PathBuf,
    /// A collection, or folders, zips and single files of DICOM, PNG or JPEG.
    #[arg(required = true, value_name = "IMAGES")]
    images: Vec<PathBuf>,
    /// The folder to write into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The weights file of the network that the classifier is a head on.
    #[arg(long, value_name = "FILE")]
    features: Option<String>,
    /// Of a collection, judge this split alone.
    #[arg(long, value_name = "SPLIT")]
    split: Option<String>,
    /// Draw where it looked, for every image.
    #[arg(long)]
    saliency: bool,
}

/// `OUT/classify.json`.
#[derive(Serialize)]
struct Report {
    notice: &'static str,
    model: FileHash,
    about: About,
    /// What it rests on.
    basis: String,
    images: Vec<Judged>,
    /// The share of graded images whose answer is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<f64>,
    version: String,
    command: String,
}

/// One image.
#[derive(Serialize)]
struct Judged {
    file: String,
    id: String,
    /// What the collection says.
    grade: Option<u8>,
    /// The grade, or 1 for grades 2 to 4.
    answer: usize,
    probabilities: Vec<f64>,
    /// The probability of grades 2 to 4.
    osteoarthritis: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    saliency: Option<String>,
}

impl Classify {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let classifier = Classifier::open(&self.model, self.features.as_deref())?;
        if self.out.join("classify.json").exists() {
            bail!("{}: holds judgements already; choose another --out", self.out.display());
        }
        std::fs::create_dir_all(&self.out).map_err(Error::unwritten(&self.out))?;
        let collection = self.collection(&classifier.about, &console)?;
        let split = |row: &&Row| self.split.as_ref().is_none_or(|split| row.split == *split);
        let rows: Vec<&Row> = collection.rows().iter().filter(split).collect();
        if rows.is_empty() {
            let there: Vec<&str> = collection.splits().into_iter().collect();
            bail!(
                "{}: holds no image to judge; its splits are {}",
                collection.root().display(),
                there.join(", ")
            );
        }
        console.listen(Event::Begin { task: "judging", total: rows.len() as u64, unit: "images" });
        let mut images = Vec::with_capacity(rows.len());
        for row in rows {
            images.push(self.judge(&classifier, &collection, row)?);
            console.listen(Event::Advance(1));
        }
        console.listen(Event::End);
        let report = Report {
            notice: NOTICE,
            model: FileHash {
                file: self.model.display().to_string(),
                sha256: seal::hex(
                    &std::fs::read(&self.model).with_context(|| self.model.display().to_string())?,
                ),
            },
            basis: classifier.basis(),
            agreement: agreement(classifier.about.task, &images),
            about: classifier.about,
            images,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command_line(),
        };
        put(&self.out.join("classify.csv"), &String::from_utf8(table(&report)?)?)?;
        put(&self.out.join("classify.json"), &seal::sealed(&report)?)?;
        console.finish(&summary(&report, &self.out), &report)
    }

    /// The collection that was named, or one made of the files that were.
    fn collection(&self, about: &About, console: &Console) -> anyhow::Result<Collection> {
        let look = Look::of(&about.look).map_err(anyhow::Error::msg);
        let look = look.with_context(|| self.model.display().to_string())?;
        if let [only] = &self.images[..]
            && only.join("collection.toml").is_file()
        {
            let collection = Collection::open(only)?;
            let theirs = Look::of(&collection.about().settings);
            if theirs != Ok(look) || collection.about().size != about.size {
                console.say(&format!(
                    "note: {} was prepared otherwise than what the classifier learned from ({} pixels, {}); its answers may suffer",
                    only.display(),
                    about.size,
                    about.look.to_string().trim().replace('\n', ", ")
                ));
            }
            return Ok(collection);
        }
        if self.split.is_some() {
            return Err(Usage("--split: only a collection has splits".to_owned()).into());
        }
        if let Some(file) = self.images.iter().find(|file| !file.exists()) {
            return Err(Usage(format!(
                "{}: is not there; give a collection, folders or images",
                file.display()
            ))
            .into());
        }
        let plan = Plan {
            sources: self.images.iter().cloned().map(Source::Path).collect(),
            labels: None,
            columns: Columns::default(),
            pattern: Pattern::default(),
            subjects: Subjects::AsGiven,
            split: "0/0/100".parse().map_err(anyhow::Error::msg)?,
            earlier: None,
            lookalikes: Lookalikes::Keep,
            text: Text::Keep,
            look,
            depth: None,
            refusals: Refusals::LeftOut,
            ungraded: true,
            listed: None,
            about: Collected {
                kind: Kind::Real,
                title: String::new(),
                size: about.size,
                depth: Depth::Eight,
                licence: String::new(),
                source: String::new(),
                made_by: env!("CARGO_PKG_VERSION").to_owned(),
                settings: look.settings(),
            },
        };
        Ok(import::run(&plan, &self.out.join("images"), &|event| console.listen(event))?.0)
    }

    fn judge(&self, classifier: &Classifier, collection: &Collection, row: &Row) -> anyhow::Result<Judged> {
        let (image, task) = (collection.load(row)?, classifier.about.task);
        let probabilities = classifier.judge(&image);
        let saliency = if self.saliency {
            let name = format!("saliency/{}.png", row.id);
            let picture = occluded(&image, task, |image| classifier.judge(image)).over(&image)?;
            let path = self.out.join(&name);
            std::fs::create_dir_all(self.out.join("saliency")).map_err(Error::unwritten(&path))?;
            write_whole(&path, |file| file.write_all(&picture)).map_err(Error::unwritten(&path))?;
            Some(name)
        } else {
            None
        };
        Ok(Judged {
            file: row.file.clone(),
            id: row.id.clone(),
            grade: row.grade,
            answer: classifier.decide(&probabilities),
            probabilities: probabilities[..task.classes()].to_vec(),
            osteoarthritis: task.disease(&probabilities),
            saliency,
        })
    }
}

fn agreement(task: Task, images: &[Judged]) -> Option<f64> {
    let right = images.iter().filter_map(|i| Some(task.class(i.grade?) == i.answer));
    let right: Vec<bool> = right.collect();
    (!right.is_empty()).then(|| right.iter().filter(|right| **right).count() as f64 / right.len() as f64)
}

/// One line an image.
fn table(report: &Report) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let classes = (0..report.about.task.classes()).map(|class| format!("p{class}"));
    csv.write_record(
        ["file", "id", "grade", "answer"]
            .map(str::to_owned)
            .into_iter()
            .chain(classes)
            .chain(["osteoarthritis".to_owned()]),
    )?;
    for image in &report.images {
        let grade = image.grade.map_or_else(String::new, |grade| grade.to_string());
        let named = [image.file.clone(), image.id.clone(), grade, image.answer.to_string()];
        let probabilities =
            image.probabilities.iter().chain([&image.osteoarthritis]).map(|p| format!("{p:.6}"));
        csv.write_record(named.into_iter().chain(probabilities))?;
    }
    Ok(csv.into_inner()?)
}

fn summary(report: &Report, out: &Path) -> String {
    let mut counts = [0; GRADES];
    report.images.iter().for_each(|image| counts[image.answer] += 1);
    let answers = match report.about.task {
        Task::Binary => format!("grades 0-1: {}, grades 2-4: {}", counts[0], counts[1]),
        _ => counts.iter().enumerate().map(|(g, n)| format!("grade {g}: {n}")).collect::<Vec<_>>().join(", "),
    };
    let agreement = report
        .agreement
        .map_or_else(String::new, |share| format!("\nAs the collection grades them: {:.1}%", 100.0 * share));
    format!(
        "{} images by {} ({}): {answers}{agreement}\n{NOTICE}\nThe judgements: {}",
        report.images.len(),
        report.basis,
        report.about.learned_from,
        out.join("classify.csv").display()
    )
}
