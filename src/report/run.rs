//! What a run's page shows: how it went, what it draws.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use doppelray_gan::model::Model;
use doppelray_gan::run::{Record, Tick};
use doppelray_images::{Collection, Image, resize};
use rayon::prelude::*;
use serde::Serialize;

/// A run as a page shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    /// One sentence.
    pub(crate) headline: String,
    /// Everything that decides the run.
    pub(crate) settings: toml::Table,
    /// SHA-256 of the collection's manifest.
    pub(crate) data: String,
    pub(crate) made_by: String,
    /// The log, oldest first.
    pub(crate) ticks: Vec<Tick>,
    /// Grids of samples, with the thousands of images after which they were drawn; oldest first, evenly thinned out.
    pub(crate) grids: Vec<(u64, PathBuf)>,
    pub(crate) notes: Vec<String>,
}

/// What the run's model draws for the page.
pub(crate) struct Drawn {
    /// The learned grades.
    pub(crate) grades: Vec<u8>,
    /// One seed a row: the same knee at each grade and half way to the next.
    pub(crate) ladders: Vec<Vec<Image>>,
    /// Frames of a walk through the latents, of the grade in the middle.
    pub(crate) walk: Vec<Image>,
    /// Drawn images, and the training images nearest to each, nearest first.
    pub(crate) neighbours: Vec<(Image, Vec<Image>)>,
}

/// Grids that a page carries: each is some hundred kB.
const GRIDS: usize = 24;
/// Seeds whose knees are drawn at every grade.
const LADDERS: u64 = 5;
/// Seeds that a walk passes, and frames from one to the next.
const WALK: [u64; 2] = [4, 10];
/// Drawn images that are compared with the training images, and how many of these are shown.
const COMPARED: [u64; 2] = [5, 4];

/// Gathers what there is to show of the run in a folder.
pub(crate) fn picture(root: &Path) -> anyhow::Result<Shown> {
    let Record { config, ticks, grids, .. } = Record::read(root)?;
    let preset = &config.settings.preset;
    let headline = match ticks.last() {
        Some(tick) => format!(
            "{preset}: {} images seen in {}, the last at {:.1} a second.",
            tick.images,
            hours(tick.seconds),
            tick.images_per_second
        ),
        None => format!("{preset}: training has begun; the first tick is yet to come."),
    };
    let settings = toml::Table::try_from(&config.settings).context("settings are a table")?;
    let (data, made_by) = (config.data, config.made_by);
    Ok(Shown { headline, settings, data, made_by, ticks, grids: thinned(grids), notes: Vec::new() })
}

/// The losses by name, each a value a tick.
pub(crate) fn losses(ticks: &[Tick]) -> BTreeMap<&str, Vec<f64>> {
    let mut losses: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in ticks.iter().flat_map(|tick| &tick.losses) {
        losses.entry(name).or_default().push(*value);
    }
    losses
}

/// At most [`GRIDS`] of them, the first and the last among these.
fn thinned(grids: Vec<(u64, PathBuf)>) -> Vec<(u64, PathBuf)> {
    let last = grids.len().saturating_sub(1);
    if grids.len() <= GRIDS {
        return grids;
    }
    (0..GRIDS).map(|i| grids[i * last / (GRIDS - 1)].clone()).collect()
}

fn hours(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// Draws what only a generator can give.
pub(crate) fn draw(model: &Model, training: Option<&Collection>) -> anyhow::Result<Drawn> {
    let grades = model.header.settings.grades.clone();
    let [first, last] = [grades[0], grades[grades.len() - 1]].map(f64::from);
    let manner = model.manner();
    let told = anyhow::Error::msg::<String>;
    let steps = (2.0 * (last - first)) as u64;
    let ladder = |seed: u64| {
        let grade = |step: u64| model.draw(first + step as f64 / 2.0, seed, manner).map_err(told);
        (0..=steps).into_par_iter().map(grade).collect::<anyhow::Result<Vec<_>>>()
    };
    let ladders = (0..LADDERS).map(ladder).collect::<anyhow::Result<_>>()?;
    let middle = f64::from(grades[grades.len() / 2]);
    let [passed, frames] = WALK;
    let frame = |at: u64| {
        let seeds = [at / frames, (at / frames + 1) % passed];
        model.between(middle, seeds, (at % frames) as f64 / frames as f64, manner).map_err(told)
    };
    let walk = (0..passed * frames).into_par_iter().map(frame).collect::<anyhow::Result<_>>()?;
    let drawn = |seed: u64| {
        let grade = grades[seed as usize % grades.len()];
        model.draw(f64::from(grade), 100 + seed, manner).map_err(told)
    };
    let drawn = (0..COMPARED[0]).map(drawn).collect::<anyhow::Result<Vec<_>>>()?;
    let neighbours = training.map(|t| neighbours(&drawn, t)).transpose()?.unwrap_or_default();
    Ok(Drawn { grades, ladders, walk, neighbours })
}

/// The side at which images are compared: coarse enough to find a knee that stands a little differently.
const COARSE: u32 = 28;

/// Each image with the training images at the least mean squared difference, brightness and contrast taken out.
fn neighbours(drawn: &[Image], training: &Collection) -> anyhow::Result<Vec<(Image, Vec<Image>)>> {
    let rows = training.split("train");
    let coarse =
        rows.par_iter().map(|row| Ok(standard(&training.load(row)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let of = |image: &Image| {
        let own = standard(image);
        let mut order: Vec<(f32, usize)> = coarse.iter().map(|other| apart(&own, other)).zip(0..).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near = order.iter().take(COMPARED[1] as usize).map(|(_, at)| Ok(training.load(rows[*at])?));
        anyhow::Ok((image.clone(), near.collect::<anyhow::Result<Vec<_>>>()?))
    };
    drawn.iter().map(of).collect()
}

/// A coarse copy of mean 0 and deviation 1.
fn standard(image: &Image) -> Vec<f32> {
    let mut values = resize::square(image, COARSE).to_unit();
    let count = values.len() as f32;
    let mean = values.iter().sum::<f32>() / count;
    values.iter_mut().for_each(|v| *v -= mean);
    let deviation = (values.iter().map(|v| v * v).sum::<f32>() / count).sqrt().max(1e-6);
    values.iter_mut().for_each(|v| *v /= deviation);
    values
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_grids_are_thinned_to_some_with_the_first_and_the_last() {
        let grids: Vec<_> = (0..100).map(|i| (i, PathBuf::from(format!("{i}.png")))).collect();
        let kept = thinned(grids.clone());
        assert_eq!((kept.len(), kept[0].0, kept[GRIDS - 1].0), (GRIDS, 0, 99));
        assert_eq!(thinned(grids[..3].to_vec()).len(), 3);
    }

    #[test]
    fn a_brighter_copy_is_no_further_away() {
        let values: Vec<f32> = (0..64 * 64).map(|i| (i % 61) as f32 / 200.0).collect();
        let image = |values: &[f32]| Image::from_unit(64, 64, doppelray_images::Depth::Sixteen, values);
        let brighter: Vec<f32> = values.iter().map(|v| v * 1.5 + 0.1).collect();
        let turned: Vec<f32> = values.iter().rev().copied().collect();
        let [own, bright, turned] = [values, brighter, turned].map(|v| standard(&image(&v)));
        assert!(apart(&own, &bright) < 1e-3 * apart(&own, &turned));
    }
}
