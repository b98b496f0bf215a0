//! Links, closing, opening, backup, and a panel to try a study out with.

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use doppelray_measures::panel::simulate::Population;
use doppelray_study::Store;
use doppelray_study::analysis::panel;
use doppelray_study::reader::Role;
use serde::Serialize;
use serde_json::json;

use super::{now, open};
use crate::cmd::Common;
use crate::console::{Console, Usage};

/// Who acts in the log when it is done here.
const CONSOLE: &str = "console";

/// Make personal links. Each is shown once; only its hash is kept.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray study invite study --name 'Dr. Ada' --base https://readers.example.org\n  \
    doppelray study invite study --count 15 > links.csv"
)]
pub(crate) struct Invite {
    /// The study's folder.
    study: PathBuf,
    /// For whom; may be given again.
    #[arg(long)]
    name: Vec<String>,
    /// So many more without a name of their own.
    #[arg(long, default_value_t = 0)]
    count: u16,
    /// Coordinators instead of readers.
    #[arg(long)]
    coordinator: bool,
    /// How long the links last, in days.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1000))]
    days: u32,
    /// Where readers find the server, before `/enter/...`.
    #[arg(long, default_value = "http://localhost:8080")]
    base: String,
}

#[derive(Serialize)]
struct Link {
    number: usize,
    name: String,
    role: Role,
    link: String,
}

impl Invite {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (_, store) = open(&self.study)?;
        if self.name.is_empty() && self.count == 0 {
            return Err(Usage("nobody to invite: give --name or --count".to_owned()).into());
        }
        let role = if self.coordinator { Role::Coordinator } else { Role::Reader };
        let known = store.people()?.len();
        let unnamed =
            (1..=usize::from(self.count)).map(|i| format!("{} {}", kind(role), known + self.name.len() + i));
        let mut links = Vec::new();
        for name in self.name.iter().cloned().chain(unnamed) {
            let made = store.attempt(|s| s.invite(now(), CONSOLE, (role, &name, self.days)))?;
            let link = format!("{}/enter/{}", self.base.trim_end_matches('/'), made.secret);
            links.push(Link { number: made.person.number, name, role, link });
        }
        let line = |l: &Link| format!("{},\"{}\",{}", l.number, l.name.replace('"', "\"\""), l.link);
        let text: Vec<String> = links.iter().map(line).collect();
        Console::new(common).finish(&format!("number,name,link\n{}", text.join("\n")), &links)
    }
}

fn kind(role: Role) -> &'static str {
    match role {
        Role::Reader => "Reader",
        Role::Coordinator => "Coordinator",
    }
}

/// Take someone's link back and end their session. What they answered stays.
#[derive(Args)]
pub(crate) struct Revoke {
    /// The study's folder.
    study: PathBuf,
    /// Their number.
    number: usize,
}

impl Revoke {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (_, store) = open(&self.study)?;
        store.attempt(|s| s.revoke(now(), CONSOLE, self.number))?;
        Console::new(common)
            .finish(&format!("{} can come in no more", self.number), &json!({ "revoked": self.number }))
    }
}

/// Set the last day on which answers are taken. It is written into the log.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray study deadline study 2030-07-31\n\n\
    Answers are taken until that day is over everywhere on earth (UTC-12). Without a day there is no end.")]
pub(crate) struct Deadline {
    /// The study's folder.
    study: PathBuf,
    /// The day, YYYY-MM-DD.
    #[arg(default_value = "")]
    day: String,
}

impl Deadline {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (_, store) = open(&self.study)?;
        store.attempt(|s| s.set_deadline(now(), CONSOLE, &self.day))?;
        let said = match self.day.as_str() {
            "" => "answers are taken without end".to_owned(),
            day => format!("answers are taken until {day} is over"),
        };
        Console::new(common).finish(&said, &json!({ "deadline": self.day }))
    }
}

/// Close a study: no more answers, for good. It is written into the log.
#[derive(Args)]
pub(crate) struct Freeze {
    /// The study's folder.
    study: PathBuf,
}

impl Freeze {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (_, store) = open(&self.study)?;
        store.attempt(|s| s.freeze(now(), CONSOLE))?;
        state(common, &store, "closed: no more answers are taken")
    }
}

/// Let the truth of a closed study be looked at. It is written into the log.
#[derive(Args)]
pub(crate) struct Unblind {
    /// The study's folder.
    study: PathBuf,
}

impl Unblind {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (_, store) = open(&self.study)?;
        store.attempt(|s| s.unblind(now(), CONSOLE))?;
        state(common, &store, "unblinded: `doppelray study report` shows the truth")
    }
}

fn state(common: Common, store: &Store, said: &str) -> anyhow::Result<()> {
    let (lines, hash) = store.head()?;
    let report = json!({ "frozen": store.frozen()?, "unblinded": store.unblinded()?, "log_lines": lines, "log_head": hash });
    Console::new(common).finish(&format!("{said}\nlog: {lines} lines, last hash {hash}"), &report)
}

/// Copy a study's database while it is in use; a whole study is the copy beside study.toml and pixels.bin.
#[derive(Args)]
pub(crate) struct Backup {
    /// The study's folder.
    study: PathBuf,
    /// The file to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Backup {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let study = doppelray_study::Study::open(&self.study)?;
        Store::open_to_read(&study.database(), study.about())?.backup(&self.out)?;
        let lines = Store::open_to_read(&self.out, study.about())?.log()?.len();
        let said = format!("{}: a copy with {lines} lines of log, each checked", self.out.display());
        Console::new(common).finish(&said, &json!({ "out": self.out, "log_lines": lines }))
    }
}

/// Let a simulated panel of known ability answer a study, to see its report before anyone is asked.
#[derive(Args)]
#[command(after_help = "Example:\n  cp -r study trial; doppelray study simulate trial --ability 0.5\n\n\
    Only a study that nobody has been invited to is filled in.")]
pub(crate) struct Simulate {
    /// The study's folder.
    study: PathBuf,
    /// Simulated readers.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..=200))]
    readers: u16,
    /// Their d'; 0 is chance.
    #[arg(long, default_value_t = 0.0)]
    ability: f64,
    /// Variance between readers.
    #[arg(long, default_value_t = 0.05)]
    spread: f64,
    /// Of the panel.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Simulate {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (study, store) = open(&self.study)?;
        ensure!(
            store.people()?.is_empty(),
            "{}: people were invited already; make a copy of the folder before that, or a new study",
            study.root().display()
        );
        ensure!(
            self.ability.is_finite() && (0.0..=1.0).contains(&self.spread),
            "--spread is a variance within 0..1"
        );
        let population = Population { shift: self.ability, reader: self.spread, case: 0.3 };
        let readers = usize::from(self.readers);
        store.attempt(|s| panel::answer_all(s, population, (self.seed, readers, now())))?;
        let truth = json!({ "auc": population.area(), "accuracy": population.share_right(), "d_prime": self.ability });
        let said = format!(
            "{readers} simulated readers answered; their population's AUC is {:.3}, accuracy {:.3}, d' {:.2}",
            population.area(),
            population.share_right(),
            self.ability
        );
        Console::new(common).finish(&said, &truth)
    }
}
