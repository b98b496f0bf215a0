//! What is measured on pixels: how much alike the images of a grade are, and their spectra.

use std::collections::BTreeMap;

use doppelray_images::Row;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::compare::Settings;
use doppelray_measures::estimate::{Estimate, Units, mean_estimate};
use doppelray_measures::radial::spectra;
use doppelray_measures::rng::{Purpose, stream};
use doppelray_measures::{Features, ssim};
use rayon::prelude::*;

use crate::parts::Parts;
use crate::report::evaluate::{Likeness, Spectrum};
use crate::sets::Set;

/// Pairs of images that a grade's likeness is the mean of, at most and at least.
const PAIRS: usize = 200;
const FEWEST_PAIRS: usize = 10;

/// The mean MS-SSIM of random pairs of either kind within each grade. No image is in two pairs and no subject in both
/// halves of one, so that pairs are independent.
pub(crate) fn likeness(
    sets: [&Set; 2],
    grades: &Parts,
    settings: &Settings,
    listener: Listener,
) -> anyhow::Result<BTreeMap<String, Likeness>> {
    let pairs = |(place, rows): (usize, &[Vec<usize>; 2])| {
        [0, 1].map(|kind| pairs(sets[kind], &rows[kind], (settings.seed, 2 * place as u64 + kind as u64)))
    };
    let chosen: Vec<[Vec<[usize; 2]>; 2]> = grades.values().enumerate().map(pairs).collect();
    let total: u64 = chosen.iter().flatten().map(|pairs| pairs.len() as u64).sum();
    if total == 0 {
        return Ok(BTreeMap::new());
    }
    listener(Event::Begin { task: "comparing pairs of images", total, unit: "pairs" });
    let mean = |kind: usize, pairs: &[[usize; 2]]| -> anyhow::Result<Option<Estimate>> {
        let alike = |pair: &[usize; 2]| {
            let alike = alike(sets[kind], pair.map(|at| &sets[kind].rows[at]))?;
            listener(Event::Advance(1));
            anyhow::Ok(alike)
        };
        let values = pairs.par_iter().map(alike).collect::<anyhow::Result<Vec<f64>>>()?;
        Ok((!values.is_empty())
            .then(|| mean_estimate(&values, &Units::single(values.len()), settings.resampling())))
    };
    let grade = |(name, [a, b]): (&String, &[Vec<[usize; 2]>; 2])| {
        let real = mean(0, a)?;
        let floor = real.map(|real| real.value);
        let synthetic = mean(1, b)?.map(|estimate| Estimate { floor, ..estimate });
        anyhow::Ok((name.clone(), Likeness { real, synthetic }))
    };
    let found = grades.keys().zip(&chosen).map(grade).collect();
    listener(Event::End);
    found
}

/// Random disjoint pairs of images of different subjects; none where there are too few.
fn pairs(set: &Set, rows: &[usize], (seed, place): (u64, u64)) -> Vec<[usize; 2]> {
    let units = set.units();
    let mut of_unit = BTreeMap::<u32, Vec<usize>>::new();
    rows.iter().for_each(|row| of_unit.entry(units[*row]).or_default().push(*row));
    let mut draws = stream(seed, Purpose::Pairs, place);
    let mut one_each: Vec<usize> = of_unit.values().map(|rows| rows[draws.below(rows.len())]).collect();
    draws.shuffle(&mut one_each);
    let pairs: Vec<[usize; 2]> =
        one_each.chunks_exact(2).take(PAIRS).map(|pair| [pair[0], pair[1]]).collect();
    let fits = set.collection.about().size as usize >= ssim::WINDOW;
    if pairs.len() < FEWEST_PAIRS || !fits { Vec::new() } else { pairs }
}

fn alike(set: &Set, pair: [&Row; 2]) -> anyhow::Result<f64> {
    let [a, b] = [set.collection.load(pair[0])?, set.collection.load(pair[1])?];
    Ok(ssim::ms_ssim(&a.to_unit(), &b.to_unit(), a.width() as usize, a.height() as usize))
}

/// Spectra of both sets, overall and by grade; nothing where there are too few images.
pub(crate) fn spectrum(
    [real, synthetic]: [&Features; 2],
    grades: &Parts,
    settings: &Settings,
) -> anyhow::Result<Option<Spectrum>> {
    let Some(overall) = spectra(real, synthetic, settings)? else { return Ok(None) };
    let grade = |(name, [a, b]): (&String, &[Vec<usize>; 2])| {
        let found = spectra(&real.select(a), &synthetic.select(b), settings);
        found.map(|found| found.map(|spectra| (name.clone(), spectra))).transpose()
    };
    let grades = grades.iter().filter_map(grade).collect::<Result<_, _>>()?;
    Ok(Some(Spectrum { overall, grades }))
}
