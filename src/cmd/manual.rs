//! `doppelray manual`: pages for `man`.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use doppelray_images::files::write_whole;
use serde::Serialize;

use super::{Cli, Common};
use crate::console::Console;

/// Write a page for `man` of every command.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray manual --out ~/.local/share/man/man1")]
pub(crate) struct Manual {
    /// The folder to write into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    pages: Vec<PathBuf>,
}

impl Manual {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let mut command = Cli::command();
        command.build();
        let mut pages = Vec::new();
        for (name, command) in named(&command, "doppelray") {
            let mut page = Vec::new();
            Man::new(command.name(name.clone())).render(&mut page)?;
            let path = self.out.join(format!("{name}.1"));
            write_whole(&path, |file| file.write_all(&page)).with_context(|| path.display().to_string())?;
            pages.push(path);
        }
        let said = format!("{} pages in {}", pages.len(), self.out.display());
        Console::new(common).finish(&said, &Report { pages })
    }
}

/// A command and all below it, by the names of their pages.
fn named(command: &Command, name: &str) -> Vec<(String, Command)> {
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    let below = below.flat_map(|command| named(command, &format!("{name}-{}", command.get_name())));
    std::iter::once((name.to_owned(), command.clone())).chain(below).collect()
}
