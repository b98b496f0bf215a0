//! The command line: one file a subcommand, each with its arguments and its `run`.

mod evaluate;
mod import;
mod phantom;

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
    Phantom(phantom::Phantom),
    Import(import::Import),
    Evaluate(evaluate::Evaluate),
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let common = cli.common;
    match cli.command {
        Command::Phantom(command) => command.run(common),
        Command::Import(command) => command.run(common),
        Command::Evaluate(command) => command.run(common),
    }
}
