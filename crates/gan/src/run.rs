//! The folder of a run: what it was begun with, its log, grids, snapshots.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use doppelray_images::files::write_whole;
use doppelray_images::{Depth, Image, png};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::settings::Settings;

/// A run's folder, held by one process at a time.
pub struct Run {
    root: PathBuf,
    _lock: Option<File>,
}

/// `config.toml`: everything that decides the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Version of doppelray that began it.
    pub made_by: String,
    /// The collection as it was named.
    pub collection: String,
    /// Hash of its manifest.
    pub data: String,
    /// Hash of the model that the generator began as, where it was trained before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The resolved settings.
    pub settings: Settings,
}

/// One line of `log.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Steps of the generator so far.
    pub step: u64,
    /// Real images seen so far.
    pub images: u64,
    /// Mean of each of the game's losses since the tick before.
    #[serde(flatten)]
    pub losses: BTreeMap<String, f64>,
    /// Frechet distance in the built-in bank between drawn images and the split `val`, at a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frechet: Option<f64>,
    /// Real images a second since the session or the tick before began.
    pub images_per_second: f64,
    /// Peak resident memory of the process, in MiB; 0 where the system does not say.
    pub memory_mib: u64,
    /// Seconds of training, over all sessions.
    pub seconds: f64,
}

impl Tick {
    /// Its numbers by name, as a board of curves groups them.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let losses = self.losses.iter().map(|(name, loss)| (format!("loss/{name}"), *loss));
        let speed = ("speed/images_per_second".to_owned(), self.images_per_second);
        let memory = ("memory/peak_mib".to_owned(), self.memory_mib as f64);
        let frechet = self.frechet.map(|distance| ("fidelity/frechet".to_owned(), distance));
        losses.chain([speed, memory]).chain(frechet).collect()
    }
}

impl Run {
    /// Begins a run in a new or empty folder, or goes on with one begun with the same settings and data.
    ///
    /// Another `kimg` is allowed, which moves only the end, and another `sampling`, by which nothing is learned.
    pub fn open(root: &Path, config: &Config) -> Result<Self> {
        let file = root.join("config.toml");
        if root.exists() && !file.exists() && fs::read_dir(root).map_err(Error::file(root))?.next().is_some()
        {
            let reason = "is there already and is not a run; choose another --out".to_owned();
            return Err(Error::content(root, reason));
        }
        for folder in ["samples", "snapshots", "checkpoint"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).map_err(Error::unwritten(&folder))?;
        }
        let lock_path = root.join("lock");
        let lock = File::create(&lock_path).map_err(Error::unwritten(&lock_path))?;
        lock.try_lock()
            .map_err(|_| Error::content(root, "another process trains this run; wait for it or stop it"))?;
        if file.exists() {
            let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
            let before = toml::from_str(&text).map_err(|e| Error::content(&file, e.message().to_owned()))?;
            same(root, &before, config)?;
        }
        let text = toml::to_string_pretty(config).expect("plain values");
        write_whole(&file, |out| out.write_all(text.as_bytes())).map_err(Error::unwritten(&file))?;
        Ok(Self { root: root.to_owned(), _lock: Some(lock) })
    }

    /// A run that another process holds, of whom this one is a part.
    pub(crate) fn beside(root: &Path) -> Self {
        Self { root: root.to_owned(), _lock: None }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where checkpoints stand.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// The chosen model.
    pub fn model(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    /// The snapshot after this many thousand images.
    pub fn snapshot(&self, kimg: u64) -> PathBuf {
        self.root.join(format!("snapshots/{kimg:06}.safetensors"))
    }

    /// Drops the log's lines after `step`, so that it neither repeats nor skips a tick.
    pub fn rewind_log(&self, step: u64) -> Result<()> {
        let path = self.root.join("log.jsonl");
        if !path.exists() {
            return Ok(());
        }
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let kept = text.lines().filter(|l| serde_json::from_str::<Tick>(l).is_ok_and(|t| t.step <= step));
        let kept: String = kept.map(|l| format!("{l}\n")).collect();
        write_whole(&path, |out| out.write_all(kept.as_bytes())).map_err(Error::unwritten(&path))
    }

    /// Adds a line to the log.
    pub fn log(&self, tick: &Tick) -> Result<()> {
        let path = self.root.join("log.jsonl");
        let line = serde_json::to_string(tick).expect("plain values") + "\n";
        let append = OpenOptions::new().create(true).append(true).open(&path);
        append.and_then(|mut f| f.write_all(line.as_bytes())).map_err(Error::unwritten(&path))
    }

    /// Writes a grid of samples.
    pub fn grid(&self, kimg: u64, grid: &Image) -> Result<()> {
        let path = self.root.join(format!("samples/{kimg:06}.png"));
        write_whole(&path, |out| png::encode(grid, out)).map_err(Error::unwritten(&path))
    }
}

/// What a run's folder tells to one who looks on; the run may be training meanwhile.
pub struct Record {
    /// What it was begun with.
    pub config: Config,
    /// The log, oldest first.
    pub ticks: Vec<Tick>,
    /// Grids of samples and the thousands of images after which they were drawn, oldest first.
    pub grids: Vec<(u64, PathBuf)>,
    /// Snapshots and the thousands of images after which they were taken, oldest first.
    pub snapshots: Vec<(u64, PathBuf)>,
}

impl Record {
    /// Reads a run's folder.
    pub fn read(root: &Path) -> Result<Self> {
        let read = |path: &Path| fs::read_to_string(path).map_err(Error::file(path));
        let file = root.join("config.toml");
        let config =
            toml::from_str(&read(&file)?).map_err(|e| Error::content(&file, e.message().to_owned()))?;
        let log = root.join("log.jsonl");
        let text = if log.exists() { read(&log)? } else { String::new() };
        // The last line may be half written as we look.
        let ticks = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        let grids = numbered(&root.join("samples"))?;
        let snapshots = numbered(&root.join("snapshots"))?;
        Ok(Self { config, ticks, grids, snapshots })
    }
}

/// The files of a folder that are named by thousands of images, in that order.
fn numbered(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let path = entry.map_err(Error::file(folder))?.path();
        let kimg = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        files.extend(kimg.map(|kimg| (kimg, path)));
    }
    files.sort();
    Ok(files)
}

/// Equal images side by side, row after row.
pub fn tile(images: &[Image], columns: usize) -> Image {
    let (width, height) = (images[0].width() as usize, images[0].height() as usize);
    let rows = images.len().div_ceil(columns);
    let mut pixels = vec![0; rows * columns * width * height];
    for (i, image) in images.iter().enumerate() {
        let (left, top) = (i % columns * width, i / columns * height);
        for (y, line) in image.pixels().chunks_exact(width).enumerate() {
            let at = (top + y) * columns * width + left;
            pixels[at..at + width].copy_from_slice(line);
        }
    }
    Image::new((columns * width) as u32, (rows * height) as u32, Depth::Eight, pixels)
}

fn same(root: &Path, before: &Config, now: &Config) -> Result<()> {
    let other = |reason: String| Err(Error::OtherRun { path: root.to_owned(), reason });
    if before.data != now.data {
        return other(format!(
            "{} has changed since the run was begun, or is another collection",
            now.collection
        ));
    }
    if before.from != now.from {
        let other_start = "began from another model, or from none; give --from as before, or another --out";
        return other(other_start.to_owned());
    }
    let table = |c: &Config| toml::Table::try_from(&c.settings).expect("plain values");
    let (old, new) = (table(before), table(now));
    let learned = |key: &str| !["kimg", "sampling"].contains(&key);
    let differing = old.iter().find(|(key, value)| learned(key) && new.get(*key) != Some(value));
    match differing {
        Some((key, value)) => {
            let typed = new.get(key).map(ToString::to_string).unwrap_or_default();
            other(format!("was begun with {key} = {value}, now it is {typed}"))
        }
        None => Ok(()),
    }
}
