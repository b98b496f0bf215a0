//! `doppelray import`: graded image files into a collection.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use doppelray_images::collection::{About, Collection, Kind, UNGRADED};
use doppelray_images::files::write_private;
use doppelray_images::import::{
    self, Account, Balance, Columns, Key, Lookalikes, Outcome, Pattern, Pixels, Plan, Refusals, Report,
    Source, Split, Subjects,
};
use doppelray_images::look::{Borders, Equalize, Look, Polarity};
use doppelray_images::progress::Event;
use doppelray_images::text::Text;
use doppelray_images::{Depth, Row, Side};
use serde::ser::Error;
use serde::{Serialize, Serializer};

use super::Common;
use crate::archives::{self, Archives, Typed};
use crate::console::{Console, Usage};

/// Read graded X-rays (DICOM, PNG, JPEG) into a collection.
///
/// DICOM files are known by their content, in folders, zips and media (DICOMDIR); of their headers only what decides on
/// pixels, subject, side and stratum is read, and nothing of them is written. Images are made grey, cut to their centred square, and resized without aliasing. All images of a subject come into one
/// split. Files that cannot be used are left out; COLLECTION/import.json accounts for every one. The exit status is 0
/// unless none is left, or --strict is given.
#[derive(Args)]
#[command(after_help = "Examples:\n  doppelray import hospital/ --out knees --split from-folders\n  \
    doppelray import films/ --labels films.csv --columns file=picture,grade=score --out knees\n\n\
    hospital/ holds GRADE/*.png or SPLIT/GRADE/*.png, where GRADE is 0 to 4, KL2, grade_2 or 2Mild; any other layout needs \
    --labels with the columns file (or path, filename, image, id) and grade (or kl, kl_grade, klg, label), and where \
    there are subject (subject_id, patient, patient_id), side (laterality) and split (set). An import that was \
    interrupted goes on when the same command is typed again.\n\n\
    DICOM needs no folders: subject and side are in its header, and a table may go by study (study_uid), accession or \
    subject in place of file. Without a grade an image stands under `ungraded`.\n  \
    doppelray import export.zip --labels reads.csv --new-key lab.key --out knees\n\n\
    A running archive stands in place of a folder, by its address: by DICOMweb, by DIMSE, or for whatever is sent to us. \
    What comes waits on the disk sealed by a key that is in memory alone, and nobody's name is written.\n  \
    doppelray import 'https://pacs/dicom-web/studies?StudyDate=20240101-&ModalitiesInStudy=DX' --login pacs.login \
    --key lab.key --labels reads.csv --out knees\n  \
    doppelray import 'dicom://PACS@10.0.0.7:104?StudyDate=20240101-&Modality=DX' --key lab.key --out knees\n  \
    doppelray import receive://DOPPELRAY@0.0.0.0:11112 --patience 600 --key lab.key --out knees")]
pub(crate) struct Import {
    /// Folders or zips of images, DICOMDIR files, single images, or addresses of archives: https://HOST/PATH/studies?QUERY
    /// (or /series, /instances), dicom://AE@HOST:PORT?QUERY, receive://AE@HOST:PORT.
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    /// The collection to make.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
    /// A CSV that names grade and file (or for DICOM study, accession or subject), and where there are side and split.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What the CSV calls its columns: NAME=COLUMN, with NAME of file, grade, subject, side, split, sex, site, study, accession.
    #[arg(long, value_name = "NAME=COLUMN,...", default_value = "", hide_default_value = true, requires = "labels", value_parser = columns)]
    columns: Columns,
    /// Where the images come from.
    #[arg(long, value_enum, default_value_t = KindArg::Real)]
    kind: KindArg,
    /// Width and height of the collection's images, in pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(8..=4096))]
    size: u32,
    /// Bits a pixel, 8 or 16 [default: 16 if any source has them, as DICOM does, else 8].
    #[arg(long, value_parser = depth)]
    bits: Option<Depth>,
    /// Keep only the centred square of this many source pixels.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..))]
    crop: Option<u32>,
    /// Burnt-in text (names, dates, side markers): keep, mask (paint it over) or refuse the image
    /// [default: mask where subjects get pseudonyms, else keep].
    #[arg(long, value_name = "HOW")]
    text: Option<Text>,
    /// Blank borders (padding, collimation): keep, or cut them off.
    #[arg(long, default_value = "keep", value_name = "HOW")]
    borders: Borders,
    /// Photographic negatives of frontal knees: keep, or auto (found and inverted).
    #[arg(long, default_value = "keep", value_name = "HOW")]
    polarity: Polarity,
    /// How brightness is made alike: none, percentile (1st to black, 99th to white), hist (every grey as frequent), clahe
    /// (the same by neighbourhoods, with contrast limited).
    #[arg(long, default_value = "none", value_name = "HOW")]
    equalize: Equalize,
    /// The side that all knees are shown as.
    #[arg(long, value_enum, default_value_t = MirrorArg::None)]
    mirror: MirrorArg,
    /// A regular expression for names without their ending, with the groups `(?<subject>...)` and perhaps `(?<side>...)`
    /// [default: a number with L or R behind it, as in 9003126L; other names are a subject each].
    #[arg(long, value_name = "REGEX")]
    pattern: Option<Pattern>,
    /// Shares of train/val/test drawn by subject, or from-folders, or from-column.
    #[arg(long, default_value = "70/10/20")]
    split: Split,
    /// Keys the draw of splits.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How drawn splits hold their shares: loose (in the mean; nobody ever moves when subjects are added) or exact (in each
    /// stratum of worst grade, sex and site; give --earlier when subjects are added).
    #[arg(long, default_value = "loose", value_name = "HOW")]
    balance: Balance,
    /// A collection whose subjects keep their splits.
    #[arg(long, value_name = "COLLECTION")]
    earlier: Option<PathBuf>,
    /// What becomes of images of different subjects that look like one film.
    #[arg(long, value_enum, default_value_t = LookalikesArg::Join)]
    lookalikes: LookalikesArg,
    #[command(flatten)]
    names: Names,
    /// Make no collection if any file cannot be used.
    #[arg(long)]
    strict: bool,
    /// Say what names, labels and headers tell, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// A name for people.
    #[arg(long, default_value = "", hide_default_value = true)]
    title: String,
    /// The licence of the images.
    #[arg(long, default_value = "", hide_default_value = true)]
    licence: String,
    /// A statement of where they come from.
    #[arg(long, default_value = "", hide_default_value = true)]
    source: String,
    #[command(flatten)]
    archives: Archives,
}

/// Whose names leave the lab.
#[derive(Args)]
struct Names {
    /// Call subjects and files by pseudonyms that only this file can trace: one subject has one name in every import.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new_key", "subjects"])]
    key: Option<PathBuf>,
    /// The same, by a key that is made now, in a new file for its owner alone.
    #[arg(long, value_name = "FILE", conflicts_with = "subjects")]
    new_key: Option<PathBuf>,
    /// Without a key: call subjects as the source does, or by pseudonyms that nobody can trace [default: keep; of an archive
    /// it must be said].
    #[arg(long, value_enum)]
    subjects: Option<SubjectsArg>,
    /// Where the full account goes that names every source file; it stays in the lab. COLLECTION/import.json names files by
    /// pseudonyms where subjects have them.
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SubjectsArg {
    /// As file names and tables call them.
    Keep,
    /// By pseudonyms of a key that is drawn for this import and not kept.
    Forget,
}

impl Names {
    fn subjects(&self) -> anyhow::Result<Subjects> {
        Ok(match (&self.key, &self.new_key, self.subjects) {
            (Some(file), ..) if !file.exists() => {
                let why = format!("{}: is not there; make a key with --new-key FILE", file.display());
                return Err(Usage(why).into());
            }
            (Some(file), ..) => Subjects::Keyed(Key::read(file)?),
            (_, Some(file), _) => Subjects::Keyed(Key::create(file)?),
            (.., Some(SubjectsArg::Forget)) => Subjects::Drawn,
            _ => Subjects::AsGiven,
        })
    }

    /// Refuses, before an archive is asked, what would be refused after.
    fn suit_archives(&self) -> anyhow::Result<()> {
        match (&self.key, &self.new_key, self.subjects) {
            (Some(_), ..) => self.subjects().map(drop),
            (_, Some(file), _) if file.exists() => self.subjects().map(drop),
            (None, None, None) => {
                let why = "an archive's patients are not called by name unless you say so: give --key FILE or \
                           --new-key FILE, or say --subjects forget (or keep, where it holds pseudonyms)";
                Err(Usage(why.into()).into())
            }
            _ => Ok(()),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum LookalikesArg {
    /// Their subjects are taken for one person.
    Join,
    /// All but the first are left out.
    Refuse,
    /// Nobody looks.
    Keep,
}

impl From<LookalikesArg> for Lookalikes {
    fn from(lookalikes: LookalikesArg) -> Self {
        match lookalikes {
            LookalikesArg::Join => Self::Join,
            LookalikesArg::Refuse => Self::Refuse,
            LookalikesArg::Keep => Self::Keep,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum MirrorArg {
    /// Knees stay as they are.
    None,
    /// Right knees are mirrored, so that all look like left ones.
    Left,
    /// Left knees are mirrored, so that all look like right ones.
    Right,
}

impl From<MirrorArg> for Option<Side> {
    fn from(mirror: MirrorArg) -> Self {
        match mirror {
            MirrorArg::None => None,
            MirrorArg::Left => Some(Side::Left),
            MirrorArg::Right => Some(Side::Right),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum KindArg {
    Real,
    Synthetic,
    Phantom,
}

/// Parses 8 or 16.
pub(super) fn depth(text: &str) -> Result<Depth, String> {
    text.parse::<u8>().map_err(|e| e.to_string()).and_then(Depth::try_from)
}

/// Parses renamed columns; nothing renames none.
fn columns(text: &str) -> Result<Columns, String> {
    if text.is_empty() { Ok(Columns::default()) } else { text.parse() }
}

impl Import {
    /// Imports, or with `--dry-run` says what would be.
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let (out, account) = (self.out.clone(), self.names.account.clone());
        let console = Console::new(common);
        if self.dry_run {
            let report = import::rehearse(&self.plan(&console, None)?)?;
            return console.finish(&(summary(&report) + "Nothing was written (--dry-run)."), &report);
        }
        // Typed again, it does nothing, and the account that it wrote stays.
        let done = out.exists();
        let last = format!("The collection: {}", out.display());
        let listing = self.listing()?;
        if let Some(report) = listing.as_deref().map_or(Ok(None), |listing| self.unchanged(listing))? {
            let said = "holds what the archive lists; nothing was fetched, nothing to do";
            console.listen(Event::Note(format!("{}: {said}", out.display())));
            return console.finish(&(summary(&report) + &last), &report);
        }
        let report = import::run(&self.plan(&console, listing)?, &out, &|event| console.listen(event))?.1;
        if let Some(file) = account.filter(|_| !done) {
            let bytes = serde_json::to_vec_pretty(&report)?;
            write_private(&file, &bytes).with_context(|| file.display().to_string())?;
        }
        let said = summary(&report) + &last;
        drop(report);
        console.finish(&said, &Written(&out))
    }

    /// What archives list, and what else decides on rows; `None` where a source is no archive, or one that does not tell.
    fn listing(&self) -> anyhow::Result<Option<String>> {
        let sources = archives::told_apart(&self.sources)?;
        if !sources.iter().any(|source| matches!(source, Typed::Address(_))) {
            return Ok(None);
        }
        self.names.suit_archives()?;
        let Some(mut listing) = self.archives.list(&sources)? else { return Ok(None) };
        let earlier = self.earlier.as_ref().map(|earlier| earlier.join("manifest.csv"));
        for file in self.labels.iter().chain(&earlier) {
            let bytes = fs::read(file).with_context(|| file.display().to_string())?;
            listing.push_str(&String::from_utf8_lossy(&bytes));
        }
        Ok(Some(listing))
    }

    /// The report of the collection that is there, if it is what this command would make of what archives list now.
    fn unchanged(&self, listing: &str) -> anyhow::Result<Option<Report>> {
        let named = self.names.key.is_some() || self.names.subjects == Some(SubjectsArg::Keep);
        if !named || !self.out.join("import.json").is_file() {
            return Ok(None);
        }
        let subjects = self.names.subjects()?;
        let report = import::earlier(&self.out)?;
        let mut about = self.about(&subjects, self.text(&subjects))?;
        about.depth = self.bits.unwrap_or(report.about.depth);
        let inputs = report.about.settings.get("inputs").cloned();
        about.settings.extend(inputs.map(|inputs| ("inputs".to_owned(), inputs)));
        let listed = subjects.seal(listing);
        if about != report.about || listed.is_none() || listed != report.listed {
            return Ok(None);
        }
        Collection::open(&self.out)?;
        Ok(Some(report))
    }

    fn plan(self, console: &Console, listing: Option<String>) -> anyhow::Result<Plan> {
        let sources = archives::told_apart(&self.sources)?;
        if self.split == Split::FromColumn && self.labels.is_none() {
            return Err(Usage("--split from-column needs a table with --labels".into()).into());
        }
        if let Some(file) = self.names.account.as_ref().filter(|file| file.exists() && !self.out.exists()) {
            return Err(
                Usage(format!("{}: is there already; choose another --account", file.display())).into()
            );
        }
        let look = self.look();
        let sources = if sources.iter().any(|source| matches!(source, Typed::Address(_))) {
            self.names.suit_archives()?;
            self.archives.receive(sources, &self.out, console)?
        } else {
            archives::paths(sources)
        };
        let subjects = if self.dry_run && self.names.new_key.is_some() {
            Subjects::Drawn
        } else {
            self.names.subjects()?
        };
        let text = self.text(&subjects);
        let about = self.about(&subjects, text)?;
        // What was refused may come the next time.
        let whole =
            |source: &Source| !matches!(source, Source::Received(received) if !received.refused.is_empty());
        let listed =
            listing.filter(|_| sources.iter().all(whole)).and_then(|listing| subjects.seal(&listing));
        Ok(Plan {
            sources,
            labels: self.labels,
            columns: self.columns,
            pattern: self.pattern.unwrap_or_default(),
            subjects,
            split: self.split.with(self.seed, self.balance),
            earlier: self.earlier,
            lookalikes: self.lookalikes.into(),
            text,
            look,
            depth: self.bits,
            refusals: if self.strict { Refusals::Fatal } else { Refusals::LeftOut },
            ungraded: false,
            listed,
            about,
        })
    }

    fn text(&self, subjects: &Subjects) -> Text {
        self.text.unwrap_or(match subjects {
            Subjects::AsGiven => Text::Keep,
            _ => Text::Mask,
        })
    }

    fn about(&self, subjects: &Subjects, text: Text) -> anyhow::Result<About> {
        Ok(About {
            kind: self.kind.into(),
            settings: self.settings(subjects, text)?,
            title: self.title.clone(),
            size: self.size,
            depth: Depth::Eight,
            licence: self.licence.clone(),
            source: self.source.clone(),
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }

    fn look(&self) -> Look {
        Look {
            borders: self.borders,
            crop: self.crop,
            polarity: self.polarity,
            equalize: self.equalize,
            mirror: self.mirror.into(),
        }
    }

    /// For collection.toml: all that decides the pixels and the rows. Paths may name people, and stand there only where
    /// subjects are called as given.
    fn settings(&self, subjects: &Subjects, text: Text) -> anyhow::Result<toml::Table> {
        let mut settings = subjects.settings();
        settings.insert("pattern".into(), self.pattern.clone().unwrap_or_default().to_string().into());
        settings.insert("split".into(), self.split.to_string().into());
        settings.insert("seed".into(), i64::try_from(self.seed)?.into());
        settings.insert("resize".into(), "centred square, Lanczos 3".into());
        settings.extend(self.look().settings());
        settings.insert("text".into(), text.to_string().into());
        let lookalikes = self.lookalikes.to_possible_value();
        settings.extend(lookalikes.map(|how| ("lookalikes".to_owned(), how.get_name().into())));
        if matches!(self.split, Split::Drawn { .. }) {
            settings.insert("balance".into(), self.balance.to_string().into());
        }
        if *subjects == Subjects::AsGiven {
            let sources: Vec<String> = self.sources.iter().map(|s| archives::shown(s)).collect();
            settings.insert("sources".into(), sources.into());
            if let Some(labels) = &self.labels {
                settings.insert("labels".into(), labels.display().to_string().into());
            }
        }
        if self.labels.is_some() {
            settings.insert("columns".into(), self.columns.to_string().into());
        }
        Ok(settings)
    }
}

/// The report as it stands in a collection, read once somebody wants it.
struct Written<'a>(&'a Path);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        import::earlier(self.0).map_err(S::Error::custom)?.serialize(to)
    }
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Real => Self::Real,
            KindArg::Synthetic => Self::Synthetic,
            KindArg::Phantom => Self::Phantom,
        }
    }
}

/// A table of grades by split, and what was left out and why.
fn summary(report: &Report) -> String {
    let ungraded = report.counts.values().any(|grades| grades.contains_key(UNGRADED));
    let grades = &["0", "1", "2", "3", "4", UNGRADED][..if ungraded { 6 } else { 5 }];
    let mut text = films(report);
    text += &head("grade", grades);
    let mut total = vec![0; grades.len() + 1];
    for (split, found) in &report.counts {
        let mut counts: Vec<usize> =
            grades.iter().map(|grade| found.get(*grade).copied().unwrap_or(0)).collect();
        counts.push(counts.iter().sum());
        total.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
        line(&mut text, split, &counts);
    }
    line(&mut text, "all", &total);
    let Report { subjects, read, refused, duplicates, .. } = report;
    let _infallible = writeln!(
        text,
        "{read} images of {subjects} subjects, {} x {0} pixels of {} bits; {refused} files refused, {duplicates} duplicates",
        report.about.size,
        u8::from(report.about.depth)
    );
    left_out(&mut text, report, Outcome::Refused, "refused");
    left_out(&mut text, report, Outcome::Duplicate, "repeats");
    if !report.lookalikes.is_empty() {
        let n = report.lookalikes.len();
        let _infallible = writeln!(
            text,
            "{n} pairs of images of different subjects look like one film: see lookalikes.png"
        );
    }
    report.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text
}

/// Of a few DICOM files a line each: what they held, and what became of it. Nothing where subjects have pseudonyms, which
/// must not stand beside the names of files.
fn films(report: &Report) -> String {
    const MOST: usize = 24;
    if report.about.settings.get("subjects").and_then(toml::Value::as_str) != Some("as given") {
        return String::new();
    }
    let told = |account: &&Account| account.pixels.is_some();
    if report.files.len() > MOST || !report.files.iter().any(|account| told(&account)) {
        return String::new();
    }
    let name = |account: &Account| Path::new(&account.file).file_name().map(|n| n.display().to_string());
    let names: Vec<String> = report.files.iter().map(|a| name(a).unwrap_or_default()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!("{:width$}  {:9}  {:>13}  {:>4}  becomes\n", "file", "codec", "pixels", "bits");
    for (account, name) in report.files.iter().zip(&names).filter(|(account, _)| told(account)) {
        let Some(Pixels { codec, columns, rows, bits }) = account.pixels else { continue };
        let size = format!("{columns} x {rows}");
        let same = if account.outcome == Outcome::Duplicate { "the same pixels as " } else { "" };
        let _infallible = writeln!(
            text,
            "{name:width$}  {:9}  {size:>13}  {bits:>4}  {same}{}",
            codec.name(),
            account.detail
        );
    }
    text + "\n"
}

/// The table's first line.
fn head(name: &str, grades: &[&str]) -> String {
    let cells: String = grades.iter().map(|grade| format!("{grade:>width$}", width = width(grade))).collect();
    format!("{name:12}{cells}{:>8}\n", "all")
}

fn width(grade: &str) -> usize {
    grade.len().max(5) + 2
}

fn line(text: &mut String, name: &str, counts: &[usize]) {
    let (all, grades) = counts.split_last().expect("a sum stands last");
    let width = |at: usize| if at == 5 { width(UNGRADED) } else { width("0") };
    let cells: String =
        grades.iter().enumerate().map(|(at, count)| format!("{count:>w$}", w = width(at))).collect();
    let _infallible = writeln!(text, "{name:12}{cells}{all:>8}");
}

/// The first files of one outcome.
fn left_out(text: &mut String, report: &Report, outcome: Outcome, word: &str) {
    const SHOWN: usize = 10;
    let left: Vec<_> = report.files.iter().filter(|f| f.outcome == outcome).collect();
    left.iter().take(SHOWN).for_each(|f| text.push_str(&format!("  {word}: {}: {}\n", f.file, f.detail)));
    if left.len() > SHOWN {
        text.push_str(&format!("  ... and {} more, all in import.json\n", left.len() - SHOWN));
    }
}

/// Grades by count, as one line.
pub(super) fn grades_line(rows: &[Row]) -> String {
    let count = |g: u8| rows.iter().filter(|r| r.grade == Some(g)).count();
    (0..5).map(|g| format!("grade {g}: {}", count(g))).collect::<Vec<_>>().join(", ")
}
