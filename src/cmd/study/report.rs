//! `doppelray study report`: what the answers say.

use std::path::{Path, PathBuf};

use clap::Args;
use doppelray_images::{Depth, png};
use doppelray_study::pixels::Pixels;
use doppelray_study::{Store, Study, analysis, export};

use crate::cmd::Common;
use crate::console::Console;
use crate::proof;
use crate::report::{html, seal};

/// Analyse an unblinded study: report.json, report.html and the data as CSV.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray study report study\n\n\
    Writes into the study's folder: report.json, the page report.html drawn from it, answers.csv (one line an answer), and, where readers \
    judged real or synthetic, study.imrmc, the input of iMRMC. The same answers always give the same report.")]
pub(crate) struct Report {
    /// The study's folder.
    study: PathBuf,
}

impl Report {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let study = Study::open(&self.study)?;
        let store = Store::open_to_read(&study.database(), study.about())?;
        let report = analysis::report(&store)?;
        let pixels = Pixels::open(&study.pixels(), &study.about().images)?;
        let film = |number: usize| film(&pixels, number);
        let page = html::study::draw(&report, &film)?;
        put(study.root(), "report.json", &seal::sealed(&report)?)?;
        put(study.root(), "report.html", &page)?;
        put(study.root(), "answers.csv", &export::tidy(&store)?)?;
        if let Some(text) = export::imrmc(&store)? {
            put(study.root(), "study.imrmc", &text)?;
        }
        let said = format!("{}\nThe report: {}", report.verdict, study.root().join("report.html").display());
        Console::new(common).finish(&said, &report)
    }
}

fn put(folder: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    proof::put(&folder.join(name), text)
}

/// An image for the page.
fn film(pixels: &Pixels, number: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    png::encode(&pixels.image(number)?.at(Depth::Eight), &mut bytes)?;
    Ok(bytes)
}
