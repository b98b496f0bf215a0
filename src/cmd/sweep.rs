//! `doppelray train --sweep FILE`: a few configurations under equal time, and which came nearest.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use doppelray_gan::Settings;
use doppelray_gan::run::{Record, Tick};
use doppelray_images::files::write_whole;
use serde::{Deserialize, Serialize};

/// The file of a sweep.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sweep {
    /// Training time of each: 90s, 20m, 3h.
    pub(super) time: String,
    /// What differs between the runs.
    pub(super) runs: Vec<Entry>,
}

/// One configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Names its folder below --out.
    pub(super) name: String,
    /// Settings replaced in it, besides those of the command line: `game.adam.rate=1e-4`.
    #[serde(default)]
    pub(super) set: Vec<String>,
}

/// What the sweep found.
#[derive(Serialize)]
pub(super) struct Found {
    collection: PathBuf,
    time: String,
    /// The nearest first.
    runs: Vec<Line>,
}

/// One run.
#[derive(Serialize)]
struct Line {
    name: String,
    set: Vec<String>,
    images: u64,
    images_per_second: f64,
    memory_mib: u64,
    /// Frechet distance to the split `val` in the built-in bank: the least of its snapshots, and after how many images.
    frechet: Option<f64>,
    at_images: Option<u64>,
}

impl Sweep {
    /// Reads a sweep, whose runs must all be possible before the first begins.
    pub(super) fn read(
        path: &Path,
        settings: impl Fn(&[String]) -> anyhow::Result<Settings>,
    ) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let sweep: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        ensure!(
            !sweep.runs.is_empty(),
            "{}: names no [[runs]]; give each a name and its `set`",
            path.display()
        );
        let mut names: Vec<&str> = sweep.runs.iter().map(|run| run.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("{}: two runs are called `{}`; a name is a folder", path.display(), twice[0]);
        }
        for Entry { name, set } in &sweep.runs {
            let plain = name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
            ensure!(
                plain && !name.is_empty() && !name.starts_with('.'),
                "{}: `{name}` cannot be a folder's name; use letters, digits, - and _",
                path.display()
            );
            settings(set).with_context(|| format!("{}: run `{name}`", path.display()))?;
        }
        Ok(sweep)
    }

    /// Reads what the runs below `out` came to, and leaves it in `out/sweep.json`.
    pub(super) fn found(&self, collection: &Path, out: &Path) -> anyhow::Result<Found> {
        let line = |entry: &Entry| {
            let ticks = Record::read(&out.join(&entry.name))?.ticks;
            anyhow::Ok(Line::of(entry, &ticks))
        };
        let mut runs = self.runs.iter().map(line).collect::<anyhow::Result<Vec<_>>>()?;
        let order = |line: &Line| line.frechet.unwrap_or(f64::INFINITY);
        runs.sort_by(|a, b| order(a).total_cmp(&order(b)));
        let found = Found { collection: collection.to_owned(), time: self.time.clone(), runs };
        let path = out.join("sweep.json");
        let json = serde_json::to_string_pretty(&found)? + "\n";
        write_whole(&path, |file| file.write_all(json.as_bytes()))
            .with_context(|| path.display().to_string())?;
        Ok(found)
    }
}

impl Line {
    fn of(entry: &Entry, ticks: &[Tick]) -> Self {
        let last = ticks.last();
        let judged = ticks.iter().filter_map(|tick| Some((tick.frechet?, tick.images)));
        let best = judged.min_by(|a, b| a.0.total_cmp(&b.0));
        let images = last.map_or(0, |tick| tick.images);
        Self {
            name: entry.name.clone(),
            set: entry.set.clone(),
            images,
            images_per_second: last.map_or(0.0, |tick| images as f64 / tick.seconds),
            memory_mib: last.map_or(0, |tick| tick.memory_mib),
            frechet: best.map(|(distance, _)| distance),
            at_images: best.map(|(_, images)| images),
        }
    }
}

impl Found {
    /// A table for a terminal.
    pub(super) fn table(&self) -> String {
        let mut table =
            format!("{:<16} {:>9} {:>9} {:>9} {:>9}\n", "run", "frechet", "at", "images", "a second");
        for line in &self.runs {
            let frechet = line.frechet.map_or("-".to_owned(), |d| format!("{d:.3}"));
            let at = line.at_images.map_or("-".to_owned(), |n| n.to_string());
            table += &format!(
                "{:<16} {frechet:>9} {at:>9} {:>9} {:>9.1}\n",
                line.name, line.images, line.images_per_second
            );
        }
        match self.runs.first().filter(|line| line.frechet.is_some()) {
            Some(nearest) => table + &format!("nearest to `val` after {} each: {}", self.time, nearest.name),
            None => table + "no run came to a snapshot that could be compared with the split `val`",
        }
    }
}
