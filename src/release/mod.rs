//! Release: from a synthetic collection and its proof to a package that may travel, and back by `verify`.

mod card;
mod columns;
mod croissant;
mod dicom;
pub(crate) mod figure;
pub(crate) mod gate;
pub(crate) mod manifest;
mod package;
pub(crate) mod policy;
pub(crate) mod proof;
pub(crate) mod shards;
pub(crate) mod signature;
pub(crate) mod sums;
pub(crate) mod verify;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::gate::{Dropped, Judged, Override};
use crate::report::evaluate::FileHash;

pub(crate) use card::plain;
pub(crate) use package::{Order, write};

/// The form of a package that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// What was decided, and by what figures: `PACKAGE/release.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Release {
    /// The form of the package.
    pub(crate) format: u32,
    pub(crate) decision: Verdict,
    pub(crate) title: String,
    /// SPDX expression.
    pub(crate) licence: String,
    pub(crate) authors: Vec<String>,
    pub(crate) images: Images,
    /// Whether the images are there as WebDataset shards too.
    pub(crate) webdataset: bool,
    /// Whether they are there as DICOM objects too.
    #[serde(default)]
    pub(crate) dicom: bool,
    /// Left out, one by one.
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) source: Source,
    /// The proof's reports in this package, by name.
    pub(crate) reports: BTreeMap<String, FileHash>,
    pub(crate) policy: FileHash,
    pub(crate) lines: Vec<Judged>,
    pub(crate) overrides: Vec<Override>,
    /// Absent where nothing was packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) marks: Option<Marks>,
    /// doppelray's.
    pub(crate) version: String,
    /// The command line that made this.
    pub(crate) command: String,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Release,
    Refuse,
}

/// The images of a package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Images {
    pub(crate) count: usize,
    /// Images of each grade; `ungraded` for those without one.
    pub(crate) grades: BTreeMap<String, usize>,
    /// Width and height in pixels.
    pub(crate) size: u32,
    pub(crate) bits: u8,
}

/// The collection that a package was made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) title: String,
    /// SHA-256 of its manifest, which the proof's reports must name.
    pub(crate) hash: String,
    /// Images in it, with those that were left out.
    pub(crate) count: usize,
    /// How it was made.
    pub(crate) settings: serde_json::Value,
    /// SHA-256 of the model; empty where unknown.
    pub(crate) model: String,
    /// Version of doppelray that made it.
    pub(crate) made_by: String,
}

/// What marking the images did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// What every file says, up to its seed.
    pub(crate) statement: String,
    /// Bits of the watermark, and how many must be right.
    pub(crate) bits: u32,
    pub(crate) enough: u32,
    /// The smallest number of right bits of any image after it was written.
    pub(crate) fewest: u32,
    /// Peak signal-to-noise ratio of marked against unmarked pixels, dB: over all, and of the image changed most.
    pub(crate) psnr: f64,
    pub(crate) psnr_least: f64,
}
