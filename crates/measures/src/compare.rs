//! All measures between a real and a synthetic set, with intervals and with what real images give against each other.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::estimate::{Estimate, Resampling, Units, distance_estimate, mean_estimate};
use crate::features::{FeatureError, Features};
use crate::frechet::{Gaussian, frechet};
use crate::prdc::{Indicators, indicators};
use crate::rng::{Purpose, stream};

/// Below this count on either side no distance is given: its interval would be the wider part of it.
pub const FEWEST: usize = 10;

/// What a comparison depends on besides the images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Of all streams.
    pub seed: u64,
    /// Neighbours that define a ball of the manifolds.
    pub k: usize,
    /// Resampled sets for the interval of a share.
    pub replicates: usize,
    /// Resampled sets for the interval of a distance.
    pub distance_replicates: usize,
    /// Random halvings that a floor is the mean of.
    pub halvings: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, k: 5, replicates: 1000, distance_replicates: 200, halvings: 10 }
    }
}

impl Settings {
    /// The fewest images on either side for balls of `k` neighbours to mean something: 2k + 1.
    pub fn fewest_for_balls(&self) -> usize {
        2 * self.k + 1
    }
}

/// The measures between two sets. What cannot be trusted is absent, and `notes` says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Real images.
    pub real_images: usize,
    /// Synthetic images.
    pub synthetic_images: usize,
    /// Squared Frechet distance.
    pub frechet: Option<Estimate>,
    /// Improved precision.
    pub precision: Option<Estimate>,
    /// Improved recall.
    pub recall: Option<Estimate>,
    /// Density.
    pub density: Option<Estimate>,
    /// Coverage.
    pub coverage: Option<Estimate>,
    /// Both kinds against real images at the floor's count.
    pub equal_count: Option<EqualCount>,
    /// What to know before these numbers are believed.
    pub notes: Vec<String>,
}

/// Random halves of the real images against as many synthetic images, and against each other.
///
/// Finite sets bias every measure, so only these two may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqualCount {
    /// Images on each side.
    pub n: usize,
    /// Synthetic images against a real half, the mean over the halvings.
    pub synthetic: Figures,
    /// The other real half against it: the floor.
    pub real: Figures,
}

/// The measures at one count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Squared Frechet distance.
    pub frechet: Option<f64>,
    /// Improved precision.
    pub precision: Option<f64>,
    /// Improved recall.
    pub recall: Option<f64>,
    /// Density.
    pub density: Option<f64>,
    /// Coverage.
    pub coverage: Option<f64>,
}

/// Compares two sets of one space.
///
/// Intervals are 95%. A share's resamples each image's own indicator, by units, and leaves the manifolds as they are:
/// what the choice of the images that span them adds is not in it. The Frechet distance's resamples the images,
/// by units ([`distance_estimate`]). The floor halves the real images by units, [`Settings::halvings`] times; both
/// sides of it, and the synthetic images beside it, number `min(half the real images, synthetic images)`.
pub fn compare(
    real: &Features,
    synthetic: &Features,
    settings: &Settings,
) -> Result<Comparison, FeatureError> {
    real.same_space(synthetic)?;
    let few = real.len().min(synthetic.len());
    let equal_count = equal_count(real, synthetic, settings)?;
    let floor = equal_count.map(|e| e.real).unwrap_or_default();
    let with = |estimate: Estimate, floor| Some(Estimate { floor, ..estimate });
    let mut comparison = Comparison {
        real_images: real.len(),
        synthetic_images: synthetic.len(),
        frechet: None,
        precision: None,
        recall: None,
        density: None,
        coverage: None,
        equal_count,
        notes: notes(real, synthetic, settings),
    };
    if few >= FEWEST {
        comparison.frechet = with(frechet_estimate(real, synthetic, settings)?, floor.frechet);
    }
    if few >= settings.fewest_for_balls() {
        let of = indicators(real, synthetic, settings.k)?;
        let [precision, recall, density, coverage] = share_estimates(&of, real, synthetic, settings);
        comparison.precision = with(precision, floor.precision);
        comparison.recall = with(recall, floor.recall);
        comparison.density = with(density, floor.density);
        comparison.coverage = with(coverage, floor.coverage);
    }
    Ok(comparison)
}

/// The Frechet distance of all images with the interval of resampled ones.
fn frechet_estimate(a: &Features, b: &Features, settings: &Settings) -> Result<Estimate, FeatureError> {
    let value = frechet(&Gaussian::of(a)?, &Gaussian::of(b)?)?;
    let (a_units, b_units) = (Units::of(a), Units::of(b));
    let replicate = |index| {
        let mut draws = stream(settings.seed, Purpose::Bootstrap, index);
        let a_weights = a_units.weights(&mut draws);
        let b_weights = b_units.weights(&mut draws);
        frechet(&Gaussian::weighted(a, &a_weights)?, &Gaussian::weighted(b, &b_weights)?)
    };
    let replicates = settings.distance_replicates.max(2) as u64;
    let resampled = (0..replicates).into_par_iter().map(replicate).collect::<Result<Vec<f64>, _>>()?;
    Ok(distance_estimate(value, &resampled, a.len().min(b.len())))
}

/// Precision, recall, density and coverage with their intervals.
fn share_estimates(of: &Indicators, a: &Features, b: &Features, settings: &Settings) -> [Estimate; 4] {
    let resampling = Resampling { seed: settings.seed, replicates: settings.replicates };
    let (real, synthetic) = (Units::of(a), Units::of(b));
    let share = |of: &[bool]| of.iter().map(|b| f64::from(u8::from(*b))).collect::<Vec<f64>>();
    let inside: Vec<bool> = of.balls.iter().map(|b| *b > 0).collect();
    let density: Vec<f64> = of.balls.iter().map(|b| f64::from(*b) / of.k as f64).collect();
    [
        mean_estimate(&share(&inside), &synthetic, resampling),
        mean_estimate(&share(&of.recalled), &real, resampling),
        mean_estimate(&density, &synthetic, resampling),
        mean_estimate(&share(&of.covered), &real, resampling),
    ]
}

/// Both kinds at the floor's count, or nothing where that count carries no measure.
fn equal_count(a: &Features, b: &Features, settings: &Settings) -> Result<Option<EqualCount>, FeatureError> {
    let halvings: Vec<[Vec<usize>; 3]> =
        (0..settings.halvings as u64).map(|index| halving(a, b, settings.seed, index)).collect();
    let n = halvings.iter().flatten().map(Vec::len).min().unwrap_or(0);
    if n < FEWEST.min(settings.fewest_for_balls()) {
        return Ok(None);
    }
    let measure = |parts: &[Vec<usize>; 3]| {
        let real = a.select(&parts[0][..n]);
        let synthetic = figures(&real, &b.select(&parts[2][..n]), settings)?;
        Ok((synthetic, figures(&real, &a.select(&parts[1][..n]), settings)?))
    };
    let pairs = halvings.par_iter().map(measure).collect::<Result<Vec<_>, FeatureError>>()?;
    let (synthetic, real): (Vec<Figures>, Vec<Figures>) = pairs.into_iter().unzip();
    Ok(Some(EqualCount { n, synthetic: Figures::mean(&synthetic), real: Figures::mean(&real) }))
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

/// The measures that `n` images a side carry.
fn figures(real: &Features, other: &Features, settings: &Settings) -> Result<Figures, FeatureError> {
    let mut figures = Figures::default();
    if real.len() >= FEWEST {
        figures.frechet = Some(frechet(&Gaussian::of(real)?, &Gaussian::of(other)?)?);
    }
    if real.len() >= settings.fewest_for_balls() {
        let prdc = indicators(real, other, settings.k)?.measures();
        figures.precision = Some(prdc.precision);
        figures.recall = Some(prdc.recall);
        figures.density = Some(prdc.density);
        figures.coverage = Some(prdc.coverage);
    }
    Ok(figures)
}

impl Figures {
    fn mean(all: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> Option<f64>| {
            let values: Option<Vec<f64>> = all.iter().map(of).collect();
            values.map(|v| v.iter().sum::<f64>() / v.len() as f64)
        };
        Self {
            frechet: mean(|f| f.frechet),
            precision: mean(|f| f.precision),
            recall: mean(|f| f.recall),
            density: mean(|f| f.density),
            coverage: mean(|f| f.coverage),
        }
    }
}

/// What a reader must know before believing the numbers.
fn notes(real: &Features, synthetic: &Features, settings: &Settings) -> Vec<String> {
    let few = real.len().min(synthetic.len());
    let (width, balls) = (real.width(), settings.fewest_for_balls());
    let mut notes = Vec::new();
    if few < FEWEST {
        notes.push(format!("too few images for a Fr\u{e9}chet distance, which needs {FEWEST} a side"));
    } else if few <= width {
        notes.push(format!(
            "no more images on a side than the {width} dimensions, so the Fr\u{e9}chet distance is mostly what so few \
             images cost; compare it with the floor only"
        ));
    }
    if few < balls {
        notes.push(format!(
            "too few images for precision, recall, density and coverage, which need {balls} a side"
        ));
    }
    if few >= FEWEST && real.len() / 2 < FEWEST {
        notes.push("too few real images to halve, so there is no floor".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(seed: u64, rows: usize, shift: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 3).normals(rows * 4);
        values.iter_mut().for_each(|v| *v += shift);
        Features::new(4, values).unwrap()
    }

    #[test]
    fn equal_distributions_come_out_at_the_floor_and_others_above_it() {
        let settings = Settings { halvings: 20, ..Settings::default() };
        let same = compare(&cloud(1, 400, 0.0), &cloud(2, 400, 0.0), &settings).unwrap();
        let other = compare(&cloud(1, 400, 0.0), &cloud(2, 400, 1.0), &settings).unwrap();
        let ratio = |c: &Comparison| {
            let equal = c.equal_count.unwrap();
            equal.synthetic.frechet.unwrap() / equal.real.frechet.unwrap()
        };
        assert!((0.5..2.0).contains(&ratio(&same)), "{}", ratio(&same));
        assert!(ratio(&other) > 20.0, "{}", ratio(&other));
        let frechet = other.frechet.unwrap();
        assert!(frechet.low < frechet.value && frechet.value < frechet.high);
        assert_eq!(frechet.floor, other.equal_count.unwrap().real.frechet);
        assert!(other.notes.is_empty());
    }

    #[test]
    fn halves_share_no_subject() {
        let set = cloud(1, 60, 0.0).with_units((0..60).map(|i| i / 2).collect()).unwrap();
        let [left, right, _] = halving(&set, &set, 0, 0);
        assert_eq!((left.len(), right.len()), (30, 30));
        let units = |rows: &[usize]| rows.iter().map(|r| set.units()[*r]).collect::<Vec<_>>();
        assert!(units(&left).iter().all(|u| !units(&right).contains(u)));
    }

    #[test]
    fn too_few_images_give_a_note_instead_of_a_number() {
        let few = compare(&cloud(1, 9, 0.0), &cloud(2, 400, 0.0), &Settings::default()).unwrap();
        assert_eq!((few.frechet, few.precision, few.equal_count), (None, None, None));
        assert_eq!(few.notes.len(), 2, "{:?}", few.notes);
        let some = compare(&cloud(1, 15, 0.0), &cloud(2, 400, 0.0), &Settings::default()).unwrap();
        assert!(some.frechet.is_some_and(|f| f.floor.is_none()), "{some:?}");
        assert_eq!(some.notes, ["too few real images to halve, so there is no floor"]);
    }
}
