//! Attacks with the run in hand: its critic asked, its generator's latents searched.

use std::collections::BTreeMap;

use doppelray_gan::Label;
use doppelray_gan::insider::{Critic, Inverter};
use doppelray_images::Image;
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use super::Plan;
use super::curve::{Beside, advice};
use super::judge::Bar;
use super::members::{Card, FEWEST, attack, separation};
use super::people::Groups;
use super::trained::Trained;
use crate::report::audit::{Attack, Criterion, Trained as Report};

/// Rates and areas that both attacks look at.
const TESTS: usize = 6;

/// What one attack gives: a score for some rows, and those of both groups; or why there is none.
type Scored = Result<(Vec<f64>, Groups), String>;

/// The curve of the run, and attacks by name.
pub(super) fn with_run(
    run: &Trained,
    beside: &Beside,
    listener: Listener,
) -> anyhow::Result<(Report, BTreeMap<String, Attack>)> {
    let curve = beside.curve(run, listener)?;
    let settings = &beside.plan.settings;
    let (mut attacks, mut untested) = (BTreeMap::new(), Vec::new());
    let scored =
        [("critic", by_critic(run, beside, listener)?), ("inversion", by_inversion(run, beside, listener)?)];
    for (name, scored) in scored {
        match scored {
            Ok((scores, groups)) => {
                let bar = Bar { tolerance: settings.tolerance, tests: TESTS, fewest: FEWEST };
                let found = attack(card(name, beside.plan), separation(beside.plan, &scores, &groups), &bar);
                attacks.insert(name.to_owned(), Attack { weighs: false, ..found });
            }
            Err(reason) => untested.push(reason),
        }
    }
    let report = Report {
        path: run.root.display().to_string(),
        preset: run.record.config.settings.preset.clone(),
        drawn: settings.drawn,
        compared: beside.even[0].len(),
        advice: advice(&curve),
        curve,
        untested,
    };
    Ok((report, attacks))
}

fn card(name: &str, plan: &Plan) -> Card {
    let (title, about) = match name {
        "critic" => (
            "Score of the run's critic",
            "Does the critic of the run's last checkpoint take training images for realer than held-out ones? Only who holds the \
             checkpoint can ask it; a model's file does not contain it."
                .to_owned(),
        ),
        _ => (
            "Inverted latents",
            format!(
                "Can the model draw training images better than held-out ones, after {} steps of gradient descent on the latent?",
                plan.settings.inversion_steps
            ),
        ),
    };
    Card { title: title.to_owned(), criterion: Criterion::Model, about }
}

/// The critic's mean score over some passes, in each of which images of both groups are dealt into batches by lot: what it
/// thinks of an image may depend on those beside it.
fn by_critic(run: &Trained, beside: &Beside, listener: Listener) -> anyhow::Result<Scored> {
    let Plan { people, settings, .. } = beside.plan;
    let critic = match Critic::open(&run.root, &people.collection, listener) {
        Ok(Some(critic)) => critic,
        Ok(None) => {
            return Ok(Err(
                "The critic's scores: the run keeps no checkpoint, so there is no critic.".to_owned()
            ));
        }
        Err(error) => return Ok(Err(format!("The critic's scores: it cannot be asked ({error})."))),
    };
    let groups = some(beside, settings.scored, 0);
    let rows: Vec<usize> = groups.training.iter().chain(&groups.holdout).copied().collect();
    let total = (rows.len() * settings.passes) as u64;
    listener(Event::Begin { task: "asking the critic", total, unit: "images" });
    let mut scores = vec![0.0; people.rows.len()];
    let asked = (0..settings.passes).try_for_each(|pass| {
        let mut order = rows.clone();
        stream(settings.seed, Purpose::Calibration, 10 + pass as u64).shuffle(&mut order);
        for dealt in order.chunks(critic.batch()) {
            let filled = dealt.iter().chain(order.iter().cycle()).take(critic.batch());
            let load = |row: &usize| labelled(beside.plan, *row);
            let batch = filled.map(load).collect::<anyhow::Result<Vec<_>>>()?;
            let found = critic.scores(&batch).map_err(anyhow::Error::msg)?;
            dealt.iter().zip(found).for_each(|(row, score)| scores[*row] += score);
            listener(Event::Advance(dealt.len() as u64));
        }
        anyhow::Ok(())
    });
    listener(Event::End);
    asked.map(|()| Ok((scores, groups)))
}

/// How well the model's latents come to an image, for some of both groups.
fn by_inversion(run: &Trained, beside: &Beside, listener: Listener) -> anyhow::Result<Scored> {
    let Plan { people, settings, .. } = beside.plan;
    if settings.inverted == 0 {
        return Ok(Err(format!(
            "Inverting the generator's latents: it was not asked for, since it takes {} passes through the generator and back \
             for every image (`--invert 24` tries it on 24 of each group).",
            settings.inversion_steps
        )));
    }
    let inverter = Inverter::open(&run.root)?;
    let groups = some(beside, settings.inverted, 1);
    let rows: Vec<usize> = groups.training.iter().chain(&groups.holdout).copied().collect();
    listener(Event::Begin { task: "searching latents", total: rows.len() as u64, unit: "images" });
    let invert = |row: &usize| {
        let (image, label) = labelled(beside.plan, *row)?;
        let left = inverter.distance(&image, label, settings.inversion_steps).map_err(anyhow::Error::msg)?;
        listener(Event::Advance(1));
        anyhow::Ok((*row, -left))
    };
    let found = rows.par_iter().map(invert).collect::<anyhow::Result<Vec<_>>>();
    listener(Event::End);
    let mut scores = vec![0.0; people.rows.len()];
    found?.into_iter().for_each(|(row, score)| scores[row] = score);
    Ok(Ok((scores, groups)))
}

/// At most so many rows of each group, by lot.
fn some(beside: &Beside, most: usize, lot: u64) -> Groups {
    let few = |side: usize| {
        let mut rows = beside.even[side].clone();
        stream(beside.plan.settings.seed, Purpose::Calibration, 20 + 2 * lot + side as u64)
            .shuffle(&mut rows);
        rows.truncate(most);
        rows
    };
    Groups { training: few(0), holdout: few(1) }
}

fn labelled(plan: &Plan, row: usize) -> anyhow::Result<(Image, Label)> {
    let row = &plan.people.rows[row];
    Ok((plan.people.collection.load(row)?, Label::of(row).unwrap_or_else(|| 0u8.into())))
}
