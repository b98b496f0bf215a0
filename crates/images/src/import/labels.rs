//! A table that says what is known of each file.

use std::collections::BTreeMap;
use std::path::Path;

use crate::collection::Row;
use crate::error::{Error, Result};

/// The lines of a label file by the path or name that they speak of.
pub struct Labels {
    lines: BTreeMap<String, Line>,
}

#[derive(Default)]
struct Line {
    grade: String,
    subject: Option<String>,
    side: Option<String>,
    split: Option<String>,
}

/// Other names under which public tables have the columns.
const NAMES: [(&str, &[&str]); 5] = [
    ("file", &["file", "path", "filename", "image", "id"]),
    ("grade", &["grade", "kl", "kl_grade", "label"]),
    ("subject", &["subject", "subject_id", "patient", "patient_id"]),
    ("side", &["side", "laterality"]),
    ("split", &["split", "set"]),
];

impl Labels {
    /// Reads a CSV with a header: `file` (or path, filename, image, id) and `grade` (or kl, kl_grade, label), and
    /// where they are there `subject`, `side` and `split`.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::file(path))?;
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let bad = |e: csv::Error| Error::content(path, format!("not a readable CSV ({e}); save it as UTF-8"));
        let headers = reader.headers().map_err(bad)?.clone();
        let column = |name: &str| {
            let names = NAMES.iter().find(|(n, _)| *n == name).map_or(&[][..], |(_, names)| *names);
            names.iter().find_map(|n| headers.iter().position(|h| h.eq_ignore_ascii_case(n)))
        };
        let need = |name: &str| {
            let has: Vec<&str> = headers.iter().collect();
            column(name).ok_or_else(|| {
                Error::content(path, format!("has no column `{name}`, only {}; rename one", has.join(", ")))
            })
        };
        let (file, grade) = (need("file")?, need("grade")?);
        let (subject, side, split) = (column("subject"), column("side"), column("split"));
        let mut lines = BTreeMap::new();
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let cell = |c: Option<usize>| c.and_then(|c| record.get(c)).filter(|t| !t.is_empty()).map(String::from);
            let line = Line {
                grade: cell(Some(grade)).unwrap_or_default(),
                subject: cell(subject),
                side: cell(side),
                split: cell(split),
            };
            lines.insert(cell(Some(file)).unwrap_or_default(), line);
        }
        Ok(Self { lines })
    }

    /// Fills in what the table says of a file, found by its path below the source, its name, or its stem.
    pub(super) fn fill(&self, row: &mut Row, inside: &Path) -> Result<(), String> {
        let name = inside.file_name().unwrap_or_default().to_string_lossy();
        let keys = [inside.to_string_lossy().into_owned(), name.into_owned(), row.id.clone()];
        let line = keys.iter().find_map(|key| self.lines.get(key)).ok_or("the label file has no line for it")?;
        row.grade = Some(super::grade(Some(&line.grade))?);
        row.subject = line.subject.clone().or(row.subject.take());
        if let Some(side) = &line.side {
            row.side = Some(side.parse().map_err(|_| format!("side `{side}` is neither L nor R"))?);
        }
        row.split = line.split.clone().unwrap_or_default();
        Ok(())
    }
}
