//! `doppelray phantom`: procedural knees to try and test everything with.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use doppelray_images::collection::{About, Kind};
use doppelray_images::phantom_dicom::{self, Phi};
use doppelray_images::{Depth, phantom_collection};
use serde::Serialize;

use super::{Common, import};
use crate::console::Console;

/// Draw graded phantom knees: no patient, known truth.
#[derive(Args)]
#[command(after_help = "Example:\n  doppelray phantom --out phantoms --count 400\n\n\
    Two knees a subject, split 70/10/20 by subject. truth.csv holds joint-space widths (mm), alignment (degrees) \
    and pixel spacing (mm).\n\n\
    As DICOM, to try import and archives with:\n  \
    doppelray phantom --format dicom --phi planted --count 400 --out ward\n  \
    doppelray import ward --new-key lab.key --out knees")]
pub(crate) struct Phantom {
    /// The collection to make.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many knees.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Width and height in pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(32..=1024))]
    size: u32,
    /// A collection of PNGs, or a folder of DICOM files (DIR/GRADE/ID.dcm: computed and digital radiographs in all syntaxes
    /// that are written, of 8, 12 or 16 bits).
    #[arg(long, value_enum, default_value_t = Format::Png)]
    format: Format,
    /// What the DICOM files tell of persons: none, or planted (names, numbers and dates wherever PS3.15 annex E knows of them).
    #[arg(long, default_value = "none", value_name = "HOW")]
    phi: Phi,
    /// Bits a pixel of PNGs: 8 or 16.
    #[arg(long, default_value = "16", value_parser = import::depth)]
    bits: Depth,
    /// Which population: another seed, other subjects.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Png,
    Dicom,
}

#[derive(Serialize)]
struct Report {
    out: PathBuf,
    count: usize,
    /// Of the collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

impl Phantom {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        if self.format == Format::Dicom {
            let plan =
                phantom_dicom::Plan { seed: self.seed, count: self.count, size: self.size, phi: self.phi };
            phantom_dicom::write(&plan, &self.out, &|e| console.listen(e))?;
            let summary = format!("{} DICOM files: {}", self.count, self.out.display());
            return console
                .finish(&summary, &Report { out: self.out, count: self.count as usize, hash: None });
        }
        let mut settings = toml::Table::new();
        settings.insert("seed".into(), i64::try_from(self.seed)?.into());
        settings.insert("count".into(), i64::try_from(self.count)?.into());
        let about = About {
            kind: Kind::Phantom,
            title: "Phantom knees".into(),
            size: self.size,
            depth: self.bits,
            licence: "CC0-1.0".into(),
            source: "Drawn by doppelray's procedural phantom; no patient is shown.".into(),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
            settings,
        };
        let collection = phantom_collection::write(&self.out, about, self.count, &|e| console.listen(e))?;
        let summary = format!("{}\n{}", import::grades_line(collection.rows()), self.out.display());
        let report = Report { out: self.out, count: collection.rows().len(), hash: Some(collection.hash()) };
        console.finish(&summary, &report)
    }
}
