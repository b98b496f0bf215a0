//! Both kinds at equal count: random halves of the real images against as many synthetic ones, and against each other.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{FEWEST, FEWEST_FOR_PROBE, Figures, Measure, Settings, units, wanted};
use crate::detectability::detectability_value;
use crate::features::{FeatureError, Features};
use crate::frechet::{Gaussian, frechet};
use crate::pairs::{Pairs, pairs};
use crate::rng::{Purpose, stream};
use crate::vendi::vendi_value;

/// Random halves of the real images against as many synthetic images, and against each other.
///
/// Finite sets bias most measures, so only these two may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqualCount {
    /// Images on each side.
    pub n: usize,
    /// Synthetic images against a real half, the mean over the halvings.
    pub synthetic: Figures,
    /// The other real half against it: the floor.
    pub real: Figures,
}

/// Both kinds at the floor's count, or nothing where that count carries no measure.
pub(super) fn equal_count(
    a: &Features,
    b: &Features,
    settings: &Settings,
) -> Result<Option<EqualCount>, FeatureError> {
    let halvings: Vec<[Vec<usize>; 3]> = halvings(a, b, settings).collect();
    let n = halvings.first().map_or(0, |parts| parts[0].len());
    if n < FEWEST.min(settings.fewest_for_balls()) {
        return Ok(None);
    }
    let measure = |parts: &[Vec<usize>; 3]| {
        let real = a.select(&parts[0]);
        let synthetic = figures(&real, &b.select(&parts[2]), settings)?;
        Ok((synthetic, figures(&real, &a.select(&parts[1]), settings)?))
    };
    let pairs = halvings.par_iter().map(measure).collect::<Result<Vec<_>, FeatureError>>()?;
    let (synthetic, real): (Vec<Figures>, Vec<Figures>) = pairs.into_iter().unzip();
    Ok(Some(EqualCount { n, synthetic: Figures::mean(&synthetic), real: Figures::mean(&real) }))
}

/// Random halvings: rows of two real halves that share no unit, and of synthetic images, all of one count.
pub(crate) fn halvings(
    a: &Features,
    b: &Features,
    settings: &Settings,
) -> impl Iterator<Item = [Vec<usize>; 3]> {
    let all: Vec<_> =
        (0..settings.halvings as u64).map(|index| halving(a, b, settings.seed, index)).collect();
    let n = all.iter().flatten().map(Vec::len).min().unwrap_or(0);
    all.into_iter().map(move |mut parts| {
        parts.iter_mut().for_each(|rows| rows.truncate(n));
        parts
    })
}

/// Rows of two disjoint real halves that share no unit, and of synthetic images, each in random order.
fn halving(a: &Features, b: &Features, seed: u64, index: u64) -> [Vec<usize>; 3] {
    let mut draws = stream(seed, Purpose::Floor, index);
    let mut units = a.by_unit();
    draws.shuffle(&mut units);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for unit in units {
        if left.len() <= right.len() { left.extend(unit) } else { right.extend(unit) }
    }
    let mut synthetic: Vec<usize> = (0..b.len()).collect();
    draws.shuffle(&mut synthetic);
    [left, right, synthetic]
}

/// The measures that the images of both sides carry.
fn figures(real: &Features, other: &Features, settings: &Settings) -> Result<Figures, FeatureError> {
    let mut figures = Figures::default();
    let units = units(real, other);
    if units >= FEWEST {
        figures[Measure::Frechet] = Some(frechet(&Gaussian::of(real)?, &Gaussian::of(other)?)?);
        figures[Measure::Vendi] = Some(vendi_value(other)?);
    }
    let Pairs { kernel, authentic, indicators } = pairs(real, other, wanted(real, other, settings))?;
    figures[Measure::Kid] = kernel.map(|kernel| kernel.value());
    figures[Measure::Authenticity] =
        authentic.map(|authentic| authentic.iter().filter(|a| **a).count() as f64 / authentic.len() as f64);
    if let Some(prdc) = indicators.map(|indicators| indicators.measures()) {
        figures[Measure::Precision] = Some(prdc.precision);
        figures[Measure::Recall] = Some(prdc.recall);
        figures[Measure::Density] = Some(prdc.density);
        figures[Measure::Coverage] = Some(prdc.coverage);
    }
    if units >= FEWEST_FOR_PROBE {
        figures[Measure::Detectability] = Some(detectability_value(real, other, settings.seed)?);
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_share_no_subject() {
        let set =
            Features::new(1, vec![0.0; 60]).unwrap().with_units((0..60).map(|i| i / 2).collect()).unwrap();
        let [left, right, _] = halving(&set, &set, 0, 0);
        assert_eq!((left.len(), right.len()), (30, 30));
        let units = |rows: &[usize]| rows.iter().map(|r| set.units()[*r]).collect::<Vec<_>>();
        assert!(units(&left).iter().all(|u| !units(&right).contains(u)));
    }
}
