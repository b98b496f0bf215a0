//! Graded image files into a collection: find them, read what is known of each, split by subject, convert.

mod find;
mod identity;
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
use crate::lookalike::Print;
use crate::progress::{Event, Listener};
use crate::source::Origin;
use crate::text::{self, Text};
use crate::{Depth, Image, Side, resize};

use identity::Names;
pub use identity::{Key, Subjects};
pub use labels::Columns;
pub use name::Pattern;
pub use report::{Account, Lookalike, Outcome, Pixels, Report};
pub use split::{Balance, Split};
use survey::{Candidate, Survey};
pub use twins::Lookalikes;
use twins::{Rules, Taken};

/// What an import does.
pub struct Plan {
    /// Where the images are; at least one.
    pub sources: Vec<Source>,
    /// A table that names grade, and where it has them subject, side and split, of each file.
    pub labels: Option<PathBuf>,
    /// What the table calls its columns.
    pub columns: Columns,
    /// Where subject and side stand in a file's name.
    pub pattern: Pattern,
    /// What subjects are called.
    pub subjects: Subjects,
    /// How images are divided.
    pub split: Split,
    /// A collection whose subjects keep their splits.
    pub earlier: Option<PathBuf>,
    /// What becomes of images of different subjects that look like one film.
    pub lookalikes: Lookalikes,
    /// What becomes of images that bear text.
    pub text: Text,
    /// What is done to every image.
    pub look: Look,
    /// Bits a pixel; `None` takes 16 where any source has them, else 8.
    pub depth: Option<Depth>,
    /// What happens when files are refused.
    pub refusals: Refusals,
    /// Whether images of which nothing says a grade are taken, as those of DICOM always are.
    pub ungraded: bool,
    /// What tells whether an archive lists the same again ([`Subjects::seal`]).
    pub listed: Option<String>,
    /// The collection to be; its depth is replaced by the one above, and its settings get the hash of the inputs.
    pub about: About,
}

/// Where images are.
#[derive(Clone, Debug)]
pub enum Source {
    /// A folder or zip of images (`GRADE/*`, `SPLIT/GRADE/*`, or with labels any), a DICOMDIR, or a single image.
    Path(PathBuf),
    /// What a running archive sent.
    Received(Received),
}

/// Objects that came over a network.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Whence, and what the paths of all objects begin with.
    pub root: PathBuf,
    /// What came.
    pub objects: Vec<Origin>,
    /// What could not be had, and why.
    pub refused: Vec<Account>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Source {
    /// As messages and accounts name it.
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Received(received) => &received.root,
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
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
#[derive(Default)]
struct Known {
    grade: Option<u8>,
    subject: Option<String>,
    side: Option<Side>,
    split: Option<String>,
    /// Sex and site.
    traits: [String; 2],
}

/// Imports into `out`. Files that cannot be used are refused one by one and accounted for; only where none is left,
/// or a subject would straddle two splits, the import fails as a whole. Memory does not grow with the images, only
/// with what is known of them. The report names source files; `import.json` does where subjects are called as given.
pub fn run(plan: &Plan, out: &Path, listener: Listener) -> Result<(Collection, Report)> {
    let mut survey = survey::survey(plan)?;
    let about = about(plan, &survey);
    let writer = match Writer::begin(out, about.clone())? {
        Begun::Open(writer) => writer,
        Begun::Finished(collection) => {
            listener(Event::Note(format!("{}: is there already; nothing to do", out.display())));
            return Ok((collection, earlier(out)?));
        }
    };
    let names = Names::of(&plan.subjects, &writer)?;
    survey.name(&plan.subjects, &names);
    let results = convert_all((plan, about.size, about.depth), &writer, &survey.candidates, listener)?;
    sheet::look(plan, &writer, &about, (&survey.candidates, &results))?;
    match conclude((plan, &about), (&writer, &names), (survey, results), listener) {
        Ok((rows, report)) => {
            let published = names.conceal(&report);
            writer.fill("import.json", |file| Ok(serde_json::to_writer_pretty(file, &*published)?))?;
            drop(published);
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
    let mut survey = survey::survey(plan)?;
    let about = about(plan, &survey);
    survey::tell_apart(&mut survey.candidates);
    let read = |c: &Candidate| Account {
        file: c.origin.to_string(),
        outcome: Outcome::Read,
        detail: place(&c.row),
        pixels: c.seen.pixels,
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

/// The report of the import that made `out`, as it stands there.
pub fn earlier(out: &Path) -> Result<Report> {
    let path = out.join("import.json");
    let bytes = fs::read(&path).map_err(Error::file(&path))?;
    serde_json::from_slice(&bytes)
        .map_err(|e| Error::content(&path, format!("not an import's report ({e}); import again")))
}

/// What a row gets when its image is there, with the image's print; or why its file cannot be used.
type Converted = Result<(Made, Option<Print>), String>;

/// What is known of an image once it is written.
struct Made {
    flags: Box<str>,
    sha256: Box<str>,
}

impl Made {
    fn of(row: Row) -> Self {
        Self { flags: row.flags.into(), sha256: row.sha256.into() }
    }

    /// The whole row of a candidate.
    fn fill(self, row: Row) -> Row {
        Row { file: place(&row), flags: self.flags.into(), sha256: self.sha256.into(), ..row }
    }
}

fn convert_all(
    (plan, size, depth): (&Plan, u32, Depth),
    writer: &Writer,
    candidates: &[Candidate],
    listener: Listener,
) -> Result<Vec<Converted>> {
    listener(Event::Begin { task: "importing", total: candidates.len() as u64, unit: "images" });
    let print = |image: &Image| match plan.lookalikes {
        Lookalikes::Keep => None,
        _ => Print::of(image),
    };
    let results = candidates.par_iter().map(|candidate| {
        listener(Event::Advance(1));
        let row = Row { file: place(&candidate.row), ..candidate.row.clone() };
        if let Some(found) = writer.found(&row) {
            let print = print(&writer.read(&found)?);
            return Ok(Ok((Made::of(found), print)));
        }
        let seen = read(plan, candidate);
        match seen.map(|(image, texts)| convert(plan, (size, depth), candidate, (image, texts))) {
            Ok((image, flags)) => {
                writer.put(Row { flags, ..row }, &image).map(|row| Ok((Made::of(row), print(&image))))
            }
            Err(why) => Ok(Err(why)),
        }
    });
    let results = results.collect();
    listener(Event::End);
    results
}

/// The source's image without its text, and how many pieces of text it bore; or why it cannot be used.
fn read(plan: &Plan, candidate: &Candidate) -> Result<(Image, usize), String> {
    let image = candidate.origin.read().map_err(|error| error.reason())?;
    let image = match candidate.squared() {
        Some(([width, height], _)) => resize::scaled(&image, width, height),
        None => image,
    };
    let found = if plan.text == Text::Keep { Vec::new() } else { text::find(&image) };
    match found.first() {
        Some(part) if plan.text == Text::Refuse => Err(format!(
            "bears text, it seems: {} pieces, the first of {} x {} pixels at {}, {}; paint over it, or say --text mask",
            found.len(),
            part.width,
            part.height,
            part.left,
            part.top
        )),
        Some(_) => Ok((text::mask(&image, &found), found.len())),
        None => Ok((image, 0)),
    }
}

/// The image as the collection holds it, and what was done to it that a reader might not expect.
fn convert(
    plan: &Plan,
    (size, depth): (u32, Depth),
    candidate: &Candidate,
    (image, texts): (Image, usize),
) -> (Image, String) {
    // The deeper of both depths carries equalisation and resizing.
    let image = if depth == Depth::Sixteen { image.at(depth) } else { image };
    let (image, done) = plan.look.apply(image, candidate.row.side);
    let all = [
        ("colour", candidate.seen.colour),
        ("alpha", candidate.seen.alpha),
        ("squared", candidate.squared().is_some()),
        ("text", texts > 0),
        ("cut", image.width() != image.height()),
        ("enlarged", image.width().min(image.height()) < size),
    ];
    let spacing = candidate
        .seen
        .spacing
        .map(|found| found.scaled(f64::from(image.width().min(image.height())) / f64::from(size)));
    let flags = all.iter().filter(|(_, is)| *is).map(|(flag, _)| *flag).chain(done.flags());
    let flags = flags.map(str::to_owned).chain(spacing.map(|spacing| spacing.flag()));
    let flags = flags.collect::<Vec<_>>().join(" ");
    (resize::square(&image, size).at(depth), flags)
}

fn place(row: &Row) -> String {
    Writer::place(&row.split, row.grade, &row.id)
}

/// What stays, and the account of every file.
fn conclude(
    (plan, about): (&Plan, &About),
    (writer, names): (&Writer, &Names),
    (survey, results): (Survey, Vec<Converted>),
    listener: Listener,
) -> Result<(Vec<Row>, Report)> {
    let Survey { candidates, mut accounts, ignored, mut notes, homes } = survey;
    let mut taken = Vec::with_capacity(candidates.len());
    for (candidate, result) in candidates.into_iter().zip(results) {
        match result {
            Ok((made, print)) => {
                let file = candidate.origin.to_string();
                let (row, pixels) = (made.fill(candidate.row), candidate.seen.pixels);
                taken.push(Taken { file, row, person: candidate.person, print, pixels });
            }
            Err(why) => accounts.push(Account::refused(Path::new(&candidate.origin.to_string()), why)),
        }
    }
    if taken.is_empty() {
        return Err(Error::content(plan.sources[0].path(), survey::nothing(&accounts)));
    }
    if let (Refusals::Fatal, Some(first)) = (plan.refusals, accounts.first()) {
        let why =
            format!("{}; {} files cannot be used, and --strict allows none", first.detail, accounts.len());
        return Err(Error::content(Path::new(&first.file), why));
    }
    let rules = Rules { plan, writer, names, homes: &homes };
    let settled = twins::settle(&rules, taken, &mut accounts, listener)?;
    let report = Report::new(about, &settled.rows, accounts);
    let bore = settled.rows.iter().filter(|row| row.flags.split(' ').any(|flag| flag == "text")).count();
    if bore > 0 {
        notes.push(format!(
            "{bore} images bore text, it seems, and were painted over there; their flag is text: look at them"
        ));
    }
    notes.extend(settled.notes.into_iter().chain(report.notes));
    let listed = plan.listed.clone();
    let report = Report { ignored, notes, listed, lookalikes: settled.lookalikes, ..report };
    Ok((settled.rows, report))
}

#[cfg(test)]
mod tests;
