//! The reports of a proof, each about exactly the images that are to be released.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use doppelray_images::Collection;
use serde_json::Value;

use super::figure::Reports;
use crate::report::evaluate::FileHash;
use crate::report::{overview, seal};

/// What was proved.
pub(crate) struct Proof {
    pub(crate) reports: Reports,
    /// Where each stands, and its hash.
    pub(crate) files: BTreeMap<String, FileHash>,
}

/// Reads all reports there are; one that was edited, or is about other images, is refused.
pub(crate) fn open(proof: &Path, study: Option<&Path>, of: &Collection) -> anyhow::Result<Proof> {
    let mut paths: Vec<(&str, PathBuf)> = overview::names()
        .map(|name| (name, proof.join(format!("{name}.json"))))
        .filter(|(_, path)| path.exists())
        .collect();
    if paths.is_empty() {
        bail!(
            "{}: holds no report; make one with `doppelray evaluate REAL SYNTHETIC --out PROOF`",
            proof.display()
        );
    }
    paths.extend(study.map(|study| ("study", study.join("report.json"))));
    let mut read = Proof { reports: Reports::new(), files: BTreeMap::new() };
    for (name, path) in paths {
        let (report, sha256) = seal::open(&path)?;
        about(&report, of).with_context(|| path.display().to_string())?;
        read.reports.insert(name.to_owned(), report);
        read.files.insert(name.to_owned(), FileHash { file: path.display().to_string(), sha256 });
    }
    Ok(read)
}

/// The hash of the synthetic collection that a report names.
pub(crate) fn named(report: &Value) -> Option<&str> {
    let study = || report.pointer("/made_from/synthetic");
    report.pointer("/synthetic/hash").or_else(study).and_then(Value::as_str)
}

fn about(report: &Value, of: &Collection) -> anyhow::Result<()> {
    let hash =
        named(report).context("does not say which synthetic images it is about; make the report again")?;
    ensure!(
        hash == of.hash(),
        "speaks of other images than {} (hash {hash}, not {}); make the report again of these",
        of.root().display(),
        of.hash()
    );
    if let Some(count) = report.pointer("/synthetic/count").and_then(Value::as_u64) {
        ensure!(
            count == of.rows().len() as u64,
            "speaks of {count} of the {} images; make the report again of all",
            of.rows().len()
        );
    }
    Ok(())
}
