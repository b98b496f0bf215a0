//! `doppelray train`: a generator from a collection.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use doppelray_gan::checkpoint::is_checkpoint;
use doppelray_gan::train::{Alone, Peers, Plan, Stop, Summary, train};
use doppelray_gan::{Processor, Settings};
use doppelray_images::Collection;
use doppelray_images::progress::Event;

use super::Common;
use super::sweep::{Entry, Sweep};
use crate::console::{Console, Usage};
use crate::memory;
use crate::peers::{End, join};

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
    /// Where it is computed: cpu, or in a build with that feature wgpu (graphics processors by Vulkan, Metal or DirectX) or cuda. A
    /// run begun on one goes on on another, but not bit for bit.
    #[arg(long, default_value = "cpu")]
    device: Processor,
    /// Begin as the generator of this model or run (or of `knee`, which comes with the program), of the same shape, instead
    /// of at random; the critics learn alone for the first 100 steps (rest_steps). Of a checkpoint
    /// (RUN/checkpoint/newest.safetensors) all goes on, generator, critics and count of images, with the settings of this run.
    #[arg(long, value_name = "RUN|MODEL|CHECKPOINT")]
    from: Option<PathBuf>,
    /// Replace a setting: game.adam.rate=1e-4. May be given often.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// End after this many thousand images.
    #[arg(long)]
    kimg: Option<f64>,
    /// End after this much training, over all sessions: 90s, 20m, 3h.
    #[arg(long, value_parser = duration)]
    time: Option<Duration>,
    /// Memory that decoded images may take, in MiB; beyond, they wait in a file of the run's folder [default: half of what is free].
    #[arg(long, value_name = "MIB")]
    cache: Option<u64>,
    /// Train each configuration of this file under equal time, in a folder of its own below --out, and tell which came nearest
    /// to the split `val`. The file: `time = "20m"`, then for each `[[runs]]` a `name` and `set = ["key=value"]`.
    #[arg(long, value_name = "FILE", conflicts_with = "time")]
    sweep: Option<PathBuf>,
}

impl Train {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let flag = Arc::new(AtomicBool::new(false));
        let raised = flag.clone();
        ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))?;
        let collection = Collection::open(&self.collection)?;
        match &self.sweep {
            Some(file) => self.sweep(file, &collection, &console, &flag),
            None => self.one(&collection, &console, &flag),
        }
    }

    /// One run, by this process or by all that a launcher began; the first speaks.
    fn one(&self, collection: &Collection, console: &Console, flag: &AtomicBool) -> anyhow::Result<()> {
        let (settings, room, peers) = (self.settings(&[])?, self.room(), join()?);
        let is_first = peers.place()[0] == 0;
        let listener = |event| {
            if is_first {
                console.listen(event);
            }
        };
        let (from, all) = (self.from.as_deref(), peers.clone());
        let processor = self.device;
        let plan = Plan { collection, settings: &settings, from, room, processor, peers: all };
        let summary = train(plan, &self.out, Stop { time: self.time, flag }, &listener);
        let summary = peers.end(summary.map_err(Into::into))?;
        if is_first { console.finish(&self.ending(&summary), &summary) } else { Ok(()) }
    }

    fn sweep(
        &self,
        file: &Path,
        collection: &Collection,
        console: &Console,
        flag: &AtomicBool,
    ) -> anyhow::Result<()> {
        let sweep = Sweep::read(file, |set| self.settings(set))?;
        let time = duration(&sweep.time).map_err(|e| anyhow::anyhow!("{}: time: {e}", file.display()))?;
        for Entry { name, set } in &sweep.runs {
            console.listen(Event::Note(format!("\n{name}: {}", set.join(" "))));
            let settings = self.settings(set)?;
            let peers = Arc::new(Alone);
            let (from, room) = (self.from.as_deref(), self.room());
            let processor = self.device;
            let plan = Plan { collection, settings: &settings, from, room, processor, peers };
            let stop = Stop { time: Some(time), flag };
            train(plan, &self.out.join(name), stop, &|e| console.listen(e))?;
            if flag.load(Ordering::Relaxed) {
                anyhow::bail!("interrupted; the same command goes on with `{name}`");
            }
        }
        let found = sweep.found(&self.collection, &self.out)?;
        console.finish(&found.table(), &found)
    }

    /// Bytes that decoded images may take.
    fn room(&self) -> u64 {
        self.cache.map_or_else(|| memory::free() / 2, |mib| mib << 20)
    }

    fn ending(&self, summary: &Summary) -> String {
        format!(
            "{}: {} images seen in {:.0} s\n{}\nnext: doppelray sample {} --seeds 0-999 --out fakes",
            summary.ended,
            summary.images,
            summary.seconds,
            summary.model.display(),
            self.out.display()
        )
    }

    /// The settings of the command line, with some more replaced.
    fn settings(&self, more: &[String]) -> anyhow::Result<Settings> {
        // The critics of a checkpoint have learned.
        let fresh = self.from.as_ref().filter(|from| !is_checkpoint(from));
        let rest = fresh.map(|_| format!("rest_steps={REST}"));
        let mut changes: Vec<String> = rest.into_iter().chain(self.set.clone()).collect();
        if let Some([first, last]) = self.grades {
            changes.push(format!("grades={:?}", (first..=last).collect::<Vec<_>>()));
        }
        changes.extend(self.precision.as_ref().map(|precision| format!("precision={precision:?}")));
        changes.extend(self.kimg.map(|kimg| format!("kimg={kimg:?}")));
        changes.extend(more.iter().cloned());
        Settings::resolve(&self.preset, &changes).map_err(|e| Usage(e.to_string()).into())
    }
}

/// Steps in which fresh critics catch up with a generator that was trained before.
const REST: u64 = 100;

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
