//! Writes a package: beside its name, whole, then renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use doppelray_images::files::{beside, sync_folder, write_whole};
use doppelray_images::mark::{BITS, ENOUGH, Statement, Watermark, encode};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, Row};
use minisign::SecretKey;
use rayon::prelude::*;

use super::manifest::{self, Entry};
use super::proof::Proof;
use super::{Marks, Release, card, columns, croissant, dicom, shards, signature, sums};
use crate::report::evaluate::FileHash;
use crate::report::seal::hex;

/// What a package is made of.
pub(crate) struct Order<'a> {
    pub(crate) collection: &'a Collection,
    pub(crate) proof: &'a Proof,
    /// The policy's text.
    pub(crate) policy: &'a str,
    pub(crate) out: &'a Path,
    /// Who signs it.
    pub(crate) key: Option<&'a SecretKey>,
}

/// Writes the package that was decided on, and returns what stands in its `release.json`.
pub(crate) fn write(order: &Order, release: Release, listener: Listener) -> anyhow::Result<Release> {
    let out = order.out;
    ensure!(!out.exists(), "{}: is there already; choose another --out", out.display());
    let staged = beside(out, "part");
    if staged.exists() {
        // Of a run that was interrupted: all is made again, since a file that a power cut left may lack its content.
        fs::remove_dir_all(&staged).with_context(|| staged.display().to_string())?;
    }
    let full = || format!("{}: cannot be written; free some space or choose another --out", out.display());
    fs::create_dir_all(&staged).with_context(full)?;
    let (entries, marks) = images(order, &release, (&staged, listener)).with_context(full)?;
    let release = Release { marks: Some(marks), ..release };
    let release = documents(order, release, (&staged, &entries)).with_context(full)?;
    if release.dicom {
        let told = (&statement(&release), release.source.hash.as_str());
        dicom::write(&staged, &entries, told, listener).with_context(full)?;
    }
    listener(Event::Begin { task: "checking what was written", total: 1, unit: "packages" });
    let names = sums::files(&staged)?;
    let hashes = sums::hashes(&staged, &names)?;
    for entry in &entries {
        ensure!(hashes.get(&entry.file) == Some(&entry.sha256), "{}: was not written whole", entry.file);
    }
    let text = sums::text(&hashes);
    write_whole(&staged.join(sums::NAME), |file| file.write_all(text.as_bytes())).with_context(full)?;
    if let Some(key) = order.key {
        let signed = signature::sign(key, text.as_bytes(), &release.title)?;
        write_whole(&staged.join(signature::NAME), |file| file.write_all(signed.as_bytes()))
            .with_context(full)?;
    }
    let sync = |name: &String| File::open(staged.join(name)).and_then(|file| file.sync_all());
    names.par_iter().try_for_each(sync).with_context(full)?;
    fs::rename(&staged, out).and_then(|()| sync_folder(out)).with_context(full)?;
    listener(Event::End);
    Ok(release)
}

/// Marks and writes every image that is not left out.
fn images(
    order: &Order,
    release: &Release,
    (staged, listener): (&Path, Listener),
) -> anyhow::Result<(Vec<Entry>, Marks)> {
    let collection = order.collection;
    let out: BTreeSet<&str> = release.dropped.iter().map(|d| d.file.as_str()).collect();
    let kept: Vec<&Row> = collection.rows().iter().filter(|row| !out.contains(row.file.as_str())).collect();
    let size = collection.about().size;
    let (watermark, statement) = (Watermark::new(size, size), statement(release));
    listener(Event::Begin { task: "marking", total: kept.len() as u64, unit: "images" });
    let one = |row: &&Row| {
        collection.verify(row)?;
        let image = collection.load(row)?;
        let marked = watermark.put(&image);
        let mut bytes = Vec::new();
        encode(&marked, &Statement { seed: row.seed, ..statement.clone() }, &mut bytes)?;
        put(staged, &row.file, &bytes)?;
        listener(Event::Advance(1));
        let entry = Entry {
            file: row.file.clone(),
            id: row.id.clone(),
            grade: row.grade,
            seed: row.seed,
            sha256: hex(&bytes),
            source_sha256: row.sha256.clone(),
        };
        Ok((entry, error(&image, &marked), watermark.held(&marked)))
    };
    let done = kept.par_iter().map(one).collect::<anyhow::Result<Vec<_>>>()?;
    listener(Event::End);
    let errors = done.iter().map(|(_, error, _)| *error);
    let marks = Marks {
        statement: statement.text(),
        bits: BITS,
        enough: ENOUGH,
        fewest: done.iter().map(|(.., held)| *held).min().unwrap_or(BITS),
        psnr: decibel(errors.clone().sum::<f64>() / done.len().max(1) as f64),
        psnr_least: decibel(errors.fold(0.0, f64::max)),
    };
    ensure!(
        marks.fewest >= ENOUGH,
        "an image of {} takes only {} of {BITS} bits of the watermark (all black or white?); leave it out",
        collection.root().display(),
        marks.fewest
    );
    Ok((done.into_iter().map(|(entry, ..)| entry).collect(), marks))
}

/// What every image's file says, up to its seed.
fn statement(release: &Release) -> Statement {
    let software = format!("doppelray {}", env!("CARGO_PKG_VERSION"));
    Statement { software, model: release.source.model.clone(), seed: None }
}

/// Mean squared difference as a share of white.
fn error(a: &Image, b: &Image) -> f64 {
    let white = f64::from(a.depth().white());
    let square = |(a, b): (&u16, &u16)| ((f64::from(*a) - f64::from(*b)) / white).powi(2);
    a.pixels().iter().zip(b.pixels()).map(square).sum::<f64>() / a.pixels().len() as f64
}

/// As a peak signal-to-noise ratio; images that were not changed at all count as 99 dB.
fn decibel(error: f64) -> f64 {
    (-10.0 * error.max(1e-12).log10()).min(99.0)
}

/// Everything that is not an image; what then stands in `release.json`.
fn documents(
    order: &Order,
    release: Release,
    (staged, entries): (&Path, &[Entry]),
) -> anyhow::Result<Release> {
    let mut reports = BTreeMap::new();
    for (name, file) in &order.proof.files {
        let from = PathBuf::from(&file.file);
        let to = format!("reports/{name}.json");
        put(staged, &to, &fs::read(&from)?)?;
        reports.insert(name.clone(), FileHash { file: to, sha256: file.sha256.clone() });
        let page = from.with_extension("html");
        if page.is_file() {
            put(staged, &format!("reports/{name}.html"), &fs::read(&page)?)?;
        }
    }
    put(staged, "policy.toml", order.policy.as_bytes())?;
    let policy = FileHash { file: "policy.toml".into(), sha256: hex(order.policy.as_bytes()) };
    let release = Release { reports, policy, ..release };
    put(staged, "release.json", serde_json::to_string_pretty(&release)?.as_bytes())?;
    let table = manifest::csv(entries)?;
    put(staged, manifest::NAME, &table)?;
    put(staged, columns::NAME, &columns::table(entries)?)?;
    let croissant = croissant::describe(&release, &hex(&table));
    put(staged, croissant::NAME, serde_json::to_string_pretty(&croissant)?.as_bytes())?;
    if release.webdataset {
        shards::write(staged, entries)?;
    }
    let reports = &order.proof.reports;
    put(staged, "README.md", card::data(&release, reports).as_bytes())?;
    put(staged, "MODEL_CARD.md", card::model(&release, reports).as_bytes())?;
    put(staged, "CITATION.cff", card::citation(&release).as_bytes())?;
    put(staged, "LICENSE.txt", card::licence(&release).as_bytes())?;
    Ok(release)
}

/// Writes a file of the folder that is being made; it is synced with all others at the end.
pub(super) fn put(staged: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = staged.join(name);
    let folder = path.parent().expect("below the package");
    fs::create_dir_all(folder)?;
    File::create(&path)?.write_all(bytes)?;
    Ok(())
}
