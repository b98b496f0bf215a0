//! `doppelray evaluate`: how good are the synthetic images?

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::compare::{Settings, compare};
use doppelray_measures::consistency::{Graded, consistency};
use doppelray_measures::rng::{Purpose, stream};
use doppelray_measures::wasserstein::Effort;

use super::{Common, Shards, keep_features};
use crate::anatomy::anatomy;
use crate::console::Console;
use crate::parts::{Column, Parts, grades, groups};
use crate::pixels::{self, likeness};
use crate::proof;
use crate::report::evaluate::{Evaluation, FileHash, Pictures, Space as Measured};
use crate::report::{film, html};
use crate::sets::Set;
use crate::spaces::{Space, Which, describe};

/// Images of each kind a grade shows.
const SHOWN: usize = 6;

/// Measure how close synthetic images come to real ones, overall and by grade.
///
/// Writes PROOF/evaluate.json and a page drawn from it, PROOF/evaluate.html. Every measure has a 95% interval and the floor
/// that real images reach against each other.
///
/// With --shard I/N only features are computed, those of every N-th image, and kept beside the collections: on as many machines as
/// there are, before one of them runs the whole command.
///
/// Example: doppelray evaluate knees fakes --out proof --features squeezenet1_1-imagenet.safetensors
#[derive(Args)]
pub(crate) struct Evaluate {
    /// The collection of real images.
    real: PathBuf,
    /// The collection of synthetic images.
    synthetic: PathBuf,
    /// The proof folder to write into.
    #[arg(long, value_name = "PROOF")]
    out: PathBuf,
    /// The split of real images to compare with [default: test if there is one, else val].
    #[arg(long, value_name = "SPLIT")]
    real_split: Option<String>,
    /// A further feature space beside the built-in bank: `radiomics`; a .safetensors or .pth file of torchvision's SqueezeNet 1.1,
    /// MobileNetV2, ResNet-18, ResNet-34 or VGG-16, or of a classifier that `utility` trained whole; an .onnx file of any
    /// network; or NAME=REAL,SYNTHETIC, two .npy or .safetensors files of features, a row an image in the order of the
    /// manifests.
    #[arg(long, value_name = "FILE|NAME=REAL,SYNTHETIC")]
    features: Vec<String>,
    /// Compare groups of images too, by this column of the manifests.
    #[arg(long, value_name = "COLUMN")]
    by: Vec<Column>,
    /// Of the random halves, resamplings and pictures.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    shards: Shards,
}

impl Evaluate {
    /// Measures, writes both files, and says the verdict.
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let listener = |event| console.listen(event);
        if let Some(shard) = self.shards.shard {
            let ([real, synthetic], spaces, spectrum) = self.material()?;
            let asked: Vec<&Space> = spaces.iter().chain(&spectrum).collect();
            return keep_features(shard, [&real, &synthetic], &asked, &console);
        }
        let report = self.evaluate(&listener)?;
        let page = self.out.join("evaluate.html");
        let lines: Vec<&str> =
            std::iter::once(&report.verdict).chain(&report.remarks).map(String::as_str).collect();
        console.finish(&format!("{}\nThe report: {}", lines.join("\n"), page.display()), &report)
    }

    /// The sets, the spaces that were asked for, and that of radial spectra where both have one size.
    fn material(&self) -> anyhow::Result<([Set; 2], Vec<Space>, Option<Space>)> {
        let spaces = Space::all(&self.features)?;
        let real = Set::real(&self.real, self.real_split.as_deref())?;
        let synthetic = Set::whole(&self.synthetic)?;
        let spectrum = same_size([&real, &synthetic]).map(Space::radial);
        Ok(([real, synthetic], spaces, spectrum))
    }

    fn evaluate(&self, listener: Listener) -> anyhow::Result<Evaluation> {
        let ([real, synthetic], spaces, spectrum) = self.material()?;
        proof::make(&self.out)?;
        let pair = [&real, &synthetic];
        let asked: Vec<&Space> = spaces.iter().chain(&spectrum).collect();
        let described = [
            describe(&real, Which::Real, &asked, (self.shards.kept, listener))?,
            describe(&synthetic, Which::Synthetic, &asked, (self.shards.kept, listener))?,
        ];
        let numbers = described.each_ref().map(|all| &all[..spaces.len()]);
        let profiles = described.each_ref().map(|all| &all[asked.len() - 1]);
        let settings = Settings { seed: self.seed, ..Settings::default() };
        let grades = grades(pair);
        let (replicates, halvings) = (settings.distance_replicates, settings.halvings);
        let effort = Effort { seed: self.seed, replicates, halvings };
        let spectrum =
            spectrum.map(|_| pixels::spectrum(profiles, &grades, &settings)).transpose()?.flatten();
        let report = Evaluation {
            real: proof::side(&self.real, &real),
            synthetic: proof::side(&self.synthetic, &synthetic),
            spaces: measure(
                (&spaces, [&grades, &groups(pair, &self.by)]),
                pair,
                numbers,
                (&settings, listener),
            )?,
            likeness: likeness(pair, &grades, &settings, listener)?,
            spectrum,
            anatomy: anatomy(pair, effort, listener)?,
            gallery: gallery(pair, &grades, self.seed),
            settings,
            seed: self.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: proof::command_line(),
            verdict: String::new(),
            remarks: Vec::new(),
            verdict_rules: String::new(),
            decided_by: String::new(),
        };
        let report = report.judged();
        let page = html::evaluate::draw(&report, &film::small)?;
        proof::write(&self.out, "evaluate", &report, &page)?;
        Ok(report)
    }
}

/// Every space, overall and by grade.
fn measure(
    (spaces, parts): (&[Space], [&Parts; 2]),
    sets: [&Set; 2],
    numbers: [&[Features]; 2],
    (settings, listener): (&Settings, Listener),
) -> anyhow::Result<BTreeMap<String, Measured>> {
    let [grades, groups] = parts;
    let total = (spaces.len() * (grades.len() + groups.len() + 1)) as u64;
    listener(Event::Begin { task: "measuring", total, unit: "comparisons" });
    let compared = |real: &Features, synthetic: &Features| {
        let comparison = compare(real, synthetic, settings);
        listener(Event::Advance(1));
        comparison
    };
    let labels = sets.map(Set::grades);
    let space = |(at, space): (usize, &Space)| {
        let [real, synthetic] = &space.scaled(numbers.map(|n| &n[at]))?;
        let graded =
            [(real, &labels[0]), (synthetic, &labels[1])].map(|(set, grades)| Graded { set, grades });
        let part = |(name, [a, b]): (&String, &[Vec<usize>; 2])| {
            Ok((name.clone(), compared(&real.select(a), &synthetic.select(b))?))
        };
        let overall = compared(real, synthetic)?;
        let measured = Measured {
            about: space.about(),
            width: space.width(),
            files: space.files(),
            learned: space.is_learned(),
            frechet_radiomics: space.frechet_radiomics(&overall),
            overall,
            grades: grades.iter().map(part).collect::<anyhow::Result<_>>()?,
            groups: groups.iter().map(part).collect::<anyhow::Result<_>>()?,
            consistency: consistency(graded[0], graded[1], settings.resampling())?,
        };
        Ok((space.name.clone(), measured))
    };
    let measured = spaces.iter().enumerate().map(space).collect();
    listener(Event::End);
    measured
}

/// The width that the images of both sets have, where it is one.
fn same_size([real, synthetic]: [&Set; 2]) -> Option<u32> {
    let [a, b] = [real, synthetic].map(|set| set.collection.about().size);
    (a == b).then_some(a)
}

/// Random images of each grade.
fn gallery(sets: [&Set; 2], grades: &Parts, seed: u64) -> BTreeMap<String, Pictures> {
    let choose = |place: usize, set: &Set, rows: &[usize]| -> Vec<FileHash> {
        let mut rows = rows.to_vec();
        stream(seed, Purpose::Gallery, place as u64).shuffle(&mut rows);
        let chosen = rows.into_iter().take(SHOWN).map(|at| &set.rows[at]);
        chosen.map(|row| FileHash { file: row.file.clone(), sha256: row.sha256.clone() }).collect()
    };
    let grade = |(at, (grade, [real, synthetic])): (usize, (&String, &[Vec<usize>; 2]))| {
        let real = choose(2 * at, sets[0], real);
        (grade.clone(), Pictures { real, synthetic: choose(2 * at + 1, sets[1], synthetic) })
    };
    grades.iter().enumerate().map(grade).collect()
}
