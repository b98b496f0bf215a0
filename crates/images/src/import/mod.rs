//! Graded image files into a collection: find them, read what is known of each, split by subject, convert.

mod find;
mod labels;
mod name;
mod report;
mod sheet;
mod split;
mod survey;
mod twins;

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::collection::{About, Begun, Collection, Row, Writer};
use crate::error::{Error, Result};
use crate::look::Look;
use crate::progress::{Event, Listener};
use crate::{Depth, Image, Side, resize, source};

pub use labels::Columns;
pub use name::Pattern;
pub use report::{Account, Outcome, Report};
pub use split::Split;
use survey::{Candidate, Survey};

/// What an import does.
pub struct Plan {
    /// Folders of images: `GRADE/*`, `SPLIT/GRADE/*`, or with labels any.
    pub sources: Vec<PathBuf>,
    /// A table that names grade, and where it has them subject, side and split, of each file.
    pub labels: Option<PathBuf>,
    /// What the table calls its columns.
    pub columns: Columns,
    /// Where subject and side stand in a file's name.
    pub pattern: Pattern,
    /// How images are divided.
    pub split: Split,
    /// What is done to every image.
    pub look: Look,
    /// Bits a pixel; `None` takes 16 where any source has them, else 8.
    pub depth: Option<Depth>,
    /// What happens when files are refused.
    pub refusals: Refusals,
    /// The collection to be; its depth is replaced by the one above, and its settings get the hash of the inputs.
    pub about: About,
}

/// What happens when some files cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusals {
    /// They are left out and accounted for.
    LeftOut,
    /// No collection is made.
    Fatal,
}

/// What folders or a table say of a file.
struct Known {
    grade: u8,
    subject: Option<String>,
    side: Option<Side>,
    split: Option<String>,
}

/// Imports into `out`. Files that cannot be used are refused one by one and accounted for; only where none is left,
/// or a subject would straddle two splits, the import fails as a whole. Memory does not grow with the images, only
/// with what is known of them.
pub fn run(plan: &Plan, out: &Path, listener: Listener) -> Result<(Collection, Report)> {
    let survey = survey::survey(plan)?;
    let about = about(plan, &survey);
    let writer = match Writer::begin(out, about.clone())? {
        Begun::Open(writer) => writer,
        Begun::Finished(collection) => {
            listener(Event::Note(format!("{}: is there already; nothing to do", out.display())));
            return Ok((collection, earlier(out)?));
        }
    };
    let results = convert_all((plan, about.size, about.depth), &writer, &survey.candidates, listener)?;
    sheet::attach(plan, &writer, &about, (&survey.candidates, &results))?;
    match conclude(plan, &writer, survey, results) {
        Ok((rows, accounts, ignored, mut notes)) => {
            let mut report = Report::new(&about, &rows, accounts);
            notes.append(&mut report.notes);
            let report = Report { ignored, notes, ..report };
            writer.attach("import.json", &serde_json::to_vec_pretty(&report).expect("plain values"))?;
            Ok((writer.finish(rows)?, report))
        }
        Err(error @ Error::Content { .. }) => {
            writer.abandon()?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// What an import would do, as far as names, labels and headers tell; nothing is written.
pub fn rehearse(plan: &Plan) -> Result<Report> {
    let survey = survey::survey(plan)?;
    let about = about(plan, &survey);
    let read = |c: &Candidate| Account {
        file: c.path.display().to_string(),
        outcome: Outcome::Read,
        detail: place(&c.row),
    };
    let accounts = survey.accounts.into_iter().chain(survey.candidates.iter().map(read)).collect();
    let rows: Vec<Row> = survey.candidates.into_iter().map(|c| c.row).collect();
    let mut report = Report::new(&about, &rows, accounts);
    report.notes.splice(0..0, survey.notes);
    Ok(Report { ignored: survey.ignored, ..report })
}

fn about(plan: &Plan, survey: &Survey) -> About {
    let mut about = plan.about.clone();
    about.depth = plan.depth.unwrap_or_else(|| survey.depth());
    about.settings.insert("inputs".into(), survey.digest().into());
    about
}

/// The report of the import that made `out`.
fn earlier(out: &Path) -> Result<Report> {
    let path = out.join("import.json");
    let bytes = fs::read(&path).map_err(Error::file(&path))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::content(&path, format!("not an import's report ({e}); import again")))
}

/// A converted row, or why its file cannot be used.
type Converted = Result<Row, String>;

fn convert_all(
    (plan, size, depth): (&Plan, u32, Depth),
    writer: &Writer,
    candidates: &[Candidate],
    listener: Listener,
) -> Result<Vec<Converted>> {
    listener(Event::Begin { task: "importing", total: candidates.len() as u64, unit: "images" });
    let results = candidates.par_iter().map(|candidate| {
        listener(Event::Advance(1));
        let row = Row { file: place(&candidate.row), ..candidate.row.clone() };
        if let Some(found) = writer.found(&row) {
            return Ok(Ok(found));
        }
        match source::read(&candidate.path) {
            Ok(image) => {
                let (image, flags) = convert(plan, (size, depth), candidate, image);
                writer.put(Row { flags, ..row }, &image).map(Ok)
            }
            Err(error) => Ok(Err(error.reason())),
        }
    });
    let results = results.collect();
    listener(Event::End);
    results
}

/// The image as the collection holds it, and what was done to it that a reader might not expect.
fn convert(plan: &Plan, (size, depth): (u32, Depth), candidate: &Candidate, image: Image) -> (Image, String) {
    // The deeper of both depths carries equalisation and resizing.
    let image = if depth == Depth::Sixteen { image.at(depth) } else { image };
    let (image, done) = plan.look.apply(image, candidate.row.side);
    let all = [
        ("colour", candidate.header.colour),
        ("alpha", candidate.header.alpha),
        ("cut", image.width() != image.height()),
        ("enlarged", image.width().min(image.height()) < size),
    ];
    let flags = all.iter().filter(|(_, is)| *is).map(|(flag, _)| *flag).chain(done.flags());
    let flags = flags.collect::<Vec<_>>().join(" ");
    (resize::square(&image, size).at(depth), flags)
}

fn place(row: &Row) -> String {
    Writer::place(&row.split, row.grade, &row.id)
}

type Concluded = (Vec<Row>, Vec<Account>, usize, Vec<String>);

/// What stays, and the account of every file.
fn conclude(plan: &Plan, writer: &Writer, survey: Survey, results: Vec<Converted>) -> Result<Concluded> {
    let Survey { candidates, mut accounts, ignored, notes } = survey;
    let mut rows = Vec::with_capacity(candidates.len());
    for (candidate, result) in candidates.into_iter().zip(results) {
        match result {
            Ok(row) => rows.push((candidate.path.display().to_string(), row)),
            Err(why) => accounts.push(Account::refused(&candidate.path, why)),
        }
    }
    if rows.is_empty() {
        return Err(Error::content(&plan.sources[0], survey::nothing(&accounts)));
    }
    if let (Refusals::Fatal, Some(first)) = (plan.refusals, accounts.first()) {
        let why =
            format!("{}; {} files cannot be used, and --strict allows none", first.detail, accounts.len());
        return Err(Error::content(Path::new(&first.file), why));
    }
    let rows = twins::settle(plan, writer, rows, &mut accounts)?;
    Ok((rows, accounts, ignored, notes))
}

#[cfg(test)]
mod tests;
