//! Copy detection: is a real image among the synthetic ones, whatever was done to it? Calibrated by copies that are planted
//! and by real images of strangers.

mod closest;
mod hits;
mod planted;
mod scale;

use std::sync::Arc;

use doppelray_images::copies::Picture;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::audit::share::{difference, share};
use doppelray_measures::audit::tail::Tail;
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use self::closest::{Match, Pictures, closest, laid};
use self::scale::{Scale, fisher};
use super::people::{Part, People};
use super::real::Real;
use super::survey::Found;
use super::{Plan, judge};
use crate::report::audit::{Attack, Copies, Criterion};

/// What copy detection found.
pub(super) struct Inspected {
    pub(super) copies: Copies,
    pub(super) attack: Attack,
    pub(super) duplicates: Attack,
    /// For each real row, how well the best synthetic image agrees with it.
    pub(super) scores: Vec<f64>,
}

/// Looks for every real image among the synthetic ones.
pub(super) fn inspect(
    plan: &Plan,
    real: &Real,
    found: &Found,
    listener: Listener,
) -> anyhow::Result<Inspected> {
    let Plan { people, synthetic, settings, .. } = plan;
    let total = (people.rows.len() + found.sample.len()).try_into()?;
    listener(Event::Begin { task: "laying images over each other", total, unit: "images" });
    let inspected = (|| {
        let (strangers, scale) = strangers(plan, real)?;
        let scale = scale.as_ref();
        let pictures = Pictures::of(synthetic);
        let times = synthetic.rows.len() as f64 / people.rows.len() as f64;
        let threshold = threshold(&strangers, settings.false_alarms, people.rows.len(), times);
        let matches = matches(plan, found, (&pictures, scale), listener)?;
        let repeated = repeated(plan, found, (&pictures, scale), listener)?;
        let recall = match threshold {
            Some(threshold) => planted::recall(plan, real, found, (threshold, scale))?,
            None => Vec::new(),
        };
        let beyond =
            |values: &[f64]| threshold.map(|t| (values.iter().filter(|v| **v >= t).count(), values.len()));
        let copies = Copies {
            threshold: threshold.map(|t| 1.0 - t),
            expected_false_alarms: settings.false_alarms,
            false_alarms: beyond(&strangers).filter(|(_, n)| *n > 0).map(|(hits, n)| share(hits, n)),
            recall,
            hits: hits::hits(plan, &matches, threshold)?,
            closest: hits::closest_pairs(plan, real, &matches, scale)?,
        };
        let scores: Vec<f64> = matches.iter().map(|m| m.as_ref().map_or(-1.0, |m| m.agreement)).collect();
        Ok(Inspected {
            attack: attack(people, &copies, &scores, threshold),
            duplicates: duplicates(beyond(&repeated), beyond(&strangers)),
            copies,
            scores,
        })
    })();
    listener(Event::End);
    inspected
}

/// For some real images, the largest agreement with one of another subject, and the scale that these agreements give.
fn strangers(plan: &Plan, real: &Real) -> anyhow::Result<(Vec<f64>, Option<Scale>)> {
    let Plan { people, settings, .. } = plan;
    let mut rows: Vec<usize> = (0..people.rows.len()).collect();
    stream(settings.seed, Purpose::Calibration, 1).shuffle(&mut rows);
    rows.truncate(settings.strangers_looked_at);
    let near = real.strangers(&rows, people, settings.candidates)?;
    let load = |at: usize| Ok(Arc::new(Picture::of(&people.collection.load(&people.rows[at])?)));
    let found = rows.par_iter().enumerate().map(|(i, row)| {
        let image = people.collection.load(&people.rows[*row])?;
        laid(&image, [&near[i], &near[i + rows.len()]], &load)
    });
    let mut found = found.collect::<anyhow::Result<Vec<Vec<Match>>>>()?;
    found.retain(|matches| !matches.is_empty());
    let best = |matches: &[Match], of: &dyn Fn(&Match) -> f64| matches.iter().map(of).fold(-1.0, f64::max);
    let bands = found.iter().map(|of| [best(of, &|m| m.lies.correlation), best(of, &|m| m.lies.middle)]);
    let scale = Scale::of(&bands.collect::<Vec<_>>());
    let agreement = |m: &Match| Scale::agreement(scale.as_ref(), &m.lies);
    let agreements = found.iter().map(|of| best(of, &agreement)).collect();
    Ok((agreements, scale))
}

/// The agreement that strangers among the synthetic images would reach `expected` times in the whole audit, by the tail of
/// what real strangers reach. Fisher's z makes correlations' tails alike.
fn threshold(strangers: &[f64], expected: f64, count: usize, times: f64) -> Option<f64> {
    let z: Vec<f64> = strangers.iter().map(|c| fisher(*c)).collect();
    Some(Tail::of(&z)?.exceeded(expected, count, times.max(1.0)).tanh())
}

/// For each real row the synthetic image that agrees best.
fn matches(
    plan: &Plan,
    found: &Found,
    (pictures, scale): (&Pictures, Option<&Scale>),
    listener: Listener,
) -> anyhow::Result<Vec<Option<Match>>> {
    let people = &plan.people;
    let count = people.rows.len();
    let best = |row: usize| {
        let image = people.collection.load(&people.rows[row])?;
        let candidates = [row, row + count].map(|row| found.candidates(row));
        let best = closest(&image, [&candidates[0], &candidates[1]], &|at| pictures.get(at), scale);
        listener(Event::Advance(1));
        best
    };
    (0..count).into_par_iter().map(best).collect()
}

/// For some synthetic images the largest agreement with another synthetic one.
fn repeated(
    plan: &Plan,
    found: &Found,
    (pictures, scale): (&Pictures, Option<&Scale>),
    listener: Listener,
) -> anyhow::Result<Vec<f64>> {
    let synthetic = &plan.synthetic;
    let best = found.sample.par_iter().map(|(at, near)| {
        let image = synthetic.collection.load(&synthetic.rows[*at])?;
        let best = closest(&image, [near, &[]], &|at| pictures.get(at), scale);
        listener(Event::Advance(1));
        best
    });
    let best = best.collect::<anyhow::Result<Vec<Option<Match>>>>()?;
    Ok(best.into_iter().flatten().map(|m| m.agreement).collect())
}

fn attack(people: &People, copies: &Copies, scores: &[f64], threshold: Option<f64>) -> Attack {
    let hits = |part: Part| {
        let of: Vec<f64> =
            (0..scores.len()).filter(|row| people.part(*row) == part).map(|row| scores[row]).collect();
        let hits = of.iter().filter(|score| threshold.is_some_and(|t| **score >= t)).count();
        (threshold.is_some() && !of.is_empty()).then(|| share(hits, of.len()))
    };
    let (estimate, control) = (hits(Part::Training), hits(Part::Holdout));
    let (verdict, reason) = judge::copies(estimate.as_ref(), control.as_ref(), copies);
    Attack {
        title: "Copies of training images".to_owned(),
        criterion: Criterion::SinglingOut,
        about: "Is a training image itself among the synthetic ones, perhaps mirrored, moved, cropped, scaled, of other \
                contrast, noised, blended or edited? Each real image is laid over the synthetic ones most like it."
            .to_owned(),
        unit: "share of images with a copy".to_owned(),
        difference: estimate.as_ref().zip(control.as_ref()).map(|(a, b)| difference(a, b)),
        estimate,
        control,
        verdict,
        reason,
        weighs: true,
        strength: None,
        separation: None,
    }
}

fn duplicates(synthetic: Option<(usize, usize)>, real: Option<(usize, usize)>) -> Attack {
    let of = |counts: Option<(usize, usize)>| counts.filter(|(_, n)| *n > 0).map(|(hits, n)| share(hits, n));
    let (estimate, control) = (of(synthetic), of(real));
    let (verdict, reason) = judge::duplicates(estimate.as_ref(), control.as_ref());
    Attack {
        title: "Repeated synthetic images".to_owned(),
        criterion: Criterion::Quality,
        about:
            "Does the generator draw the same image again? The control is real images of different subjects."
                .to_owned(),
        unit: "share of images that another repeats".to_owned(),
        difference: estimate.as_ref().zip(control.as_ref()).map(|(a, b)| difference(a, b)),
        estimate,
        control,
        verdict,
        reason,
        weighs: false,
        strength: None,
        separation: None,
    }
}
