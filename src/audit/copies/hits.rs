//! Copies and near copies by name.

use doppelray_images::Row;
use doppelray_images::copies::{Picture, Template, Warp, sketch};
use doppelray_images::look::mirror;
use doppelray_measures::audit::Nearest;

use super::super::Plan;
use super::super::people::Part;
use super::super::real::{Real, pictures};
use super::closest::Match;
use super::scale::Scale;
use crate::report::audit::{Hit, Pair};
use crate::report::evaluate::FileHash;

/// Every real image that has a copy, closest first.
pub(super) fn hits(
    plan: &Plan,
    matches: &[Option<Match>],
    threshold: Option<f64>,
) -> anyhow::Result<Vec<Hit>> {
    let Some(threshold) = threshold else { return Ok(Vec::new()) };
    let hits = ranked(matches).into_iter().filter(|(_, m)| m.agreement >= threshold);
    let hit = |(row, m): (usize, &Match)| {
        let Plan { people, synthetic, .. } = plan;
        anyhow::Ok(Hit {
            file: synthetic.rows[m.at].file.clone(),
            nearest: people.rows[row].file.clone(),
            held_out: people.part(row) == Part::Holdout,
            distance: 1.0 - m.agreement,
            kind: kind(plan, row, m)?,
        })
    };
    hits.map(hit).collect()
}

/// The training images that a synthetic one comes closest to, closest first, each synthetic image once.
pub(super) fn closest_pairs(
    plan: &Plan,
    real: &Real,
    matches: &[Option<Match>],
    scale: Option<&Scale>,
) -> anyhow::Result<Vec<Pair>> {
    let Plan { people, synthetic, settings, .. } = plan;
    let mut shown = std::collections::BTreeSet::new();
    let training = ranked(matches).into_iter().filter(|(row, _)| people.part(*row) == Part::Training);
    let once: Vec<_> = training.filter(|(_, m)| shown.insert(m.at)).take(settings.shown).collect();
    let pair = |(row, m): (usize, &Match)| {
        let of = |row: &Row| FileHash { file: row.file.clone(), sha256: row.sha256.clone() };
        let held_out = nearest_held_out(plan, real, m.at, scale)?;
        anyhow::Ok(Pair {
            synthetic: of(&synthetic.rows[m.at]),
            training: of(&people.rows[row]),
            distance: 1.0 - m.agreement,
            mirrored: m.mirrored,
            warp: m.lies.warp.0,
            held_out: held_out.map(|(row, _)| of(&people.rows[row])),
            held_out_distance: held_out.map(|(_, distance)| distance),
        })
    };
    once.into_iter().map(pair).collect()
}

/// The held-out image that a synthetic one comes closest to, and its distance.
fn nearest_held_out(
    plan: &Plan,
    real: &Real,
    at: usize,
    scale: Option<&Scale>,
) -> anyhow::Result<Option<(usize, f64)>> {
    let Plan { people, synthetic, settings, .. } = plan;
    let count = people.rows.len();
    let image = synthetic.collection.load(&synthetic.rows[at])?;
    let [fixed, _] = pictures(&real.frame, std::iter::once(&sketch(&image)))?;
    let mut nearest = Nearest::new(&fixed, settings.candidates);
    nearest.see_unless(&real.sketches[0], &|_, at| at % count < people.training)?;
    let picture = Picture::of(&image);
    let mut best: Option<(usize, f64)> = None;
    for neighbour in &nearest.found()[0] {
        let row = neighbour.at % count;
        let image = people.collection.load(&people.rows[row])?;
        let image = if neighbour.at < count { image } else { mirror(&image) };
        let distance = 1.0 - Scale::agreement(scale, &Template::of(&image).register(&picture));
        if best.is_none_or(|(_, least)| distance < least) {
            best = Some((row, distance));
        }
    }
    Ok(best)
}

/// Rows with their matches, closest first.
fn ranked(matches: &[Option<Match>]) -> Vec<(usize, &Match)> {
    let mut ranked: Vec<_> =
        matches.iter().enumerate().filter_map(|(row, m)| Some((row, m.as_ref()?))).collect();
    ranked.sort_by(|a, b| b.1.agreement.total_cmp(&a.1.agreement));
    ranked
}

/// What was done to a copy, as far as it shows.
fn kind(plan: &Plan, row: usize, m: &Match) -> anyhow::Result<String> {
    let Plan { people, synthetic, .. } = plan;
    let image = people.collection.load(&people.rows[row])?;
    let other = synthetic.collection.load(&synthetic.rows[m.at])?;
    let image = if m.mirrored { mirror(&image) } else { image };
    let same = image.at(other.depth()) == other;
    let warp = m.lies.warp;
    let what = match () {
        () if same => "exact",
        () if (warp.scale() - 1.0).abs() > 0.02 => "scaled or cropped",
        () if warp != Warp::IDENTITY && warp.shift() > 0.01 => "shifted",
        () => "altered",
    };
    Ok(if m.mirrored { format!("mirrored, {what}") } else { what.to_owned() })
}
