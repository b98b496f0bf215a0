//! A run through time: at each snapshot, how near its images come to real ones that it never saw, and whether they lie nearer to
//! those that it was trained on.

use std::collections::BTreeMap;
use std::path::Path;

use doppelray_gan::Label;
use doppelray_gan::model::Model;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::audit::{Nearest, Nearness, nearness, separate};
use doppelray_measures::compare::{self, Measure, compare};
use doppelray_measures::estimate::Estimate;

use super::Plan;
use super::look::{Looked, look_at};
use super::members::FEWEST;
use super::people::Groups;
use super::real::{Real, pictures};
use super::trained::Trained;
use crate::report::audit::Point;
use crate::report::evaluate::FileHash;

/// The seed from which images are drawn on: far from those that people sample and those that choose a run's model.
const SEEDS: u64 = 1 << 41;
/// Resampled sets for the interval of a share, and of a distance; halvings for the floor.
const EFFORT: [usize; 3] = [500, 60, 5];

/// The real images that drawn ones are compared with: as many of each grade that were trained on as were not.
pub(super) struct Beside<'a> {
    pub(super) plan: &'a Plan,
    pub(super) real: &'a Real,
    pub(super) groups: &'a Groups,
    /// Rows of the training images and of the held-out ones, equally many.
    pub(super) even: &'a [Vec<usize>; 2],
}

impl Beside<'_> {
    /// A point of the curve for each snapshot, by images seen; none where too few images are held out.
    pub(super) fn curve(&self, run: &Trained, listener: Listener) -> anyhow::Result<Vec<Point>> {
        if self.even[1].len() < FEWEST {
            return Ok(Vec::new());
        }
        let moments = run.moments(self.plan.settings.snapshots)?;
        let total = (moments.len() * self.plan.settings.drawn) as u64;
        listener(Event::Begin { task: "drawing from snapshots", total, unit: "images" });
        let point = |moment: FileHash| {
            let model = Model::open(Path::new(&moment.file))?;
            let looked = self.drawn(&model, listener)?;
            let chosen = moment.sha256 == run.model.sha256;
            self.point(&looked, Point { chosen, ..begun(&model, moment) })
        };
        let points = moments.into_iter().map(point).collect::<anyhow::Result<Vec<_>>>();
        listener(Event::End);
        let mut points = points?;
        points.sort_by_key(|point| point.images);
        Ok(points)
    }

    /// What a snapshot draws of the held-out images' grades; the same seeds at each.
    fn drawn(&self, model: &Model, listener: Listener) -> anyhow::Result<Looked> {
        let Plan { people, spaces, settings, .. } = self.plan;
        let [_, held_out] = self.even;
        let draw = |at: usize| {
            let row = &people.rows[held_out[at * held_out.len() / settings.drawn]];
            let label = Label::of(row).unwrap_or_else(|| 0u8.into());
            model.draw(label, SEEDS + at as u64, model.manner()).map_err(anyhow::Error::msg)
        };
        look_at(settings.drawn, (&draw, &|_, _| None), spaces, listener)
    }

    fn point(&self, drawn: &Looked, begun: Point) -> anyhow::Result<Point> {
        let Plan { people, spaces, settings, .. } = self.plan;
        let [training, held_out] = self.even;
        let rows: Vec<usize> = training.iter().chain(held_out).copied().collect();
        let mirrored = rows.iter().map(|row| row + people.rows.len());
        let sketches =
            self.real.sketches[0].select(&rows.iter().copied().chain(mirrored).collect::<Vec<_>>());
        let [drawn_sketches, _] = pictures(&self.real.frame, drawn.sketches.iter())?;
        let mut nearest = BTreeMap::new();
        nearest.insert("pixels".to_owned(), self.nearest(&drawn_sketches, &sketches, &rows)?);
        for ((space, population), features) in spaces.iter().zip(&self.real.spaces).zip(&drawn.features) {
            let real = population.features.select(&rows);
            nearest.insert(space.name.clone(), self.nearest(features, &real, &rows)?);
        }
        let units = held_out.iter().map(|row| people.units[*row]).collect();
        let unseen = self.real.spaces[0].features.select(held_out).with_units(units)?;
        let [replicates, distance_replicates, halvings] = EFFORT;
        let effort = compare::Settings {
            seed: settings.seed,
            replicates,
            distance_replicates,
            halvings,
            ..Default::default()
        };
        let fidelity = compare(&unseen, &drawn.features[0], &effort)?.measures;
        let membership = self.membership(drawn)?;
        Ok(Point {
            frechet: fidelity[Measure::Frechet],
            coverage: fidelity[Measure::Coverage],
            nearest_is_training: nearest,
            membership: membership.map(|(area, _)| area),
            membership_p: membership.map(|(_, p)| p),
            ..begun
        })
    }

    /// How often the nearest real image of a drawn one, of `rows` once or twice over, was trained on.
    fn nearest(&self, drawn: &Features, real: &Features, rows: &[usize]) -> anyhow::Result<Nearness> {
        let mut nearest = Nearest::new(drawn, 1);
        nearest.see(real)?;
        let found = nearest.found();
        let places: Vec<usize> = found.iter().map(|near| near[0].at % rows.len()).collect();
        let units: Vec<u32> = rows.iter().map(|row| self.plan.people.units[*row]).collect();
        Ok(nearness(&places, self.even[0].len(), &units, self.plan.settings.seed))
    }

    /// How well nearness to the drawn images, in the last space, tells training images from held-out ones, and the probability
    /// of that by chance.
    fn membership(&self, drawn: &Looked) -> anyhow::Result<Option<(Estimate, f64)>> {
        let Some((population, features)) = self.real.spaces.last().zip(drawn.features.last()) else {
            return Ok(None);
        };
        let mut nearest = Nearest::new(&population.features, 1);
        nearest.see(features)?;
        let scores: Vec<f64> = nearest.found().iter().map(|near| -near[0].squared).collect();
        let [members, others] = self.groups.of(&scores, &self.plan.people.units);
        let found = separate(&members, &others, self.plan.settings.seed);
        Ok(Some((found.auc, found.p)))
    }
}

fn begun(model: &Model, file: FileHash) -> Point {
    Point {
        images: model.header.images_seen,
        model: file,
        chosen: false,
        frechet: None,
        coverage: None,
        nearest_is_training: BTreeMap::new(),
        membership: None,
        membership_p: None,
    }
}

/// Chance of a false alarm in the whole curve.
const ALARM: f64 = 0.025;

/// Which snapshot these figures speak for.
pub(super) fn advice(points: &[Point]) -> String {
    let chances = |point: &Point| -> Vec<f64> {
        point.nearest_is_training.values().map(|near| near.p).chain(point.membership_p).collect()
    };
    let alarm = ALARM / points.iter().map(|point| chances(point).len()).sum::<usize>().max(1) as f64;
    let remembers = |point: &&Point| chances(point).iter().any(|p| *p < alarm);
    let clean = points.iter().filter(|point| !remembers(point));
    let distance = |point: &Point| point.frechet.map_or(f64::INFINITY, |frechet| frechet.value);
    let best = clean.min_by(|a, b| distance(a).total_cmp(&distance(b)));
    match best {
        None if points.is_empty() => {
            format!("There is no curve: fewer than {FEWEST} images of the grades learned are held out.")
        }
        None => "At every snapshot the drawn images lie nearer to training images than chance explains: none of them should be \
                 released."
            .to_owned(),
        Some(point) => {
            let seen = point.images as f64 / 1000.0;
            let chosen = if point.chosen { ", which is the run's model" } else { "" };
            format!(
                "By these figures the snapshot after {seen:.1} thousand images{chosen} is the one to release: of those whose images \
                 do not lie nearer to training images than to held-out ones it comes nearest to the held-out ones."
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_snapshot_that_remembers_nobody_is_the_one_to_release() {
        let e = |value: f64, reach: f64| Estimate {
            value,
            low: value - reach,
            high: value + reach,
            floor: None,
            n: 9,
        };
        let point = |images: u64, frechet: f64, (share, p): (f64, f64)| Point {
            images,
            model: FileHash { file: String::new(), sha256: String::new() },
            chosen: images == 3000,
            frechet: Some(e(frechet, 0.1)),
            coverage: None,
            nearest_is_training: BTreeMap::from([(
                "bank".to_owned(),
                Nearness { share: e(share, 0.05), by_chance: e(0.5, 0.04), p },
            )]),
            membership: None,
            membership_p: None,
        };
        let run =
            [point(1000, 9.0, (0.5, 0.5)), point(2000, 5.0, (0.53, 0.02)), point(3000, 2.0, (0.62, 1e-4))];
        assert!(advice(&run).contains("after 2.0 thousand images is"), "{}", advice(&run));
        assert!(advice(&run[2..]).contains("none of them"));
        assert!(advice(&[]).contains("fewer than 20"));
    }
}
