//! All measures between a real and a synthetic set, with intervals and with what real images give against each other.

mod equal;
mod measure;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::equal::EqualCount;
pub(crate) use self::equal::halvings;
pub use self::measure::{Measure, Measures};
use crate::detectability::detectability;
use crate::estimate::{Estimate, Resampling, Units, distance_estimate, mean_estimate};
use crate::features::{FeatureError, Features};
use crate::frechet::{Gaussian, frechet};
use crate::infinite::frechet_infinite;
use crate::pairs::{Pairs, Wanted, pairs};
use crate::prdc::Indicators;
use crate::rng::{Purpose, stream};
use crate::vendi::vendi;

/// Below this count of units on either side no distance is given: its interval would be the wider part of it.
pub const FEWEST: usize = 10;
/// Below this count of units on either side no probe is trained.
pub const FEWEST_FOR_PROBE: usize = 20;

/// What a comparison depends on besides the images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Of all streams.
    pub seed: u64,
    /// Neighbours that define a ball of the manifolds.
    pub k: usize,
    /// Resampled sets for the interval of a share.
    pub replicates: usize,
    /// Resampled sets for the interval of a Frechet distance.
    pub distance_replicates: usize,
    /// Random halvings that a floor is the mean of.
    pub halvings: usize,
    /// Images a side that are compared pair by pair and resampled, at most.
    pub most: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, k: 5, replicates: 1000, distance_replicates: 200, halvings: 10, most: 10_000 }
    }
}

impl Settings {
    /// The fewest images on either side for balls of `k` neighbours to mean something: 2k + 1.
    pub fn fewest_for_balls(&self) -> usize {
        2 * self.k + 1
    }

    /// How the intervals of shares are drawn.
    pub fn resampling(&self) -> Resampling {
        Resampling { seed: self.seed, replicates: self.replicates }
    }
}

/// The measures at one count.
pub type Figures = Measures<f64>;

/// The measures between two sets. What cannot be trusted is absent, and `notes` says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Real images.
    pub real_images: usize,
    /// Synthetic images.
    pub synthetic_images: usize,
    /// Each measure of all images with its interval and floor.
    #[serde(flatten)]
    pub measures: Measures<Estimate>,
    /// The Frechet distance extrapolated to infinitely many images of both kinds, where there are enough for that.
    #[serde(default)]
    pub frechet_infinite: Option<Estimate>,
    /// Both kinds against real images at the floor's count.
    pub equal_count: Option<EqualCount>,
    /// What to know before these numbers are believed.
    pub notes: Vec<String>,
}

/// Compares two sets of one space.
///
/// Intervals are 95%. A share's resamples each image's own indicator, by units, and leaves the manifolds as they are:
/// what the choice of the images that span them adds is not in it. The Frechet distance's resamples the images, by
/// units ([`distance_estimate`]); the others say how at their own functions. The floor halves the real images by
/// units, [`Settings::halvings`] times; both sides of it, and the synthetic images beside it, number
/// `min(half the real images, synthetic images)`. Of a side with more than [`Settings::most`] images, as many drawn at random,
/// by units, stand for all, so that time and memory grow no further; the value of the Frechet distance is still that of
/// all images.
pub fn compare(
    real: &Features,
    synthetic: &Features,
    settings: &Settings,
) -> Result<Comparison, FeatureError> {
    real.same_space(synthetic)?;
    let thin = [thinned(real, (0, settings)), thinned(synthetic, (1, settings))];
    let [a, b] = [thin[0].as_ref().unwrap_or(real), thin[1].as_ref().unwrap_or(synthetic)];
    let mut found = compare_all(a, b, settings)?;
    if let Some(frechet) =
        found.measures[Measure::Frechet].as_mut().filter(|_| thin.iter().any(Option::is_some))
    {
        let value = self::frechet(&Gaussian::of(real)?, &Gaussian::of(synthetic)?)?;
        let shift = value - frechet.value;
        *frechet =
            Estimate { value, low: (frechet.low + shift).max(0.0), high: frechet.high + shift, ..*frechet };
    }
    for (all, kind) in [(real, "real"), (synthetic, "synthetic")] {
        if all.len() > settings.most {
            let (n, most) = (all.len(), settings.most);
            found.notes.push(format!(
                "about {most} of the {n} {kind} images, drawn at random, stand for all in everything but the Fr\u{e9}chet distance"
            ));
        }
    }
    found.real_images = real.len();
    found.synthetic_images = synthetic.len();
    Ok(found)
}

/// As many images as may be compared, whole units drawn at random, where there are more.
fn thinned(set: &Features, (place, settings): (u64, &Settings)) -> Option<Features> {
    if set.len() <= settings.most {
        return None;
    }
    let mut units = set.by_unit();
    stream(settings.seed, Purpose::Thin, place).shuffle(&mut units);
    let mut rows = Vec::new();
    for unit in units {
        if rows.len() + unit.len() <= settings.most {
            rows.extend(unit);
        }
    }
    rows.sort_unstable();
    Some(set.select(&rows))
}

fn compare_all(
    real: &Features,
    synthetic: &Features,
    settings: &Settings,
) -> Result<Comparison, FeatureError> {
    let equal_count = equal::equal_count(real, synthetic, settings)?;
    let mut measures = Measures::default();
    let frechet_infinite = frechet_infinite(real, synthetic, settings.seed)?;
    if units(real, synthetic) >= FEWEST {
        measures[Measure::Frechet] = Some(frechet_estimate(real, synthetic, settings)?);
        measures[Measure::Vendi] = Some(vendi(synthetic)?);
    }
    let Pairs { kernel, authentic, indicators } = pairs(real, synthetic, wanted(real, synthetic, settings))?;
    measures[Measure::Kid] = kernel.map(|kernel| kernel.estimate());
    measures[Measure::Authenticity] = authentic
        .map(|authentic| mean_estimate(&shares(&authentic), &Units::of(synthetic), settings.resampling()));
    if let Some(indicators) = indicators {
        balls(&indicators, [real, synthetic], settings, &mut measures);
    }
    if units(real, synthetic) >= FEWEST_FOR_PROBE {
        measures[Measure::Detectability] = Some(detectability(real, synthetic, settings.seed)?);
    }
    let floors = equal_count.map(|e| e.real).unwrap_or_default();
    for measure in Measure::ALL {
        measures[measure].iter_mut().for_each(|estimate| estimate.floor = floors[measure]);
    }
    Ok(Comparison {
        real_images: real.len(),
        synthetic_images: synthetic.len(),
        measures,
        frechet_infinite,
        equal_count,
        notes: notes(real, synthetic, settings),
    })
}

/// Units of the side that has fewer.
fn units(real: &Features, synthetic: &Features) -> usize {
    real.by_unit().len().min(synthetic.by_unit().len())
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

/// What the images of both sides carry of what needs all pairs.
fn wanted(real: &Features, synthetic: &Features, settings: &Settings) -> Wanted {
    let distances = units(real, synthetic) >= FEWEST;
    let balls = real.len().min(synthetic.len()) >= settings.fewest_for_balls();
    Wanted { kernel: distances, authenticity: distances, balls: balls.then_some(settings.k) }
}

/// Precision, recall, density and coverage with their intervals.
fn balls(of: &Indicators, sets: [&Features; 2], settings: &Settings, into: &mut Measures<Estimate>) {
    let [real, synthetic] = sets.map(Units::of);
    let inside: Vec<bool> = of.balls.iter().map(|b| *b > 0).collect();
    let density: Vec<f64> = of.balls.iter().map(|b| f64::from(*b) / of.k as f64).collect();
    let mean = |values: &[f64], units| Some(mean_estimate(values, units, settings.resampling()));
    into[Measure::Precision] = mean(&shares(&inside), &synthetic);
    into[Measure::Recall] = mean(&shares(&of.recalled), &real);
    into[Measure::Density] = mean(&density, &synthetic);
    into[Measure::Coverage] = mean(&shares(&of.covered), &real);
}

fn shares(of: &[bool]) -> Vec<f64> {
    of.iter().map(|b| f64::from(u8::from(*b))).collect()
}

/// What a reader must know before believing the numbers.
fn notes(real: &Features, synthetic: &Features, settings: &Settings) -> Vec<String> {
    let (few, units) = (real.len().min(synthetic.len()), units(real, synthetic));
    let (width, balls) = (real.width(), settings.fewest_for_balls());
    let mut notes = Vec::new();
    if units < FEWEST {
        notes.push(format!(
            "too few images for distances, authenticity and diversity, which need {FEWEST} a side, of as many subjects"
        ));
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
    if units < FEWEST_FOR_PROBE {
        notes.push(format!(
            "too few images to train a probe, which needs {FEWEST_FOR_PROBE} a side, of as many subjects"
        ));
    }
    if units >= FEWEST && real.len() / 2 < FEWEST {
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
        let both = |c: &Comparison, of| {
            let equal = c.equal_count.unwrap();
            (equal.synthetic[of].unwrap(), equal.real[of].unwrap())
        };
        let ratio = |c: &Comparison| both(c, Measure::Frechet).0 / both(c, Measure::Frechet).1;
        assert!((0.5..2.0).contains(&ratio(&same)), "{}", ratio(&same));
        assert!(ratio(&other) > 20.0, "{}", ratio(&other));
        for (measure, near) in
            [(Measure::Kid, 0.1), (Measure::Detectability, 0.06), (Measure::Authenticity, 0.1)]
        {
            let (synthetic, real) = both(&same, measure);
            assert!((synthetic - real).abs() < near, "{measure:?}: {synthetic} {real}");
        }
        // Shifted by 1 in each of 4 features: the best area is Phi(2 / sqrt 2) = 0.921.
        assert!((both(&other, Measure::Detectability).0 - 0.921).abs() < 0.03);
        for measure in Measure::ALL {
            let estimate = other.measures[measure].unwrap();
            assert!(
                estimate.low < estimate.value && estimate.value < estimate.high,
                "{measure:?} {estimate:?}"
            );
            assert_eq!(estimate.floor, other.equal_count.unwrap().real[measure]);
        }
        assert!(other.notes.is_empty());
    }

    #[test]
    fn a_part_stands_for_a_large_set_and_the_note_says_so() {
        let settings = Settings { most: 100, distance_replicates: 20, ..Settings::default() };
        let (real, synthetic) = (cloud(1, 90, 0.0), cloud(2, 1000, 1.0));
        let found = compare(&real, &synthetic, &settings).unwrap();
        assert_eq!((found.real_images, found.synthetic_images), (90, 1000));
        let exact = frechet(&Gaussian::of(&real).unwrap(), &Gaussian::of(&synthetic).unwrap()).unwrap();
        let estimate = found.measures[Measure::Frechet].unwrap();
        assert!(estimate.value == exact && estimate.low < exact && exact < estimate.high, "{estimate:?}");
        assert_eq!(found.measures[Measure::Kid].unwrap().n, 90);
        assert_eq!(found.measures[Measure::Vendi].unwrap().n, 100);
        assert!(found.notes[0].contains("of the 1000 synthetic images"), "{:?}", found.notes);
    }

    #[test]
    fn too_few_images_give_a_note_instead_of_a_number() {
        let few = compare(&cloud(1, 9, 0.0), &cloud(2, 400, 0.0), &Settings::default()).unwrap();
        assert_eq!((few.measures, few.equal_count), (Measures::default(), None));
        assert_eq!(few.notes.len(), 3, "{:?}", few.notes);
        let some = compare(&cloud(1, 15, 0.0), &cloud(2, 400, 0.0), &Settings::default()).unwrap();
        assert!(some.measures[Measure::Frechet].is_some_and(|f| f.floor.is_none()), "{some:?}");
        assert_eq!(some.measures[Measure::Detectability], None);
        assert_eq!(some.notes.last().unwrap(), "too few real images to halve, so there is no floor");
    }

    #[test]
    fn equal_images_are_compared_without_a_fault() {
        let flat = |value: f32| Features::new(4, vec![value; 4 * 40]).unwrap();
        let found = compare(&flat(1.0), &flat(2.0), &Settings::default()).unwrap();
        assert_eq!(found.measures[Measure::Detectability].unwrap().value, 1.0);
        let value = |measure| found.measures[measure].unwrap().value;
        assert_eq!((value(Measure::Frechet), value(Measure::Coverage)), (4.0, 0.0));
        assert!((value(Measure::Vendi) - 1.0).abs() < 1e-9);
    }
}
