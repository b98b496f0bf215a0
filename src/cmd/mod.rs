//! The command line: one file a subcommand, each with its arguments and its `run`.

mod demo;
mod evaluate;
mod import;
mod phantom;
mod sample;
mod train;

use clap::{Args, Parser, Subcommand};

/// Train on your X-rays, share their doubles.
#[derive(Parser)]
#[command(name = "doppelray", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: Common,
}

/// What every command understands.
#[derive(Args, Clone, Copy)]
pub(crate) struct Common {
    /// Say nothing but errors.
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
    /// Print the command's report as JSON on standard output.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Phantom(phantom::Phantom),
    Import(import::Import),
    Train(train::Train),
    Sample(sample::Sample),
    Evaluate(evaluate::Evaluate),
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let common = cli.common;
    match cli.command {
        Command::Demo(command) => command.run(common),
        Command::Phantom(command) => command.run(common),
        Command::Import(command) => command.run(common),
        Command::Train(command) => command.run(common),
        Command::Sample(command) => command.run(common),
        Command::Evaluate(command) => command.run(common),
    }
}

/// A range of whole numbers, both ends included: `0-4`, or one: `2`.
fn range(text: &str) -> Result<[u64; 2], String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ends = first.parse().ok().zip(last.parse().ok()).map(|(first, last)| [first, last]);
    ends.filter(|[first, last]| first <= last).ok_or_else(|| format!("`{text}` is not a range like 0-4"))
}
