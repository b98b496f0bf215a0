//! The run that drew the synthetic images, as it stands in its folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use doppelray_gan::run::Record;
use sha2::{Digest, Sha256};

use super::People;
use crate::report::evaluate::FileHash;
use crate::sets::Set;

/// A run that was trained on the people of an audit, and whose model drew its synthetic images.
pub(crate) struct Trained {
    pub(super) root: PathBuf,
    pub(super) record: Record,
    /// The chosen model.
    pub(super) model: FileHash,
}

impl Trained {
    /// Fails where the folder is no run, holds no snapshot, was trained on other images, or did not draw the synthetic ones.
    pub(crate) fn open(root: &Path, people: &People, synthetic: &Set) -> anyhow::Result<Self> {
        if !root.join("config.toml").is_file() {
            bail!(
                "{}: is not a run; give the folder that `doppelray train COLLECTION --out RUN` made",
                root.display()
            );
        }
        let record = Record::read(root)?;
        if record.config.data != people.collection.hash() {
            bail!(
                "{}: was trained on another collection than {} (or that has changed since); give the one that it was trained \
                 on, which it knows as {}",
                root.display(),
                people.collection.root().display(),
                record.config.collection
            );
        }
        if record.snapshots.is_empty() {
            let settings = &record.config.settings;
            bail!(
                "{}: holds no snapshot yet; train on, one is written every {} thousand images (--set snapshot_ticks=... in a new \
                 run changes that)",
                root.display(),
                settings.tick_kimg * settings.snapshot_ticks as f64
            );
        }
        let model = hashed(&root.join("model.safetensors"))?;
        let drew = synthetic.collection.about().settings.get("model").and_then(toml::Value::as_str);
        if let Some(drew) = drew.filter(|drew| *drew != model.sha256) {
            let hashes = record.snapshots.iter().map(|(_, path)| hashed(path));
            let hashes = hashes.collect::<anyhow::Result<Vec<_>>>()?;
            if hashes.iter().all(|snapshot| snapshot.sha256 != drew) {
                bail!(
                    "{}: was drawn from a model that is none of {}'s; give --run the run that drew it, or, if that was trained \
                     on since, sample again",
                    synthetic.collection.root().display(),
                    root.display()
                );
            }
        }
        Ok(Self { root: root.to_owned(), record, model })
    }

    /// The grades that it learned.
    pub(super) fn grades(&self) -> &[u8] {
        &self.record.config.settings.grades
    }

    /// At most `most` snapshots, evenly, the first and the last among them; and the model, where it is none of them.
    pub(super) fn moments(&self, most: usize) -> anyhow::Result<Vec<FileHash>> {
        let all = &self.record.snapshots;
        let kept = all.len().min(most.max(2));
        let place = |i: usize| if kept == all.len() { i } else { i * (all.len() - 1) / (kept - 1) };
        let snapshots = (0..kept).map(|i| hashed(&all[place(i)].1));
        let mut moments = snapshots.collect::<anyhow::Result<Vec<_>>>()?;
        if moments.iter().all(|moment| moment.sha256 != self.model.sha256) {
            moments.push(self.model.clone());
        }
        Ok(moments)
    }
}

fn hashed(path: &Path) -> anyhow::Result<FileHash> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(FileHash { file: path.display().to_string(), sha256 })
}
