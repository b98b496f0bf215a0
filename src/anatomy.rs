//! Anatomy of real and synthetic knees, measured alike.

use std::collections::BTreeMap;

use doppelray_images::anatomy::{Fit, MEASURES, measure};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Row, Side};
use doppelray_measures::Features;
use doppelray_measures::estimate::{Estimate, quantile};
use doppelray_measures::rng::{Purpose, stream};
use doppelray_measures::wasserstein::{Effort, FEWEST, compare};
use rayon::prelude::*;

use crate::report::anatomy::{Anatomy, Implausible, Measure, Spread};
use crate::report::evaluate::FileHash;
use crate::sets::Set;

/// Images a side that are measured at most, drawn by lot.
const MOST: usize = 4000;
/// Synthetic images shown that lie farthest outside what real knees measure.
const SHOWN: usize = 6;
/// Spreads beyond which a value is implausible, in units of the middle half's distance from the median.
const FAR: f64 = 6.0;

/// Images of one set that were measured: their rows, and a value a measure.
struct Measured {
    rows: Vec<usize>,
    fits: Vec<Fit>,
    refused: usize,
}

/// Compares both sets, overall and by grade; `None` where either has too few knees that can be measured.
pub(crate) fn anatomy(
    sets: [&Set; 2],
    effort: Effort,
    listener: Listener,
) -> anyhow::Result<Option<Anatomy>> {
    let total = sets.iter().map(|set| set.rows.len().min(MOST) as u64).sum();
    listener(Event::Begin { task: "measuring knees", total, unit: "images" });
    let shown = shown(sets[0]);
    let measured = sets.map(|set| measured(set, shown, effort.seed, listener));
    listener(Event::End);
    let [real, synthetic] = measured;
    let (real, synthetic) = (real?, synthetic?);
    if real.fits.len().min(synthetic.fits.len()) < FEWEST {
        return Ok(None);
    }
    let measures = MEASURES.iter().enumerate().map(|(at, name)| {
        let measure = one(at, sets, [&real, &synthetic], effort)?;
        Ok(((*name).to_owned(), measure))
    });
    let measures = measures.collect::<anyhow::Result<BTreeMap<String, Measure>>>()?;
    Ok(Some(Anatomy {
        implausible: implausible(sets[1], &real, &synthetic),
        refused: [real.refused, synthetic.refused],
        measured: [real.fits.len(), synthetic.fits.len()],
        measures,
    }))
}

/// The side that a collection's import shows all knees as.
fn shown(set: &Set) -> Option<Side> {
    set.collection.about().settings.get("mirror").and_then(toml::Value::as_str)?.parse().ok()
}

fn measured(set: &Set, shown: Option<Side>, seed: u64, listener: Listener) -> anyhow::Result<Measured> {
    let mut chosen: Vec<usize> = (0..set.rows.len()).collect();
    stream(seed, Purpose::Calibration, 4).shuffle(&mut chosen);
    chosen.truncate(MOST);
    chosen.sort_unstable();
    let fit = |row: &Row| {
        let image = set.collection.load(row)?;
        // A synthetic image has no side of its own: it shows what its generator was shown.
        let fit = measure(&image, shown.or(row.side).unwrap_or(Side::Left)).ok();
        listener(Event::Advance(1));
        anyhow::Ok(fit)
    };
    let fits =
        chosen.par_iter().map(|at| fit(&set.rows[*at])).collect::<anyhow::Result<Vec<Option<Fit>>>>()?;
    let refused = fits.iter().filter(|fit| fit.is_none()).count();
    let (rows, fits) = chosen.into_iter().zip(fits).filter_map(|(row, fit)| Some((row, fit?))).unzip();
    Ok(Measured { rows, fits, refused })
}

/// One measure of both sets.
fn one(at: usize, sets: [&Set; 2], measured: [&Measured; 2], effort: Effort) -> anyhow::Result<Measure> {
    let values = [0, 1].map(|side: usize| values(at, sets[side], measured[side], None));
    let [real, synthetic] = values;
    let (real, synthetic) = (real?, synthetic?);
    let mut grades = BTreeMap::new();
    for grade in 0..=4u8 {
        let [a, b] = [0, 1].map(|side: usize| self::values(at, sets[side], measured[side], Some(grade)));
        let distance: Option<Estimate> = compare(&a?, &b?, effort).ok();
        grades.extend(distance.map(|distance| (grade.to_string(), distance)));
    }
    Ok(Measure {
        overall: compare(&real, &synthetic, effort)?,
        grades,
        real: spread(&real),
        synthetic: spread(&synthetic),
    })
}

/// The values of one measure, of one grade or of all.
fn values(at: usize, set: &Set, measured: &Measured, grade: Option<u8>) -> anyhow::Result<Features> {
    let units = set.units();
    let kept = measured.rows.iter().zip(&measured.fits);
    let kept = kept.filter(|(row, _)| grade.is_none() || set.rows[**row].grade == grade);
    let (values, units): (Vec<f32>, Vec<u32>) =
        kept.map(|(row, fit)| (fit.values()[at] as f32, units[*row])).unzip();
    Ok(Features::new(1, values)?.with_units(units)?)
}

fn spread(set: &Features) -> Spread {
    let mut sorted: Vec<f64> = (0..set.len()).map(|row| f64::from(set.row(row)[0])).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let [low, middle, high] = [0.05, 0.5, 0.95].map(|q| quantile(&sorted, q));
    Spread { low, middle, high }
}

/// The synthetic images that lie farthest outside what real knees measure, farthest first.
fn implausible(set: &Set, real: &Measured, synthetic: &Measured) -> Vec<Implausible> {
    let usual: Vec<[f64; 3]> = (0..MEASURES.len())
        .map(|at| {
            let mut sorted: Vec<f64> = real.fits.iter().map(|fit| fit.values()[at]).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q))
        })
        .collect();
    let far = |fit: &Fit| {
        let values = fit.values();
        let each = usual.iter().zip(values).enumerate().map(|(at, ([low, middle, high], value))| {
            let half = if value > *middle { high - middle } else { middle - low };
            ((value - middle).abs() / half.max(f64::MIN_POSITIVE), at, value)
        });
        each.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0, 0.0))
    };
    let mut all: Vec<_> =
        synthetic.rows.iter().zip(&synthetic.fits).map(|(row, fit)| (*row, far(fit))).collect();
    all.retain(|(_, (far, _, _))| *far > FAR);
    all.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
    let shown = all.into_iter().take(SHOWN).map(|(row, (_, at, value))| {
        let row = &set.rows[row];
        let picture = FileHash { file: row.file.clone(), sha256: row.sha256.clone() };
        Implausible { picture, measure: MEASURES[at].to_owned(), value, usual: usual[at][1] }
    });
    shown.collect()
}
