//! Do the synthetic images give away who was trained on? Every attack is run against the training images and against real
//! images that the generator never saw.
//!
//! `people` are the real images, `real` what is known of them, `survey` streams the synthetic ones past them once, `copies`
//! and `members` make attacks of what that found, `judge` turns attacks into a verdict. Where the run is in hand (`trained`),
//! `curve` follows it through its snapshots and `insider` asks its critic and searches its latents.

mod copies;
mod curve;
mod insider;
mod judge;
mod linking;
mod look;
mod members;
mod people;
mod real;
mod survey;
mod trained;

use doppelray_images::progress::Listener;

use crate::proof;
use crate::report::audit::{Audit, Settings};
use crate::sets::Set;
use crate::spaces::Space;

pub(crate) use members::FEWEST;
pub(crate) use people::People;
pub(crate) use trained::Trained;

/// What is audited.
pub(crate) struct Plan {
    pub(crate) people: People,
    pub(crate) synthetic: Set,
    pub(crate) spaces: Vec<Space>,
    pub(crate) settings: Settings,
    /// Whether the features of all images must be kept already.
    pub(crate) kept: bool,
    /// The run that drew the synthetic images, where it is in hand.
    pub(crate) run: Option<Trained>,
}

/// Runs all attacks and judges them. Memory grows with the real images, not with the synthetic ones.
pub(crate) fn audit(plan: &Plan, listener: Listener) -> anyhow::Result<Audit> {
    let Plan { people, synthetic, spaces, settings, run, .. } = plan;
    let real = real::Real::of(plan, listener)?;
    let found = survey::survey(&real, plan, listener)?;
    let groups = people.groups(synthetic, settings.seed);
    let inspected = copies::inspect(plan, &real, &found, listener)?;
    let mut attacks = members::attacks(plan, &real, &found, (&inspected.scores, &groups))?;
    attacks.insert("copies".to_owned(), inspected.attack);
    attacks.insert("duplicates".to_owned(), inspected.duplicates);
    let run = match run {
        Some(run) => {
            let even = groups.even(people, run.grades(), settings.seed);
            let beside = curve::Beside { plan, real: &real, groups: &groups, even: &even };
            let (trained, insider) = insider::with_run(run, &beside, listener)?;
            attacks.extend(insider);
            Some(trained)
        }
        None => None,
    };
    let root = people.collection.root();
    let report = Audit {
        verdict: judge::overall(&attacks),
        headline: String::new(),
        reasons: Vec::new(),
        remarks: people.remarks(synthetic),
        attacks,
        copies: inspected.copies,
        real: proof::side(root, &people.set(people::Part::Training)),
        holdout: people.has_control().then(|| proof::side(root, &people.set(people::Part::Holdout))),
        synthetic: proof::side(synthetic.collection.root(), synthetic),
        matched: groups.counts(),
        run,
        spaces: spaces.iter().map(|s| (s.name.clone(), s.weights.clone())).collect(),
        rules: judge::rules(settings.tolerance),
        settings: settings.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: proof::command_line(),
    };
    Ok(judge::explained(report))
}
