//! `doppelray audit`: do the synthetic images give away who was trained on?

use std::path::PathBuf;

use clap::Args;
use doppelray_images::progress::Listener;

use super::{Common, Shards, keep_features};
use crate::audit::{FEWEST, People, Plan, Trained, audit};
use crate::console::{Console, Usage};
use crate::proof;
use crate::report::audit::{Audit as Report, Settings};
use crate::report::{film, html};
use crate::sets::Set;
use crate::spaces::Space;

/// Attack synthetic images: can it be told from them who was trained on?
///
/// Writes PROOF/audit.json and a page for a data-protection officer, PROOF/audit.html. Every attack is run against the split
/// `train`, which the generator saw, and against real images that it never saw, alike in grade; what counts is the difference.
/// Where these are missing or too few the verdict is `undecided`, never `pass`.
///
/// With --shard I/N only features are computed, those of every N-th image, and kept beside the collections, where they serve
/// `evaluate` too: on as many machines as there are, before one of them runs the whole command.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  doppelray audit knees fakes --out proof --holdout val\n  doppelray audit knees fakes --out proof --holdout val --run run"
)]
pub(crate) struct Audit {
    /// The collection of real images that the generator was trained on.
    real: PathBuf,
    /// The collection of synthetic images.
    synthetic: PathBuf,
    /// The proof folder to write into.
    #[arg(long, value_name = "PROOF")]
    out: PathBuf,
    /// The split of real images that the generator never saw [default: all but `train`].
    #[arg(long, value_name = "SPLIT")]
    holdout: Option<String>,
    /// The run that drew the synthetic images: its snapshots are followed through training, its critic is asked.
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    /// Search the generator's latents for so many images of each group; takes a minute or so for each at 224 pixels.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "run", value_parser = inverted)]
    invert: usize,
    /// A further feature space beside the built-in bank: weights of a network, or an .onnx file, as `evaluate` takes them;
    /// may be given again.
    #[arg(long, value_name = "FILE")]
    features: Vec<String>,
    /// The largest chance that a training image scores higher than a held-out one (AUC; guessing is 0.5) that counts as
    /// telling nothing.
    #[arg(long, value_name = "AUC", default_value_t = Settings::default().tolerance, value_parser = tolerance)]
    tolerance: f64,
    /// Of all random choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    shards: Shards,
}

impl Audit {
    /// Attacks, writes both files, and says the verdict.
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let spaces = self.spaces()?;
        if let Some(shard) = self.shards.shard {
            let sets = [Set::whole(&self.real)?, Set::whole(&self.synthetic)?];
            return keep_features(shard, sets.each_ref(), &spaces.iter().collect::<Vec<_>>(), &console);
        }
        let report = self.audit(spaces, &|event| console.listen(event))?;
        let lines: Vec<&str> = std::iter::once(&report.headline)
            .chain(&report.reasons)
            .chain(&report.remarks)
            .map(String::as_str)
            .collect();
        let page = self.out.join("audit.html");
        console.finish(&format!("{}\nThe report: {}", lines.join("\n"), page.display()), &report)
    }

    fn spaces(&self) -> anyhow::Result<Vec<Space>> {
        // Synthetic images are described as they stream past, each by itself.
        if let Some(name) = self.features.iter().find(|name| name.contains('=') || *name == "radiomics") {
            let reason = format!("--features {name}: an audit takes the bank and files of weights alone");
            return Err(Usage(reason).into());
        }
        Space::all(&self.features)
    }

    fn audit(&self, spaces: Vec<Space>, listener: Listener) -> anyhow::Result<Report> {
        let people = People::open(&self.real, self.holdout.as_deref())?;
        let synthetic = Set::whole(&self.synthetic)?;
        let run = self.run.as_deref().map(|run| Trained::open(run, &people, &synthetic)).transpose()?;
        let (seed, tolerance, inverted) = (self.seed, self.tolerance, self.invert);
        let settings = Settings { seed, tolerance, inverted, ..Settings::default() };
        let plan = Plan { spaces, people, synthetic, settings, run, kept: self.shards.kept };
        proof::make(&self.out)?;
        let report = audit(&plan, listener)?;
        let films = html::audit::Films { small: &film::small, difference: &film::difference };
        let page = html::audit::draw(&report, &films)?;
        proof::write(&self.out, "audit", &report, &page)?;
        Ok(report)
    }
}

/// None, or as many images as an attack by scores needs.
fn inverted(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count == 0 || *count >= FEWEST);
    count.ok_or_else(|| format!("`{text}` is too few; an attack compares {FEWEST} of each group at least"))
}

/// An area under the curve above guessing.
fn tolerance(text: &str) -> Result<f64, String> {
    let area = text.parse().ok().filter(|area| (0.5..1.0).contains(area) && *area > 0.5);
    area.ok_or_else(|| format!("`{text}` is not an area between 0.5 and 1, such as 0.55"))
}
