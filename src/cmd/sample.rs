//! `doppelray sample`: synthetic images from a model.

use std::path::PathBuf;

use clap::Args;
use doppelray_gan::model::{Manner, Model};
use doppelray_gan::sample::{Mix, Order, sample};
use doppelray_images::Depth;
use doppelray_images::collection::{About, Kind};
use serde::Serialize;

use super::{Common, import};
use crate::console::{Console, Usage};

/// Draw a synthetic collection.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray sample run --out fakes --seeds 0-999\n  doppelray sample knee --out knees-of-nobody --seeds 0-99\n\n\
    An image is a function of the model, its grade and its seed: the same bytes whatever the number of threads, the \
    order, or the shard."
)]
pub(crate) struct Sample {
    /// A run's folder, a model file, or `knee`, the model that comes with the program.
    model: PathBuf,
    /// The collection to make.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
    /// First and last seed: 0-999.
    #[arg(long, value_parser = super::range)]
    seeds: [u64; 2],
    /// The grades to draw: 0-4, or 2. All that the model learned where not given.
    #[arg(long, value_parser = super::range)]
    grades: Option<[u64; 2]>,
    /// Proportion of grades: as-trained, even, or weights like 0.4,0.2,0.2,0.1,0.1.
    #[arg(long, default_value = "as-trained")]
    mix: Mix,
    /// Deviation of the latents, 0 to 1: below 1 images are surer and less varied.
    #[arg(long, default_value_t = 1.0, value_parser = truncation)]
    truncation: f32,
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
        let about = self.about(&model)?;
        let grades = match self.grades {
            Some([first, last]) => (first..=last).map(u8::try_from).collect::<Result<_, _>>()?,
            None => model.header.settings.grades.clone(),
        };
        let manner = Manner { truncation: self.truncation, depth: self.bits };
        let order = Order { seeds: self.seeds, grades, mix: self.mix, shard: self.shard, manner };
        let collection = sample(&model, &order, about, &self.out, &|e| console.listen(e))?;
        let summary = format!("{}\n{}", import::grades_line(collection.rows()), self.out.display());
        let report = Report {
            out: self.out,
            count: collection.rows().len(),
            hash: collection.hash(),
            model: model.hash,
        };
        console.finish(&summary, &report)
    }

    fn about(&self, model: &Model) -> anyhow::Result<About> {
        let mut settings = toml::Table::new();
        settings.insert("model".into(), model.hash.clone().into());
        settings.insert("trained_on".into(), model.header.data.clone().into());
        settings.insert("seeds".into(), format!("{}-{}", self.seeds[0], self.seeds[1]).into());
        settings.insert("grades".into(), format!("{:?}", self.grades).into());
        settings.insert("mix".into(), format!("{:?}", self.mix).into());
        settings.insert("shard".into(), format!("{}/{}", self.shard[0], self.shard[1]).into());
        settings.insert("truncation".into(), f64::from(self.truncation).into());
        let size = u32::try_from(model.header.settings.size).map_err(|e| Usage(e.to_string()))?;
        Ok(About {
            kind: Kind::Synthetic,
            title: "Synthetic radiographs".into(),
            size,
            depth: self.bits,
            licence: String::new(),
            source: "Drawn by a generative network; no image shows a patient.".into(),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            settings,
        })
    }
}

/// 0 to 1.
fn truncation(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|v| (0.0..=1.0).contains(v));
    number.ok_or_else(|| format!("`{text}` is not between 0 and 1"))
}

/// Part and number of parts: 2/8.
fn shard(text: &str) -> Result<[u64; 2], String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some([i.parse().ok()?, n.parse().ok()?]));
    parts.filter(|[i, n]| (1..=*n).contains(i)).ok_or_else(|| format!("`{text}` is not a part like 2/8"))
}
