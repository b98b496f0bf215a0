//! `doppelray sample`: synthetic images from a model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use doppelray_gan::model::{Manner, Model};
use doppelray_gan::sample::{Draw, Mix, Order, sample};
use doppelray_gan::settings::Sampling;
use doppelray_images::collection::{About, Kind};
use doppelray_images::{Collection, Depth, Side};
use serde::Serialize;

use super::{Common, import, shard};
use crate::console::{Console, Usage};
use crate::release::Release;
use crate::release::manifest::{self, Entry};
use crate::release::verify::decision;

/// Draw a synthetic collection.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray sample run --out fakes --seeds 0-999\n  doppelray sample knee --out knees-of-nobody --seeds 0-99\n\n\
    An image is a function of the model, its grade and its seed: the same bytes whatever the number of threads, the \
    order, or the shard. With --like PACKAGE the images of a released package are drawn again, and held against their hashes."
)]
pub(crate) struct Sample {
    /// A run's folder, a model file, or `knee`, the model that comes with the program.
    model: PathBuf,
    /// The collection to make.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
    /// First and last seed: 0-999.
    #[arg(long, value_parser = super::range, required_unless_present = "like")]
    seeds: Option<[u64; 2]>,
    /// Draw the images of this package, as they were before they were marked.
    #[arg(long, value_name = "PACKAGE", conflicts_with_all = ["seeds", "grades", "mix", "side", "truncation", "guidance", "bits", "shard"])]
    like: Option<PathBuf>,
    /// The grades to draw: 0-4, or 2. All that the model learned where not given.
    #[arg(long, value_parser = super::range)]
    grades: Option<[u64; 2]>,
    /// Proportion of grades: as-trained, even, or weights like 0.4,0.2,0.2,0.1,0.1.
    #[arg(long, default_value = "as-trained")]
    mix: Mix,
    /// Draw only left or only right knees, of a model that learned sides; it draws both otherwise.
    #[arg(long, value_name = "left|right")]
    side: Option<Side>,
    /// Deviation of the latents, 0 to 1: below 1 images are surer and less varied. What the model's settings say where not given.
    #[arg(long)]
    truncation: Option<f64>,
    /// How far grades stand apart, 0 to 4: above 1 an image shows its grade more plainly than the model learned it. What the
    /// model's settings say where not given.
    #[arg(long)]
    guidance: Option<f64>,
    /// Bits of the images.
    #[arg(long, value_name = "8|16", default_value = "8", value_parser = import::depth)]
    bits: Depth,
    /// Draw only a part of the seeds: 2/8.
    #[arg(long, default_value = "1/1", value_parser = shard)]
    shard: [u64; 2],
}

#[derive(Serialize)]
struct Report {
    out: PathBuf,
    count: usize,
    hash: String,
    model: String,
}

impl Sample {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let model = Model::open(&self.model)?;
        let collection = match &self.like {
            Some(package) => self.again(&model, package, &console)?,
            None => self.drawn(&model, &console)?,
        };
        let summary = format!("{}\n{}", import::grades_line(collection.rows()), self.out.display());
        let report = Report {
            out: self.out,
            count: collection.rows().len(),
            hash: collection.hash(),
            model: model.hash,
        };
        console.finish(&summary, &report)
    }

    fn drawn(&self, model: &Model, console: &Console) -> anyhow::Result<Collection> {
        let seeds = self.seeds.ok_or_else(|| Usage("give --seeds or --like".to_owned()))?;
        let grades = match self.grades {
            Some([first, last]) => (first..=last).map(u8::try_from).collect::<Result<_, _>>()?,
            None => model.header.settings.grades.clone(),
        };
        let mut settings = toml::Table::new();
        settings.insert("seeds".into(), format!("{}-{}", seeds[0], seeds[1]).into());
        settings.insert("grades".into(), format!("{:?}", self.grades).into());
        settings.insert("mix".into(), format!("{:?}", self.mix).into());
        if let Some(side) = self.side {
            settings.insert("side".into(), side.to_string().into());
        }
        settings.insert("shard".into(), format!("{}/{}", self.shard[0], self.shard[1]).into());
        let learned = model.header.settings.sampling;
        let sampling = Sampling {
            truncation: self.truncation.unwrap_or(learned.truncation),
            guidance: self.guidance.unwrap_or(learned.guidance),
        };
        if let Some(rule) = sampling.check() {
            return Err(Usage(format!("out of range: {rule}")).into());
        }
        let manner = Manner { sampling, depth: self.bits };
        let order = Order { seeds, grades, mix: self.mix.clone(), side: self.side, shard: self.shard };
        let draws = order.draws(model)?;
        let about = about(model, manner, settings)?;
        Ok(sample(model, &draws, manner, (about, &self.out), &|e| console.listen(e))?)
    }

    /// The images of a package once more; an error where one comes out otherwise.
    fn again(&self, model: &Model, package: &Path, console: &Console) -> anyhow::Result<Collection> {
        let Release { source, images, .. } = decision(package)?;
        ensure!(
            source.model == model.hash,
            "{}: was drawn from the model of SHA-256 {}, and {} is {}; give that model",
            package.display(),
            source.model,
            self.model.display(),
            model.hash
        );
        let entries = manifest::read(package)?;
        let side = source.settings.get("side").and_then(|side| side.as_str()?.parse().ok());
        let draw = |entry: &Entry| Some(Draw::new(model, entry.seed?, entry.grade?, side));
        let draws: Option<Vec<Draw>> = entries.iter().map(draw).collect();
        let draws = draws.with_context(|| {
            format!(
                "{}: an image has no seed or grade in the manifest, so it cannot be drawn again",
                package.display()
            )
        })?;
        let number =
            |name: &str| source.settings.get(name).and_then(serde_json::Value::as_f64).unwrap_or(1.0);
        let sampling = Sampling { truncation: number("truncation"), guidance: number("guidance") };
        let depth = if images.bits == 16 { Depth::Sixteen } else { Depth::Eight };
        let manner = Manner { sampling, depth };
        let mut settings = toml::Table::new();
        settings.insert("like".into(), source.hash.into());
        let about = about(model, manner, settings)?;
        let collection = sample(model, &draws, manner, (about, &self.out), &|e| console.listen(e))?;
        let known: BTreeSet<&str> = entries.iter().map(|entry| entry.source_sha256.as_str()).collect();
        let others = collection.rows().iter().filter(|row| !known.contains(row.sha256.as_str()));
        let others: Vec<&str> = others.map(|row| row.id.as_str()).collect();
        ensure!(
            others.is_empty(),
            "{} of {} images come out otherwise than in {}, first {}: another version ({} made them), or instructions that round otherwise \
             (DOPPELRAY_SIMD); what was drawn is in {}",
            others.len(),
            entries.len(),
            package.display(),
            others[0],
            source.made_by,
            self.out.display()
        );
        Ok(collection)
    }
}

/// What a collection drawn from a model says of itself.
fn about(model: &Model, manner: Manner, mut settings: toml::Table) -> anyhow::Result<About> {
    settings.insert("model".into(), model.hash.clone().into());
    settings.insert("trained_on".into(), model.header.data.clone().into());
    settings.insert("truncation".into(), manner.sampling.truncation.into());
    settings.insert("guidance".into(), manner.sampling.guidance.into());
    let size = u32::try_from(model.header.settings.size).map_err(|e| Usage(e.to_string()))?;
    Ok(About {
        kind: Kind::Synthetic,
        title: "Synthetic radiographs".into(),
        size,
        depth: manner.depth,
        licence: String::new(),
        source: "Drawn by a generative network; no image shows a patient.".into(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        settings,
    })
}
