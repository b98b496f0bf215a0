//! Re-identification: to an embedding that recognises people by their other knee, is a synthetic image a film of someone who
//! was trained on?
//!
//! The embedding is fitted twice, each time on one half of all subjects, trained on or not, and used on the other half. So no
//! one is recognised by an embedding that knows them, and training and held-out subjects are treated alike.

use doppelray_measures::Features;
use doppelray_measures::audit::share::{difference, share};
use doppelray_measures::audit::{Embedding, separate};
use doppelray_measures::estimate::{Estimate, quantile};
use doppelray_measures::rng::{Purpose, stream};

use super::judge::Bar;
use super::people::{Groups, People};
use super::{Plan, judge};
use crate::report::audit::{Attack, Criterion};

/// Directions of the embedding.
const DIRECTIONS: usize = 24;
/// Pairs of strangers that are taken for one person: one in a thousand.
const FALSE_ALARMS: f64 = 0.001;
/// Images a half that strangers' distances are taken between.
const MOST: usize = 1000;
/// The least share of people recognised by their other knee for the attack to weigh.
const STRONG: f64 = 0.2;

/// Both halves, each with the embedding fitted on the other.
pub(super) struct Linking {
    pub(super) halves: Vec<Half>,
    /// Share of real images recognised by another one of the same subject, at one false alarm in a thousand pairs.
    strength: Estimate,
}

/// One half of all subjects.
pub(super) struct Half {
    pub(super) embedding: Embedding,
    /// The rows of its subjects.
    pub(super) rows: Vec<usize>,
    /// These rows in the embedding.
    pub(super) fixed: Features,
    /// The distance up to which two images count as one person's.
    reach: f64,
}

impl Linking {
    /// `None` where too few subjects have two images.
    pub(super) fn of(features: &Features, people: &People, seed: u64) -> anyhow::Result<Option<Self>> {
        let features = features.clone().with_units(people.units.clone())?;
        let mut subjects = features.by_unit();
        stream(seed, Purpose::Calibration, 3).shuffle(&mut subjects);
        let (first, second) = subjects.split_at(subjects.len() / 2);
        let rows = |subjects: &[Vec<usize>]| subjects.concat();
        let (mut halves, mut recognised, mut pairs) = (Vec::new(), 0, 0);
        for (learned, used) in [(first, second), (second, first)] {
            let Some(embedding) = Embedding::of(&features.select(&rows(learned)), DIRECTIONS)? else {
                return Ok(None);
            };
            let rows = rows(used);
            let fixed = embedding.project(&features.select(&rows))?;
            let Some((reach, own)) = reach(&fixed) else { return Ok(None) };
            recognised += own.iter().filter(|distance| **distance <= reach).count();
            pairs += own.len();
            halves.push(Half { embedding, rows, fixed, reach });
        }
        Ok(Some(Self { halves, strength: share(recognised, pairs) }))
    }

    /// The attack, from each row's distance to the nearest synthetic image, by half.
    pub(super) fn attack(&self, plan: &Plan, nearest: &[Vec<f64>], groups: &Groups, bar: &Bar) -> Attack {
        let count = plan.people.rows.len();
        let (mut scores, mut linked) = (vec![0.0; count], vec![false; count]);
        for (half, distances) in self.halves.iter().zip(nearest) {
            for (row, distance) in half.rows.iter().zip(distances) {
                // By the half's own reach, so that both halves' scores are of one scale.
                scores[*row] = -distance / half.reach.max(f64::MIN_POSITIVE);
                linked[*row] = *distance <= half.reach;
            }
        }
        let shares = [&groups.training, &groups.holdout].map(|rows| {
            let hits = rows.iter().filter(|row| linked[**row]).count();
            (!rows.is_empty()).then(|| share(hits, rows.len()))
        });
        let [members, others] = groups.of(&scores, &plan.people.units);
        let enough = members.scores.len().min(others.scores.len()) >= bar.fewest;
        let separation = enough.then(|| separate(&members, &others, plan.settings.seed));
        let (verdict, reason) = judge::separation(separation.as_ref(), bar);
        let percent = 100.0 * self.strength.value;
        let weak = self.strength.value < STRONG;
        let doubt = if weak { " That is too weak for the attack to weigh in the verdict." } else { "" };
        let [estimate, control] = shares;
        Attack {
            title: "Re-identification by another knee".to_owned(),
            criterion: Criterion::Linkability,
            about: format!(
                "Does an embedding that recognises people by their other knee link synthetic images to training subjects more \
                 often than to held-out ones? Of real knees it recognises {percent:.0}% by the same person's other image, at \
                 one false alarm in a thousand pairs.{doubt}"
            ),
            unit: "share of images to which a synthetic one is linked".to_owned(),
            difference: estimate.as_ref().zip(control.as_ref()).map(|(a, b)| difference(a, b)),
            estimate,
            control,
            verdict,
            reason,
            weighs: !weak,
            strength: Some(self.strength),
            separation,
        }
    }
}

/// The distance that one pair of strangers in a thousand falls below, and the distances of all images to the nearest other one
/// of their subject; `None` where there are none.
fn reach(set: &Features) -> Option<(f64, Vec<f64>)> {
    let apart = |a: usize, b: usize| -> f64 {
        let squared = set.row(a).iter().zip(set.row(b)).map(|(x, y)| f64::from(x - y) * f64::from(x - y));
        squared.sum::<f64>().sqrt()
    };
    let few = set.len().min(MOST);
    let strangers = (0..few).flat_map(|a| (0..a).map(move |b| (a, b)));
    let strangers = strangers.filter(|(a, b)| set.units()[*a] != set.units()[*b]);
    let mut distances: Vec<f64> = strangers.map(|(a, b)| apart(a, b)).collect();
    if distances.is_empty() {
        return None;
    }
    distances.sort_unstable_by(f64::total_cmp);
    let own = set.by_unit().into_iter().filter(|rows| rows.len() > 1).flat_map(|rows| {
        let nearest =
            |a: &usize| rows.iter().filter(|b| *b != a).map(|b| apart(*a, *b)).fold(f64::INFINITY, f64::min);
        rows.iter().map(nearest).collect::<Vec<f64>>()
    });
    let own: Vec<f64> = own.collect();
    (!own.is_empty()).then(|| (quantile(&distances, FALSE_ALARMS), own))
}
