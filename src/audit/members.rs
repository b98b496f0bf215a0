//! Membership inference from images alone: scores that speak for "was trained on", one a real image.

use std::collections::BTreeMap;

use doppelray_measures::audit::share::difference;
use doppelray_measures::audit::{Separation, separate};

use super::judge::Bar;
use super::people::Groups;
use super::real::{Population, Real};
use super::survey::{Found, InSpace};
use super::{Plan, judge};
use crate::report::audit::{Attack, Criterion};

/// Images a group below which no attack gives a number.
pub(crate) const FEWEST: usize = 20;

/// How an attack by scores is presented.
pub(super) struct Card {
    pub(super) title: String,
    pub(super) criterion: Criterion,
    pub(super) about: String,
}

/// All attacks by scores, by name. `agreement` is each real row's best agreement in registered pixels.
pub(super) fn attacks(
    plan: &Plan,
    real: &Real,
    found: &Found,
    (agreement, groups): (&[f64], &Groups),
) -> anyhow::Result<BTreeMap<String, Attack>> {
    let mut scored: Vec<(String, Card, Vec<f64>)> = vec![(
        "nearest_pixels".to_owned(),
        Card {
            title: "Nearest in registered pixels".to_owned(),
            criterion: Criterion::SinglingOut,
            about: "Do synthetic images lie closer over training images than over held-out ones?".to_owned(),
        },
        agreement.to_vec(),
    )];
    for (space, (population, in_space)) in plan.spaces.iter().zip(real.spaces.iter().zip(&found.spaces)) {
        scored.extend(in_space_attacks(&space.name, population, in_space));
    }
    let separations: Vec<_> = scored
        .into_iter()
        .map(|(name, card, scores)| (name, card, separation(plan, &scores, groups)))
        .collect();
    let tests: usize =
        separations.iter().filter_map(|(_, _, s)| s.as_ref()).map(|s| 1 + s.operating.len()).sum();
    let tests = tests + if real.linking.is_some() { 3 } else { 0 };
    let bar = Bar { tolerance: plan.settings.tolerance, tests, fewest: FEWEST };
    let mut attacks: BTreeMap<String, Attack> =
        separations.into_iter().map(|(name, card, s)| (name, attack(card, s, &bar))).collect();
    if let Some(linking) = &real.linking {
        attacks.insert("reidentification".to_owned(), linking.attack(plan, &found.linked, groups, &bar));
    }
    Ok(attacks)
}

fn in_space_attacks(name: &str, population: &Population, found: &InSpace) -> Vec<(String, Card, Vec<f64>)> {
    let nearest = found.nearest.iter().map(|squared| -squared.sqrt());
    // How near the nearest synthetic image is beside the nearest real one: who lives among many is near to everything.
    let beside = |(to_synthetic, to_real): (&f64, &f64)| -> f64 {
        -((to_synthetic.sqrt() + f64::EPSILON) / (to_real.min(f64::MAX).sqrt() + f64::EPSILON)).ln()
    };
    let calibrated = found.nearest.iter().zip(&population.apart).map(beside);
    let mut attacks = vec![
        (
            format!("nearest_{name}"),
            Card {
                title: format!("Nearest in the space {name}"),
                criterion: Criterion::SinglingOut,
                about: "Do synthetic images lie nearer to training images than to held-out ones?".to_owned(),
            },
            nearest.collect::<Vec<f64>>(),
        ),
        (
            format!("membership_nearest_{name}"),
            Card {
                title: format!("Calibrated nearest neighbour, {name}"),
                criterion: Criterion::Inference,
                about: "The same, each distance beside that to the nearest real image of another subject."
                    .to_owned(),
            },
            calibrated.collect(),
        ),
    ];
    if let (Some(whitened), Some(density)) = (&population.whitened, &found.density) {
        let ratio = density.iter().zip(&whitened.density).map(|(s, r)| (s - r).clamp(-1e9, 1e9));
        attacks.push((
            format!("membership_density_{name}"),
            Card {
                title: format!("Density ratio, {name}"),
                criterion: Criterion::Inference,
                about: "Are synthetic images denser about training images than real people explain (DOMIAS, van Breugel 2023)?".to_owned(),
            },
            ratio.collect(),
        ));
    }
    attacks
}

pub(super) fn separation(plan: &Plan, scores: &[f64], groups: &Groups) -> Option<Separation> {
    let [members, others] = groups.of(scores, &plan.people.units);
    let enough = members.scores.len().min(others.scores.len()) >= FEWEST;
    enough.then(|| separate(&members, &others, plan.settings.seed))
}

pub(super) fn attack(card: Card, separation: Option<Separation>, bar: &Bar) -> Attack {
    let (verdict, reason) = judge::separation(separation.as_ref(), bar);
    Attack {
        title: card.title,
        criterion: card.criterion,
        about: card.about,
        unit: "chance that a training image scores higher than a held-out one (AUC)".to_owned(),
        estimate: separation.as_ref().map(|s| s.auc),
        control: separation.as_ref().map(|s| s.by_chance),
        difference: separation.as_ref().map(|s| difference(&s.auc, &s.by_chance)),
        verdict,
        reason,
        weighs: true,
        strength: None,
        separation,
    }
}
