//! `doppelray study`: the reader study, from its plan to its report.

mod new;
mod people;
mod plan;
mod report;
mod serve;

use std::path::Path;

use clap::{Args, Subcommand};
use doppelray_study::{Store, Study};

use super::Common;

/// Let experts judge: plan, make, serve and analyse a blinded reader study.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  doppelray study plan --readers 15\n  \
    doppelray study new knees fakes --out study\n  doppelray study invite study --count 15\n  doppelray study serve study\n  \
    doppelray study freeze study; doppelray study unblind study; doppelray study report study"
)]
pub(crate) struct StudyCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand)]
enum Act {
    Plan(plan::Plan),
    New(new::New),
    Invite(people::Invite),
    Revoke(people::Revoke),
    Serve(serve::Serve),
    Deadline(people::Deadline),
    Freeze(people::Freeze),
    Unblind(people::Unblind),
    Backup(people::Backup),
    Report(report::Report),
    Simulate(people::Simulate),
}

impl StudyCommand {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        match self.act {
            Act::Plan(act) => act.run(common),
            Act::New(act) => act.run(common),
            Act::Invite(act) => act.run(common),
            Act::Revoke(act) => act.run(common),
            Act::Serve(act) => act.run(common),
            Act::Deadline(act) => act.run(common),
            Act::Freeze(act) => act.run(common),
            Act::Unblind(act) => act.run(common),
            Act::Backup(act) => act.run(common),
            Act::Report(act) => act.run(common),
            Act::Simulate(act) => act.run(common),
        }
    }
}

/// A study and its database, open to write.
fn open(path: &Path) -> anyhow::Result<(Study, Store)> {
    let study = Study::open(path)?;
    let store = Store::open(&study.database(), study.about())?;
    Ok((study, store))
}

/// Now, in ms since 1970.
#[allow(clippy::disallowed_methods, reason = "acts are stamped here, at the edge; no result depends on it")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
