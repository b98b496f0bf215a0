//! `doppelray completions`: what a shell completes.

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde::Serialize;

use super::{Cli, Common};
use crate::console::Console;

/// Print what a shell needs to complete commands and options.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray completions bash > ~/.local/share/bash-completion/completions/doppelray"
)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

#[derive(Serialize)]
struct Report {
    script: String,
}

impl Completions {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "doppelray", &mut script);
        let script = String::from_utf8(script)?;
        Console::new(common).finish(script.trim_end(), &Report { script: script.clone() })
    }
}
