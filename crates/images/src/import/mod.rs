//! Graded image files into a collection: find them, read what is known of each, split by subject, convert.

mod labels;
mod split;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use regex::Regex;
use serde::Serialize;

use crate::collection::{About, Begun, Collection, Row, Writer};
use crate::error::{Error, Result};
use crate::progress::{Event, Listener};
use crate::{Depth, Image, jpeg, png, resize};

pub use labels::Labels;
pub use split::Split;

/// What an import does.
pub struct Plan {
    /// Folders of images: `GRADE/*`, `SPLIT/GRADE/*`, or with labels any.
    pub sources: Vec<PathBuf>,
    /// A table that names grade, and where it has them subject, side and split, of each file.
    pub labels: Option<PathBuf>,
    /// Where subject and side stand in a file's name: groups `subject` and `side`.
    pub pattern: Regex,
    /// How images are divided.
    pub split: Split,
    /// The centred square that is kept, in pixels of the source; all of it where `None`.
    pub crop: Option<u32>,
    /// The collection to be; its size and depth are those of every image.
    pub about: About,
}

/// A digit string with L or R behind it: `9003126L`. Other names are a subject each.
pub const PATTERN: &str = r"^(?<subject>.*\d)(?<side>[LR])$";

/// What became of one source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its path as given.
    pub file: String,
    /// `read`, `refused` or `duplicate`.
    pub outcome: &'static str,
    /// The place in the collection, the reason, or the file that it repeats.
    pub detail: String,
}

/// What an import did: `import.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Images of each split by grade.
    pub counts: BTreeMap<String, BTreeMap<String, usize>>,
    /// Distinct subjects.
    pub subjects: usize,
    /// Every source file, sorted.
    pub files: Vec<Account>,
}

/// A file and what is known of it before its pixels are read.
pub(crate) struct Candidate {
    path: PathBuf,
    row: Row,
}

/// Imports into `out`. Files that cannot be used are refused one by one and accounted for; only where none is left,
/// or a subject would straddle two splits, the import fails as a whole. Memory does not grow with the images.
pub fn run(plan: &Plan, out: &Path, listener: Listener) -> Result<(Collection, Report)> {
    let writer = match Writer::begin(out, plan.about.clone())? {
        Begun::Open(writer) => writer,
        Begun::Finished(collection) => {
            listener(Event::Note(format!("{}: was imported before; nothing to do", out.display())));
            let report = report(collection.rows(), Vec::new());
            return Ok((collection, report));
        }
    };
    let (candidates, mut accounts) = survey(plan)?;
    listener(Event::Begin { task: "importing", total: candidates.len() as u64, unit: "images" });
    let results: Vec<(String, Result<Row>)> = candidates
        .into_par_iter()
        .map(|candidate| {
            let row = convert(plan, &writer, &candidate);
            listener(Event::Advance(1));
            (candidate.path.display().to_string(), row)
        })
        .collect();
    listener(Event::End);
    let rows = settle(results, &mut accounts)?;
    if rows.is_empty() {
        return Err(Error::content(&plan.sources[0], none_left(&accounts)));
    }
    accounts.sort_by(|a, b| a.file.cmp(&b.file));
    let report = report(&rows, accounts);
    writer.attach("import.json", &serde_json::to_vec_pretty(&report).expect("plain values"))?;
    Ok((writer.finish(rows)?, report))
}

fn none_left(accounts: &[Account]) -> String {
    let why = accounts.iter().find(|a| a.outcome == "refused");
    let first = why.map(|a| format!("; the first: {}: {}", a.file, a.detail)).unwrap_or_default();
    format!(
        "no image to import ({} files refused{first}); give folders named by grade (ROOT/GRADE or \
         ROOT/SPLIT/GRADE), or a table with --labels",
        accounts.len()
    )
}

/// Finds every file, and what labels and names say of it; checks that no subject straddles two splits.
fn survey(plan: &Plan) -> Result<(Vec<Candidate>, Vec<Account>)> {
    let labels = plan.labels.as_deref().map(Labels::read).transpose()?;
    let mut candidates = Vec::new();
    let mut accounts = Vec::new();
    for source in &plan.sources {
        for path in images_below(source)? {
            match describe(plan, labels.as_ref(), source, &path) {
                Ok(row) => candidates.push(Candidate { path, row }),
                Err(reason) => accounts.push(refused(&path, reason)),
            }
        }
    }
    let mut ids: BTreeMap<String, PathBuf> = BTreeMap::new();
    candidates.retain(|c| match ids.insert(c.row.id.clone(), c.path.clone()) {
        None => true,
        Some(first) => {
            let reason = format!("its name is also that of {}; rename one of them", first.display());
            accounts.push(refused(&c.path, reason));
            ids.insert(c.row.id.clone(), first);
            false
        }
    });
    plan.split.assign(&mut candidates).map_err(|why| Error::content(&plan.sources[0], why))?;
    Ok((candidates, accounts))
}

fn refused(path: &Path, detail: String) -> Account {
    Account { file: path.display().to_string(), outcome: "refused", detail }
}

/// All image files below a folder, sorted; links are not followed.
fn images_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let entry = entry.map_err(Error::file(&folder))?;
            let kind = entry.file_type().map_err(Error::file(&folder))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden {
                folders.push(entry.path());
            } else if kind.is_file() && !hidden && is_image(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

fn describe(plan: &Plan, labels: Option<&Labels>, source: &Path, path: &Path) -> Result<Row, String> {
    let inside = path.strip_prefix(source).expect("found below the source");
    let id = inside.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut above: Vec<String> = inside.iter().map(|p| p.to_string_lossy().into_owned()).collect();
    above.pop();
    let mut row = Row {
        file: String::new(),
        id: id.clone(),
        subject: Some(id.clone()),
        side: None,
        grade: None,
        split: String::new(),
        seed: None,
        sha256: String::new(),
        flags: String::new(),
    };
    if let Some(groups) = plan.pattern.captures(&id) {
        let group = |name: &str| groups.name(name).map(|m| m.as_str().to_owned());
        row.subject = group("subject").or(row.subject);
        row.side = group("side").and_then(|s| s.parse().ok());
    }
    match labels {
        Some(labels) => labels.fill(&mut row, inside)?,
        None => {
            row.grade = Some(grade(above.pop().as_deref())?);
            row.split = above.pop().unwrap_or_default();
        }
    }
    Ok(row)
}

/// A grade as a folder or a cell names it.
pub(crate) fn grade(text: Option<&str>) -> Result<u8, String> {
    let text = text.ok_or("stands in no folder named by a grade 0..4; sort it into one or give --labels")?;
    match text.trim().trim_start_matches("KL").trim_end_matches(".0").parse::<u8>() {
        Ok(grade @ 0..=4) => Ok(grade),
        _ => Err(format!("grade `{text}` is not one of 0..4")),
    }
}

fn convert(plan: &Plan, writer: &Writer, candidate: &Candidate) -> Result<Row> {
    let row = &candidate.row;
    let row = Row { file: Writer::place(&row.split, row.grade, &row.id), ..row.clone() };
    if let Some(found) = writer.found(&row) {
        return Ok(found);
    }
    let image = read(&candidate.path)?;
    let image = match plan.crop {
        Some(side) => resize::crop(&image, side),
        None => image,
    };
    writer.put(row, &at_depth(resize::square(&image, plan.about.size), plan.about.depth))
}

/// Reads a PNG or JPEG by its content.
pub fn read(path: &Path) -> Result<Image> {
    if jpeg::is(path)? { jpeg::read(path) } else { png::read(path) }
}

/// The image with its values scaled to another depth.
pub(crate) fn at_depth(image: Image, depth: Depth) -> Image {
    let pixels = match (image.depth(), depth) {
        (Depth::Eight, Depth::Sixteen) => image.pixels().iter().map(|p| p * 257).collect(),
        (Depth::Sixteen, Depth::Eight) => image.pixels().iter().map(|p| ((u32::from(*p) + 128) / 257) as u16).collect(),
        _ => return image,
    };
    Image::new(image.width(), image.height(), depth, pixels)
}

/// Keeps the rows that were read, once each; a byte-identical image of another subject is left out, as one of the
/// two labels must be wrong, and the account says which it repeats.
fn settle(results: Vec<(String, Result<Row>)>, accounts: &mut Vec<Account>) -> Result<Vec<Row>> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut rows = Vec::new();
    for (file, result) in results {
        let (outcome, detail) = match result {
            Err(Error::File { path, source }) if !path.exists() || source.raw_os_error() == Some(28) => {
                return Err(Error::File { path, source });
            }
            Err(error) => ("refused", error.to_string()),
            Ok(row) => match first.get(&row.sha256) {
                Some(same) => ("duplicate", same.clone()),
                None => {
                    first.insert(row.sha256.clone(), file.clone());
                    let place = row.file.clone();
                    rows.push(row);
                    ("read", place)
                }
            },
        };
        accounts.push(Account { file, outcome, detail });
    }
    Ok(rows)
}

fn report(rows: &[Row], files: Vec<Account>) -> Report {
    let mut counts: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for row in rows {
        let grade = row.grade.map_or_else(|| "ungraded".to_owned(), |g| g.to_string());
        *counts.entry(row.split.clone()).or_default().entry(grade).or_default() += 1;
    }
    let subjects: std::collections::BTreeSet<_> = rows.iter().filter_map(|r| r.subject.as_deref()).collect();
    Report { counts, subjects: subjects.len(), files }
}

#[cfg(test)]
mod tests;
