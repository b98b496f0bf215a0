//! Every image that some cell needs, described once, with its changed copies.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use doppelray_images::Error;
use doppelray_images::augment::Change;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::classify::Example;
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use super::draw::Pick;
use super::material::Material;
use super::store::{Key, Store, key};
use crate::spaces::Space;

/// Changed copies of an image that traditional augmentation draws from, beside the image itself.
pub(crate) const COPIES: usize = 4;
/// Images between two writes.
const CHUNK: usize = 64;

/// Described images.
pub(crate) struct Table {
    pub(crate) features: Features,
    /// The first row of each picture.
    rows: BTreeMap<u32, u32>,
}

impl Table {
    /// The example that a picture is.
    pub(crate) fn example(&self, pick: &Pick) -> Example {
        Example { row: self.rows[&pick.at], grade: pick.grade }
    }

    pub(crate) fn examples(&self, picks: &[Pick]) -> Vec<Example> {
        picks.iter().map(|pick| self.example(pick)).collect()
    }
}

/// One description: a picture, and which copy of it (0 is itself).
struct Job {
    at: u32,
    copy: usize,
    key: Key,
}

/// Describes `needed` pictures, each with as many changed copies as its number says, in `space`; goes on from what
/// `folder` holds.
pub(crate) fn describe(
    material: &Material,
    needed: &BTreeMap<u32, usize>,
    space: &Space,
    folder: &Path,
    listener: Listener,
) -> anyhow::Result<Table> {
    std::fs::create_dir_all(folder).map_err(Error::unwritten(folder))?;
    let mut store = Store::open(&folder.join(format!("{}.features", space.file_stem())), space.width())?;
    let jobs: Vec<Job> =
        needed.iter().flat_map(|(at, copies)| (0..=*copies).map(|copy| job(material, *at, copy))).collect();
    let missing: Vec<&Job> = jobs.iter().filter(|job| store.get(&job.key).is_none()).collect();
    listener(Event::Begin { task: "describing images", total: missing.len() as u64, unit: "images" });
    for chunk in missing.chunks(CHUNK) {
        let record = |job: &&Job| anyhow::Ok((job.key, features(material, job, space)?));
        let records = chunk.par_iter().map(record).collect::<anyhow::Result<Vec<_>>>()?;
        store.add(records)?;
        listener(Event::Advance(chunk.len() as u64));
    }
    listener(Event::End);
    let mut values = Vec::with_capacity(jobs.len() * space.width());
    let mut rows = BTreeMap::new();
    for (row, job) in jobs.iter().enumerate() {
        values.extend_from_slice(store.get(&job.key).context("every image was described")?);
        rows.entry(job.at).or_insert(row as u32);
    }
    let features = Features::new(space.width(), values).with_context(|| space.name.clone())?;
    Ok(Table { features, rows })
}

fn job(material: &Material, at: u32, copy: usize) -> Job {
    let (_, row) = material.picture(at);
    Job { at, copy, key: key(&format!("{} {copy}", row.sha256)) }
}

fn features(material: &Material, job: &Job, space: &Space) -> anyhow::Result<Vec<f32>> {
    let (collection, row) = material.picture(job.at);
    let image = collection.load(row)?;
    if job.copy == 0 {
        return Ok(space.describe(&image));
    }
    // Keyed by the image, so that a copy is the same in every plan.
    let seed = u64::from_str_radix(row.sha256.get(..16).unwrap_or_default(), 16).unwrap_or_default();
    let mut draws = stream(seed, Purpose::UtilityAugment, job.copy as u64);
    Ok(space.describe(&Change::draw(&mut draws).of(&image)))
}
