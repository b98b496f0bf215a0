//! A table that says what is known of each file.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::str::FromStr;

use super::Known;
use super::name::grade;
use crate::Side;
use crate::dicom::Person;
use crate::error::{Error, Result};

/// The columns by our names, and other names under which public tables have them.
const NAMES: [(&str, &[&str]); 9] = [
    ("file", &["file", "path", "filename", "image", "id"]),
    ("grade", &["grade", "kl", "kl_grade", "klg", "label"]),
    ("subject", &["subject", "subject_id", "patient", "patient_id"]),
    ("side", &["side", "laterality"]),
    ("split", &["split", "set"]),
    ("sex", &["sex", "gender"]),
    ("site", &["site", "center", "centre", "hospital", "institution"]),
    ("study", &["study", "study_uid", "study_instance_uid"]),
    ("accession", &["accession", "accession_number", "accession_no"]),
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

/// The lines of a label file by the path or name that they speak of. A line is read again when it is asked for, so that
/// a million of them take little more memory than the file.
pub(super) struct Labels {
    text: String,
    delimiter: u8,
    places: [Option<usize>; NAMES.len()],
    /// What a line's key is.
    by: By,
    /// Sorted by key.
    lines: Vec<Line>,
    /// How the file was encoded, where that had to be guessed.
    pub(super) guessed: Option<&'static str>,
}

/// What joins lines and images: the first that the table has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    File,
    Study,
    Accession,
    Subject,
}

impl By {
    const ALL: [(Self, &str); 4] = [
        (Self::File, "file"),
        (Self::Study, "study"),
        (Self::Accession, "accession"),
        (Self::Subject, "subject"),
    ];

    /// What a DICOM header has of it.
    fn of(self, person: &Person) -> Option<&str> {
        match self {
            Self::File => None,
            Self::Study => person.study.as_deref(),
            Self::Accession => person.accession.as_deref(),
            Self::Subject => person.subject.as_deref(),
        }
    }
}

/// A key that speaks of one knee of a person or a study.
fn sided(key: &str, side: Side) -> String {
    format!("{key}\0{side}")
}

struct Line {
    key: Box<str>,
    /// Where it begins in the text.
    at: usize,
    number: u64,
    repeated: bool,
    used: Cell<bool>,
}

impl Labels {
    /// Reads a CSV with a header: `file` (or path, filename, image, id), or for DICOM `study`, `accession` or `subject`; and
    /// `grade` (or kl, kl_grade, klg, label); and where they are there `subject`, `side`, `split`, `sex` and `site`. Cells are parted by commas, semicolons or tabs.
    pub(super) fn read(path: &Path, columns: &Columns) -> Result<Self> {
        let (text, guessed) = decoded(fs::read(path).map_err(Error::file(path))?);
        let delimiter = delimiter(&text);
        let mut reader = reader(delimiter).from_reader(text.as_bytes());
        let bad = |e: csv::Error| {
            Error::content(path, format!("not a readable CSV ({e}); save it as UTF-8 with commas"))
        };
        let mut record = csv::StringRecord::new();
        reader.read_record(&mut record).map_err(bad)?;
        let places = find_columns(&record, columns).map_err(|e| Error::content(path, e))?;
        let column = |name: &str| NAMES.iter().position(|(n, _)| *n == name).and_then(|at| places[at]);
        let (by, key_at) =
            By::ALL.iter().find_map(|(by, name)| Some((*by, column(name)?))).expect("one was found");
        let mut lines = Vec::new();
        while reader.read_record(&mut record).map_err(bad)? {
            let (at, number) = record.position().map_or((0, 0), |p| (p.byte() as usize, p.line()));
            let refuse = |why: &str| Err(Error::content(path, format!("line {number}: {why}")));
            let Some(key) = cell(&record, Some(key_at)) else {
                return refuse("does not say what it speaks of; fill it in or remove it");
            };
            let side = cell(&record, column("side")).and_then(|side| side.parse().ok());
            let key = match (by, side) {
                (By::File, _) => match plain(&key) {
                    Some(key) => key,
                    None => {
                        return refuse(&format!("`{key}` leaves the source folder; name files from there"));
                    }
                },
                (_, Some(side)) => sided(&key, side),
                _ => key,
            };
            lines.push(Line { key: key.into(), at, number, repeated: false, used: Cell::new(false) });
        }
        // Stable, so that of two lines with one key the first is found.
        lines.sort_by(|a, b| a.key.cmp(&b.key));
        for at in 1..lines.len() {
            if lines[at - 1].key == lines[at].key {
                lines[at - 1].repeated = true;
                lines[at].repeated = true;
            }
        }
        Ok(Self { text, delimiter, places, by, lines, guessed })
    }

    /// What the table says of a file, found by its path below the source, its name, or its stem; or by what its header says.
    pub(super) fn of(&self, inside: &Path, person: Option<&Person>) -> Result<Known, String> {
        let find = |key: &String| self.lines.binary_search_by(|line| line.key.as_ref().cmp(key)).ok();
        let line = self
            .keys(inside, person)?
            .iter()
            .find_map(find)
            .ok_or("the label file has no line for it; add one")?;
        let line = &self.lines[line];
        line.used.set(true);
        self.known(line).map_err(|why| format!("line {} of the label file: {why}", line.number))
    }

    /// What a line that speaks of a file can call it, the best first.
    fn keys(&self, inside: &Path, person: Option<&Person>) -> Result<Vec<String>, String> {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        if self.by == By::File {
            return Ok(vec![slashed(inside), text(inside.file_name()), text(inside.file_stem())]);
        }
        let person =
            person.ok_or("the label file has no column `file`, and only DICOM files say more; add one")?;
        let key =
            self.by.of(person).ok_or("its header lacks what the label file goes by; add a column `file`")?;
        Ok(person.side.map(|side| sided(key, side)).into_iter().chain([key.to_owned()]).collect())
    }

    /// What lines speak of that is not there.
    pub(super) fn unused(&self) -> Vec<&str> {
        let unused = self.lines.iter().filter(|line| !line.used.get());
        unused.map(|line| line.key.split('\0').next().unwrap_or_default()).collect()
    }

    fn known(&self, line: &Line) -> Result<Known, String> {
        if line.repeated {
            return Err("another line speaks of the same file; remove one".into());
        }
        let mut record = csv::StringRecord::new();
        let text = &self.text[line.at..];
        let mut reader = reader(self.delimiter).buffer_capacity(512).from_reader(text.as_bytes());
        reader.read_record(&mut record).map_err(|e| e.to_string())?;
        let [_, text, subject, side, split, sex, site, _, _] = self.places.map(|place| cell(&record, place));
        let text = text.ok_or("no grade is given; fill it in")?;
        let grade =
            grade(&text).unwrap_or_else(|| Err(format!("grade `{text}` is not one of 0..4; correct it")))?;
        let side = side.map(|side| side.parse()).transpose()?;
        let traits = [sex, site].map(|known| known.unwrap_or_default().to_lowercase());
        Ok(Known { grade: Some(grade), subject, side, split, traits })
    }
}

fn reader(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.trim(csv::Trim::All).has_headers(false).delimiter(delimiter);
    builder
}

fn cell(record: &csv::StringRecord, place: Option<usize>) -> Option<String> {
    place.and_then(|place| record.get(place)).filter(|text| !text.is_empty()).map(String::from)
}

/// The text of a table, whatever wrote it: UTF-8 or UTF-16 by its mark, else UTF-8, else Latin-1, which is said.
fn decoded(bytes: Vec<u8>) -> (String, Option<&'static str>) {
    let wide = |bytes: &[u8], of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, text @ ..] if std::str::from_utf8(text).is_ok() => {
            (String::from_utf8_lossy(text).into_owned(), None)
        }
        [0xFF, 0xFE, text @ ..] => (wide(text, u16::from_le_bytes), None),
        [0xFE, 0xFF, text @ ..] => (wide(text, u16::from_be_bytes), None),
        [_, 0, _, 0, ..] => (wide(&bytes, u16::from_le_bytes), Some("UTF-16")),
        [0, _, 0, _, ..] => (wide(&bytes, u16::from_be_bytes), Some("UTF-16")),
        _ => match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => (error.as_bytes().iter().map(|b| char::from(*b)).collect(), Some("Latin-1")),
        },
    }
}

/// What parts the cells of the first line: spreadsheets of half the world write semicolons.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |c: &u8| first.bytes().filter(|b| b == c).count();
    // The last of equals wins, and that is the comma.
    *b"\t;,".iter().max_by_key(|c| count(c)).unwrap_or(&b',')
}

/// Where our columns are; there must be a grade, and one that tells whose.
fn find_columns(
    headers: &csv::StringRecord,
    columns: &Columns,
) -> Result<[Option<usize>; NAMES.len()], String> {
    let mut places = [None; NAMES.len()];
    for (place, (name, usual)) in places.iter_mut().zip(NAMES) {
        let renamed = columns.0.get(name);
        let at = |wanted: &str| headers.iter().position(|h| h.eq_ignore_ascii_case(wanted));
        *place = renamed.map_or_else(|| usual.iter().find_map(|name| at(name)), |theirs| at(theirs));
        if place.is_none() && (renamed.is_some() || name == "grade") {
            let has: Vec<&str> = headers.iter().collect();
            let wanted = renamed.map_or(name, String::as_str);
            return Err(format!(
                "has no column `{wanted}`, only {}; rename one, or say --columns {name}=COLUMN",
                has.join(", ")
            ));
        }
    }
    let joins = |(_, name): &(By, &str)| {
        NAMES.iter().position(|(n, _)| n == name).is_some_and(|at| places[at].is_some())
    };
    if !By::ALL.iter().any(joins) {
        let has: Vec<&str> = headers.iter().collect();
        return Err(format!(
            "has no column `file` (nor for DICOM study, accession or subject), only {}; rename one, or say --columns \
             file=COLUMN",
            has.join(", ")
        ));
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
