//! The command line: one file a subcommand, each with its arguments and its `run`.

mod audit;
mod classify;
mod completions;
mod demo;
mod evaluate;
mod import;
mod manual;
mod merge;
mod phantom;
mod release;
mod sample;
mod show;
mod study;
mod submit;
mod sweep;
mod train;
mod utility;
mod verify;
mod weights;

use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::console::Console;
use crate::remote::Addresses;
use crate::sets::Set;
use crate::spaces::{Space, describe_shard};

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
    Import(Box<import::Import>),
    Train(train::Train),
    Sample(sample::Sample),
    Merge(merge::Merge),
    Submit(submit::Submit),
    Evaluate(evaluate::Evaluate),
    Audit(audit::Audit),
    Utility(utility::Utility),
    Classify(classify::Classify),
    Release(release::Release),
    Verify(verify::Verify),
    Show(show::Show),
    Study(study::StudyCommand),
    Weights(weights::WeightsCommand),
    Completions(completions::Completions),
    Manual(manual::Manual),
}

/// Runs what was typed, between fetching what is in object stores and storing what came of it.
pub(crate) fn run(cli: Cli, addresses: &Addresses) -> anyhow::Result<()> {
    let console = Console::new(cli.common);
    let listener = |event| console.listen(event);
    addresses.fetch(&listener)?;
    // Of what takes hours, and goes on where it stopped, another machine may have to go on.
    let storing = matches!(cli.command, Command::Train(_) | Command::Utility(_)).then(|| addresses.storing());
    dispatch(cli)?;
    drop(storing);
    addresses.store(&listener)
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let common = cli.common;
    match cli.command {
        Command::Demo(command) => command.run(common),
        Command::Phantom(command) => command.run(common),
        Command::Import(command) => command.run(common),
        Command::Train(command) => command.run(common),
        Command::Sample(command) => command.run(common),
        Command::Merge(command) => command.run(common),
        Command::Submit(command) => command.run(common),
        Command::Evaluate(command) => command.run(common),
        Command::Audit(command) => command.run(common),
        Command::Utility(command) => command.run(common),
        Command::Classify(command) => command.run(common),
        Command::Release(command) => command.run(common),
        Command::Verify(command) => command.run(common),
        Command::Show(command) => command.run(common),
        Command::Study(command) => command.run(common),
        Command::Weights(command) => command.run(common),
        Command::Completions(command) => command.run(common),
        Command::Manual(command) => command.run(common),
    }
}

/// A range of whole numbers, both ends included: `0-4`, or one: `2`.
fn range(text: &str) -> Result<[u64; 2], String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ends = first.parse().ok().zip(last.parse().ok()).map(|(first, last)| [first, last]);
    ends.filter(|[first, last]| first <= last).ok_or_else(|| format!("`{text}` is not a range like 0-4"))
}

/// Work on features, cut in parts.
#[derive(Args)]
pub(crate) struct Shards {
    /// Only keep the features of part I of N of the images.
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with = "kept")]
    shard: Option<[u64; 2]>,
    /// Fail unless the features of all images are kept, as they are once all shards ran.
    #[arg(long)]
    kept: bool,
}

/// What a shard did.
#[derive(Serialize)]
struct Described {
    /// Images whose features are kept: real and synthetic ones.
    images: [usize; 2],
    shard: [u64; 2],
}

/// Keeps the features of a shard of both sets, and says so.
fn keep_features(
    shard: [u64; 2],
    sets: [&Set; 2],
    spaces: &[&Space],
    console: &Console,
) -> anyhow::Result<()> {
    let of = |set: &Set| describe_shard(set, spaces, shard, &|event| console.listen(event));
    let images = [of(sets[0])?, of(sets[1])?];
    let said = format!("kept the features of {} real and {} synthetic images", images[0], images[1]);
    console.finish(&said, &Described { images, shard })
}

/// Part and number of parts: 2/8.
fn shard(text: &str) -> Result<[u64; 2], String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some([i.parse().ok()?, n.parse().ok()?]));
    parts.filter(|[i, n]| (1..=*n).contains(i)).ok_or_else(|| format!("`{text}` is not a part like 2/8"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use doppelray_gan::settings::PRESETS;
    use doppelray_images::files::write_whole;

    /// The generated page is what stands in `docs/`; with `BLESS=1` it is written there.
    fn is_generated(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os("BLESS").is_some() {
            write_whole(&path, |file| file.write_all(text.as_bytes())).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/{name} is out of date: BLESS=1 cargo nextest run --workspace docs");
    }

    #[test]
    fn docs_of_the_command_line_are_what_the_program_says() {
        let page = clap_markdown::help_markdown::<super::Cli>();
        is_generated("cli.md", &(page.trim_end().to_owned() + "\n"));
    }

    #[test]
    fn docs_of_the_presets_are_what_the_program_takes() {
        let mut page =
            "# Presets\n\nChange a setting by `--set key=value`, as in `--set game.adam.rate=1e-4`.\n"
                .to_owned();
        for (name, text) in PRESETS {
            page.push_str(&format!("\n## {name}\n\n```toml\n{text}```\n"));
        }
        is_generated("presets.md", &page);
    }
}
