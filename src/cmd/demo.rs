//! `doppelray demo`: the whole way on phantom knees.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;
use doppelray_images::Error;
use serde::Serialize;

use super::Common;
use crate::console::Console;

/// Go the whole way on phantom knees: a few minutes, no data needed, ends with a report and with knees by the model that comes along.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray demo --out demo\n\n\
    Each step is shown with its own command line. The same command again goes on where it was interrupted.")]
pub(crate) struct Demo {
    /// The folder for everything that is made.
    #[arg(long, default_value = "demo", value_name = "DIR")]
    out: PathBuf,
    /// Training time of the tiny generator, in seconds.
    #[arg(long, default_value_t = 160)]
    seconds: u32,
}

#[derive(Serialize)]
struct Report {
    report: PathBuf,
    steps: Vec<String>,
}

impl Demo {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        std::fs::create_dir_all(&self.out).map_err(Error::unwritten(&self.out))?;
        let at = |name: &str| self.out.join(name).display().to_string();
        let time = format!("{}s", self.seconds);
        let steps = [
            vec!["phantom", "--out", &at("phantoms"), "--count", "1200", "--size", "64"],
            vec![
                "import",
                &at("phantoms/images"),
                "--out",
                &at("knees"),
                "--split",
                "from-folders",
                "--size",
                "64",
                "--equalize",
                "percentile",
                "--mirror",
                "left",
            ],
            vec!["train", &at("knees"), "--out", &at("run"), "--preset", "tiny", "--time", &time],
            vec!["sample", &at("run"), "--out", &at("fakes"), "--seeds", "0-499"],
            vec!["evaluate", &at("knees"), &at("fakes"), "--out", &at("proof")],
            vec!["sample", "knee", "--out", &at("real-knees-doubles"), "--seeds", "0-19", "--mix", "even"],
        ]
        .map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let mut shown = Vec::new();
        for (number, words) in steps.iter().enumerate() {
            shown.push(format!("doppelray {}", words.join(" ")));
            console.say(&format!("\n[{}/{}] {}", number + 1, steps.len(), shown[number]));
            step(words, common)?;
        }
        let report = self.out.join("proof/evaluate.html");
        let doubles = self.out.join("real-knees-doubles");
        console.finish(&ending(&report, &doubles), &Report { report: report.clone(), steps: shown })
    }
}

/// Runs one step as the user would, in a process of its own.
fn step(words: &[String], common: Common) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.args(words);
    if common.quiet || common.json {
        command.arg("--quiet");
    }
    let status = command.status().context("starting the step")?;
    ensure!(status.success(), "the step `doppelray {}` failed; its message is above", words.join(" "));
    Ok(())
}

fn ending(report: &Path, doubles: &Path) -> String {
    format!(
        "\nThe report: {}\nTwenty knees by the model that comes with the program, which learned from real ones: {}\n\nWith your own images, sorted as FOLDER/GRADE/*.png:\n\
         \x20 doppelray import FOLDER --out knees\n\
         \x20 doppelray train knees --out run --preset tiny --time 30m\n\
         \x20 doppelray sample run --seeds 0-999 --out fakes\n\
         \x20 doppelray evaluate knees fakes --out proof",
        report.display(),
        doubles.display()
    )
}
