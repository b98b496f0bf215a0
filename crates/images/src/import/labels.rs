//! A table that says what is known of each file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::str::FromStr;

use super::Known;
use super::name::grade;
use crate::error::{Error, Result};

/// The columns by our names, and other names under which public tables have them.
const NAMES: [(&str, &[&str]); 5] = [
    ("file", &["file", "path", "filename", "image", "id"]),
    ("grade", &["grade", "kl", "kl_grade", "klg", "label"]),
    ("subject", &["subject", "subject_id", "patient", "patient_id"]),
    ("side", &["side", "laterality"]),
    ("split", &["split", "set"]),
];

/// Columns that a table calls otherwise: `file=picture,grade=score`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(BTreeMap<String, String>);

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ours: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, theirs)) if ours.contains(&name.trim()) => {
                Ok((name.trim().to_owned(), theirs.trim().to_owned()))
            }
            _ => Err(format!("`{pair}` is not NAME=COLUMN with a NAME of {}", ours.join(", "))),
        };
        text.split(',').map(pair).collect::<Result<_, _>>().map(Self)
    }
}

impl std::fmt::Display for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(name, theirs)| format!("{name}={theirs}")).collect();
        f.write_str(&pairs.join(","))
    }
}

/// The lines of a label file by the path or name that they speak of.
pub(super) struct Labels {
    lines: BTreeMap<String, Line>,
}

#[derive(Default)]
struct Line {
    number: usize,
    grade: Option<String>,
    subject: Option<String>,
    side: Option<String>,
    split: Option<String>,
    repeated: bool,
    used: Cell<bool>,
}

impl Labels {
    /// Reads a CSV with a header: `file` (or path, filename, image, id) and `grade` (or kl, kl_grade, klg, label), and
    /// where they are there `subject`, `side` and `split`.
    pub(super) fn read(path: &Path, columns: &Columns) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::file(path))?;
        // Spreadsheets begin UTF-8 with a mark that would stick to the first column's name.
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let bad = |e: csv::Error| {
            Error::content(path, format!("not a readable CSV ({e}); save it as UTF-8 with commas"))
        };
        let headers = reader.headers().map_err(bad)?.clone();
        let [file, grade, subject, side, split] =
            find_columns(&headers, columns).map_err(|e| Error::content(path, e))?;
        let mut lines = BTreeMap::<String, Line>::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let cell = |at: Option<usize>| {
                at.and_then(|at| record.get(at)).filter(|t| !t.is_empty()).map(String::from)
            };
            let number = record.position().map_or(0, |p| p.line() as usize);
            let Some(key) = cell(file) else {
                return Err(Error::content(
                    path,
                    format!("line {number}: names no file; fill it in or remove it"),
                ));
            };
            let key = plain(&key).ok_or_else(|| {
                let why = format!("line {number}: `{key}` leaves the source folder; name files from there");
                Error::content(path, why)
            })?;
            let (grade, subject, side, split) = (cell(grade), cell(subject), cell(side), cell(split));
            let line = Line { number, grade, subject, side, split, ..Line::default() };
            lines.entry(key).and_modify(|line| line.repeated = true).or_insert(line);
        }
        Ok(Self { lines })
    }

    /// What the table says of a file, found by its path below the source, its name, or its stem.
    pub(super) fn of(&self, inside: &Path) -> Result<Known, String> {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let keys = [slashed(inside), text(inside.file_name()), text(inside.file_stem())];
        let line = keys
            .iter()
            .find_map(|key| self.lines.get(key))
            .ok_or("the label file has no line for it; add one")?;
        line.used.set(true);
        line.known().map_err(|why| format!("line {} of the label file: {why}", line.number))
    }

    /// What lines speak of that is not there.
    pub(super) fn unused(&self) -> Vec<&str> {
        self.lines.iter().filter(|(_, line)| !line.used.get()).map(|(key, _)| key.as_str()).collect()
    }
}

impl Line {
    fn known(&self) -> Result<Known, String> {
        if self.repeated {
            return Err("another line speaks of the same file; remove one".into());
        }
        let text = self.grade.as_deref().ok_or("no grade is given; fill it in")?;
        let grade =
            grade(text).unwrap_or_else(|| Err(format!("grade `{text}` is not one of 0..4; correct it")))?;
        let side = self.side.as_deref().map(str::parse).transpose()?;
        Ok(Known { grade, subject: self.subject.clone(), side, split: self.split.clone() })
    }
}

/// Where our five columns are; the first two must be.
fn find_columns(headers: &csv::StringRecord, columns: &Columns) -> Result<[Option<usize>; 5], String> {
    let mut places = [None; 5];
    for (place, (name, usual)) in places.iter_mut().zip(NAMES) {
        let renamed = columns.0.get(name);
        let at = |wanted: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(wanted));
        *place = renamed.map_or_else(|| usual.iter().find_map(|name| at(name)), |theirs| at(theirs));
        if place.is_none() && (renamed.is_some() || matches!(name, "file" | "grade")) {
            let has: Vec<&str> = headers.iter().collect();
            let wanted = renamed.map_or(name, String::as_str);
            return Err(format!(
                "has no column `{wanted}`, only {}; rename one, or say --columns {name}=COLUMN",
                has.join(", ")
            ));
        }
    }
    Ok(places)
}

/// A relative path in one spelling.
fn plain(text: &str) -> Option<String> {
    let text = text.replace('\\', "/");
    let path = Path::new(&text);
    let inside = path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    inside.then(|| slashed(path))
}

fn slashed(path: &Path) -> String {
    let parts = path.components().filter(|c| matches!(c, Component::Normal(_)));
    parts.map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
