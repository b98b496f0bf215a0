//! Checks a package: every byte, mark and claim, and says what it cannot check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use doppelray_images::collection::called;
use doppelray_images::mark::{BITS, ENOUGH, Watermark, read as statement};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::source::{Format, Origin};
use minisign::PublicKey;
use rayon::prelude::*;
use serde::Serialize;

use super::figure::Reports;
use super::manifest::Entry;
use super::{
    FORMAT, Release, Verdict, columns, dicom, gate, manifest, policy, proof, shards, signature, sums,
};
use crate::report::seal;

/// What was checked.
#[derive(Debug, Serialize)]
pub(crate) struct Checked {
    pub(crate) holds: bool,
    pub(crate) checks: Vec<Check>,
    /// What nobody can check with the package alone.
    pub(crate) unchecked: Vec<String>,
}

/// One claim of a package.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) claim: &'static str,
    pub(crate) holds: bool,
    /// What was found, or what is wrong with the mend.
    pub(crate) found: String,
}

/// Checks everything, with a key that is trusted the signature too; a claim that fails does not keep the others from being checked.
pub(crate) fn verify(package: &Path, key: Option<&PublicKey>, listener: Listener) -> anyhow::Result<Checked> {
    ensure!(
        package.join("release.json").is_file(),
        "{}: not a package; make one with `doppelray release SYNTHETIC --proof PROOF --out PACKAGE`",
        package.display()
    );
    let release = decision(package)?;
    let entries = manifest::read(package);
    let listed = |check: fn(&Path, &Release, &[Entry]) -> anyhow::Result<String>| match &entries {
        Ok(entries) => check(package, &release, entries),
        Err(error) => bail!("{error:#}"),
    };
    let mut claims: Vec<(&'static str, anyhow::Result<String>)> = vec![
        ("every byte is as it was released", bytes(package)),
        ("the decision follows from the policy and the reports", gate_again(package, &release)),
        ("the manifest tells what is there", listed(told)),
        ("what was left out is not there", listed(left_out)),
        ("the shards hold the same images", listed(sharded)),
        ("the DICOM objects hold the same images", listed(objects)),
        (
            "every image says that it is synthetic, in its file and in its pixels",
            match &entries {
                Ok(entries) => marks(package, entries, listener),
                Err(error) => Err(anyhow::anyhow!("{error:#}")),
            },
        ),
    ];
    if let Some(key) = key {
        claims.push(("it is signed by the key that is trusted", signature::check(package, key)));
    }
    let check = |(claim, result): (&'static str, anyhow::Result<String>)| match result {
        Ok(found) => Check { claim, holds: true, found },
        Err(error) => Check { claim, holds: false, found: format!("{error:#}") },
    };
    let checks: Vec<Check> = claims.into_iter().map(check).collect();
    Ok(Checked {
        holds: checks.iter().all(|c| c.holds),
        checks,
        unchecked: unchecked(package, &release, key),
    })
}

fn unchecked(package: &Path, release: &Release, key: Option<&PublicKey>) -> Vec<String> {
    let mut all = vec![
        "that the reports' figures are true: they were measured against real images that are not here"
            .to_owned(),
        "that the images come from the model and seeds that are named: the model is not here (whoever has it can draw them again: \
         doppelray sample MODEL --like PACKAGE)"
            .to_owned(),
    ];
    match (signature::signer(package), key) {
        (_, Some(_)) => {}
        (Some(signer), None) => {
            all.push(format!(
                "who made it: it says to be signed by {signer}; give the key that you trust by --key"
            ));
        }
        (None, None) => all.push("who made it: the package is not signed".to_owned()),
    }
    all.extend(
        release
            .overrides
            .iter()
            .map(|o| format!("that it was right of {} to let `{}` pass: {}", o.by, o.line, o.reason)),
    );
    all
}

/// `release.json`, where this version can read it.
pub(crate) fn decision(package: &Path) -> anyhow::Result<Release> {
    let path = package.join("release.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let value: serde_json::Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let format = value.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    ensure!(
        format <= u64::from(FORMAT),
        "{}: was made by a newer doppelray (form {format}); verify it with that version",
        path.display()
    );
    let release: Release = serde_json::from_value(value).with_context(|| path.display().to_string())?;
    let inside = |file: &String| file.starts_with("reports/") && !file.contains("..");
    ensure!(
        release.reports.values().all(|r| inside(&r.file)),
        "{}: a report leaves the package",
        path.display()
    );
    Ok(release)
}

/// Every file is listed with its hash, and every listed file is there.
fn bytes(package: &Path) -> anyhow::Result<String> {
    let path = package.join(sums::NAME);
    let text = fs::read_to_string(&path).with_context(|| format!("{} is missing", sums::NAME))?;
    let listed = sums::parse(&text)?;
    let of_itself = [sums::NAME, signature::NAME];
    let names: Vec<String> =
        sums::files(package)?.into_iter().filter(|name| !of_itself.contains(&name.as_str())).collect();
    let there: BTreeSet<&String> = names.iter().collect();
    let missing: Vec<&String> = listed.keys().filter(|name| !there.contains(name)).collect();
    let extra: Vec<&String> = names.iter().filter(|name| !listed.contains_key(*name)).collect();
    let found = sums::hashes(package, &names)?;
    let changed: Vec<&String> = listed
        .iter()
        .filter(|(name, hash)| found.get(*name).is_some_and(|f| f != *hash))
        .map(|(n, _)| n)
        .collect();
    let wrong: Vec<String> = [("changed", changed), ("missing", missing), ("not of the package", extra)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{} {what}, first {}", names.len(), names[0]))
        .collect();
    ensure!(wrong.is_empty(), "{}; get the package again", wrong.join("; "));
    Ok(format!("{} files", names.len()))
}

/// The policy in the package against the reports in the package gives the decision in the package.
fn gate_again(package: &Path, release: &Release) -> anyhow::Result<String> {
    ensure!(release.decision == Verdict::Release, "release.json says that it was refused");
    let (policy, text) = policy::read(&package.join("policy.toml"))?;
    ensure!(
        seal::hex(text.as_bytes()) == release.policy.sha256,
        "policy.toml is not the one that was decided by"
    );
    let mut reports = Reports::new();
    for (name, file) in &release.reports {
        let (report, sha256) = seal::open(&package.join(&file.file))?;
        ensure!(sha256 == file.sha256, "{} is not the one that was decided by", file.file);
        ensure!(
            proof::named(&report) == Some(release.source.hash.as_str()),
            "{} speaks of other images than the ones that were released",
            file.file
        );
        reports.insert(name.clone(), report);
    }
    let mut lines = gate::judge(&policy, &reports, release.source.count);
    gate::overrule(&mut lines, &release.overrides)?;
    ensure!(lines == release.lines, "release.json does not say what the policy and the reports give");
    ensure!(gate::passes(&lines), "a line of the policy fails and nobody answers for it");
    Ok(format!("{} lines, {} of them overridden", lines.len(), release.overrides.len()))
}

fn told(package: &Path, release: &Release, entries: &[Entry]) -> anyhow::Result<String> {
    let listed: BTreeSet<&str> = entries.iter().map(|e| e.file.as_str()).collect();
    ensure!(listed.len() == entries.len(), "an image is listed twice");
    let files = sums::files(package)?;
    let there: BTreeSet<&str> =
        files.iter().filter(|f| f.starts_with("images/")).map(String::as_str).collect();
    if let Some(odd) = listed.symmetric_difference(&there).next() {
        bail!("{odd} is in the manifest or in the folder, and not in the other");
    }
    // Written by another version, it may differ in form; its bytes are in the sums.
    let path = package.join(columns::NAME);
    if release.version == env!("CARGO_PKG_VERSION") && path.is_file() {
        let there = fs::read(&path).with_context(|| path.display().to_string())?;
        ensure!(
            there == columns::table(entries)?,
            "{} is not the table of {}",
            columns::NAME,
            manifest::NAME
        );
    }
    let mut grades = BTreeMap::<String, usize>::new();
    for entry in entries {
        *grades.entry(called(entry.grade)).or_default() += 1;
    }
    ensure!(
        entries.len() == release.images.count && grades == release.images.grades,
        "{} images of grades {grades:?}, where release.json says {} of {:?}",
        entries.len(),
        release.images.count,
        release.images.grades
    );
    Ok(format!("{} images", entries.len()))
}

fn sharded(package: &Path, release: &Release, entries: &[Entry]) -> anyhow::Result<String> {
    let shards = shards::check(package, entries)?;
    ensure!((shards > 0) == release.webdataset, "release.json and the folder {} disagree", shards::FOLDER);
    Ok(format!("{shards} shards"))
}

fn objects(package: &Path, release: &Release, entries: &[Entry]) -> anyhow::Result<String> {
    let objects = dicom::check(package, entries)?;
    ensure!((objects > 0) == release.dicom, "release.json and the folder {} disagree", dicom::FOLDER);
    Ok(format!("{objects} objects"))
}

fn left_out(_: &Path, release: &Release, entries: &[Entry]) -> anyhow::Result<String> {
    let out: BTreeSet<&str> = release.dropped.iter().map(|d| d.file.as_str()).collect();
    if let Some(entry) = entries.iter().find(|e| out.contains(e.file.as_str())) {
        bail!("{} was to be left out and is there", entry.file);
    }
    ensure!(
        release.source.count == entries.len() + out.len(),
        "of {} images {} were left out and {} are there",
        release.source.count,
        out.len(),
        entries.len()
    );
    Ok(format!("{} of {} left out", out.len(), release.source.count))
}

fn marks(package: &Path, entries: &[Entry], listener: Listener) -> anyhow::Result<String> {
    listener(Event::Begin { task: "looking for marks", total: entries.len() as u64, unit: "images" });
    let one = |entry: &Entry| -> anyhow::Result<u32> {
        let mark = mark(&package.join(&entry.file))?;
        listener(Event::Advance(1));
        ensure!(mark.held >= ENOUGH, "{}: only {} of {BITS} bits of the watermark", entry.file, mark.held);
        ensure!(mark.statement.is_some(), "{}: the file does not say that it is synthetic", entry.file);
        Ok(mark.held)
    };
    let held: anyhow::Result<Vec<u32>> = entries.par_iter().map(one).collect();
    listener(Event::End);
    let fewest = held?.into_iter().min().unwrap_or(BITS);
    Ok(format!("{} images, each with at least {fewest} of {BITS} bits", entries.len()))
}

/// What one image says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Mark {
    /// Right bits of the watermark.
    pub(crate) held: u32,
    /// What the file says, where it says that it is synthetic.
    pub(crate) statement: Option<String>,
}

/// Reads the marks of an image; a statement only of a PNG.
pub(crate) fn mark(path: &Path) -> anyhow::Result<Mark> {
    let origin = Origin::file(path);
    let image = origin.read()?;
    let statement = if origin.format()? == Format::Png { statement(path)? } else { None };
    let held = Watermark::new(image.width(), image.height()).held(&image);
    Ok(Mark { held, statement })
}
