//! `doppelray train`: a generator from a collection.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use doppelray_gan::Settings;
use doppelray_gan::train::{Stop, train};
use doppelray_images::Collection;

use super::Common;
use crate::console::{Console, Usage};

/// Train a generator on a collection; the same command again goes on.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray train knees --out run --preset tiny --time 20m\n\n\
    Only the split `train` is seen. Ctrl-C ends after the step that runs, with a checkpoint; after a kill the same \
    command goes on from the last tick and reaches the same model, bit for bit, as if it had not been interrupted.")]
pub(crate) struct Train {
    /// The collection to learn from.
    collection: PathBuf,
    /// The run's folder.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// The settings to begin with: fast (224 px, the main one), tiny (64 px, minutes), r3 (R3GAN, 224 px), or paper (210 px, Prezja et al. 2022).
    #[arg(long, default_value = "tiny")]
    preset: String,
    /// Learn only these grades: 0-1, or 2.
    #[arg(long, value_parser = super::range)]
    grades: Option<[u64; 2]>,
    /// What convolutions multiply: f32, or mixed (bfloat16, with sums and weights in f32).
    #[arg(long, value_parser = ["f32", "mixed"])]
    precision: Option<String>,
    /// Replace a setting: game.adam.rate=1e-4. May be given often.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// End after this many thousand images.
    #[arg(long)]
    kimg: Option<f64>,
    /// End after this much training, over all sessions: 90s, 20m, 3h.
    #[arg(long, value_parser = duration)]
    time: Option<Duration>,
}

impl Train {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let settings = self.settings()?;
        let collection = Collection::open(&self.collection)?;
        let flag = Arc::new(AtomicBool::new(false));
        let raised = flag.clone();
        ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))?;
        let stop = Stop { time: self.time, flag: &flag };
        let summary = train(&collection, &settings, &self.out, stop, &|e| console.listen(e))?;
        let text = format!(
            "{}: {} images seen in {:.0} s\n{}\nnext: doppelray sample {} --seeds 0-999 --out fakes",
            summary.ended,
            summary.images,
            summary.seconds,
            summary.model.display(),
            self.out.display()
        );
        console.finish(&text, &summary)
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut changes = self.set.clone();
        if let Some([first, last]) = self.grades {
            changes.push(format!("grades={:?}", (first..=last).collect::<Vec<_>>()));
        }
        changes.extend(self.precision.as_ref().map(|precision| format!("precision={precision:?}")));
        changes.extend(self.kimg.map(|kimg| format!("kimg={kimg:?}")));
        Settings::resolve(&self.preset, &changes).map_err(|e| Usage(e.to_string()).into())
    }
}

/// 90s, 20m, 3h.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time like 90s, 20m or 3h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let scale = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| wrong())
}
