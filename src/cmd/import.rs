//! `doppelray import`: graded image files into a collection.

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use doppelray_images::collection::{About, Kind};
use doppelray_images::import::{self, Columns, Outcome, Pattern, Plan, Refusals, Report, Split};
use doppelray_images::look::{Borders, Equalize, Look, Polarity};
use doppelray_images::{Depth, Row, Side};

use super::Common;
use crate::console::{Console, Usage};

/// Read graded X-rays (PNG, JPEG) into a collection.
///
/// Images are made grey, cut to their centred square, and resized without aliasing. All images of a subject come into one
/// split. Files that cannot be used are left out; COLLECTION/import.json accounts for every one. The exit status is 0
/// unless none is left, or --strict is given.
#[derive(Args)]
#[command(after_help = "Examples:\n  doppelray import hospital/ --out knees --split from-folders\n  \
    doppelray import films/ --labels films.csv --columns file=picture,grade=score --out knees\n\n\
    hospital/ holds GRADE/*.png or SPLIT/GRADE/*.png, where GRADE is 0 to 4, KL2, grade_2 or 2Mild; any other layout needs \
    --labels with the columns file (or path, filename, image, id) and grade (or kl, kl_grade, klg, label), and where \
    there are subject (subject_id, patient, patient_id), side (laterality) and split (set). An import that was \
    interrupted goes on when the same command is typed again.")]
pub(crate) struct Import {
    /// Folders of images.
    #[arg(required = true, value_name = "SRC")]
    sources: Vec<PathBuf>,
    /// The collection to make.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
    /// A CSV that names file and grade, and where there are subject, side and split.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// What the CSV calls its columns: NAME=COLUMN, with NAME of file, grade, subject, side, split.
    #[arg(long, value_name = "NAME=COLUMN,...", default_value = "", hide_default_value = true, requires = "labels", value_parser = columns)]
    columns: Columns,
    /// Where the images come from.
    #[arg(long, value_enum, default_value_t = KindArg::Real)]
    kind: KindArg,
    /// Width and height of the collection's images, in pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(8..=4096))]
    size: u32,
    /// Bits a pixel, 8 or 16 [default: 16 if any source has them, else 8].
    #[arg(long, value_parser = depth)]
    bits: Option<Depth>,
    /// Keep only the centred square of this many source pixels.
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..))]
    crop: Option<u32>,
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
        let (out, dry_run) = (self.out.clone(), self.dry_run);
        let console = Console::new(common);
        let plan = self.plan()?;
        let (report, last) = if dry_run {
            (import::rehearse(&plan)?, "Nothing was written (--dry-run).".to_owned())
        } else {
            (
                import::run(&plan, &out, &|event| console.listen(event))?.1,
                format!("The collection: {}", out.display()),
            )
        };
        console.finish(&(summary(&report) + &last), &report)
    }

    fn plan(self) -> anyhow::Result<Plan> {
        if let Some(file) = self.sources.iter().find(|s| !s.is_dir()) {
            let why = if file.exists() { "is not a folder" } else { "is not there" };
            return Err(Usage(format!("{}: {why}; give folders of images", file.display())).into());
        }
        if self.split == Split::FromColumn && self.labels.is_none() {
            return Err(Usage("--split from-column needs a table with --labels".into()).into());
        }
        let look = self.look();
        let about = About {
            kind: self.kind.into(),
            settings: self.settings()?,
            title: self.title,
            size: self.size,
            depth: Depth::Eight,
            licence: self.licence,
            source: self.source,
            made_by: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Plan {
            sources: self.sources,
            labels: self.labels,
            columns: self.columns,
            pattern: self.pattern.unwrap_or_default(),
            split: self.split.with_seed(self.seed),
            look,
            depth: self.bits,
            refusals: if self.strict { Refusals::Fatal } else { Refusals::LeftOut },
            about,
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

    /// For collection.toml: all that decides the pixels and the rows.
    fn settings(&self) -> anyhow::Result<toml::Table> {
        let mut settings = toml::Table::new();
        let sources: Vec<String> = self.sources.iter().map(|s| s.display().to_string()).collect();
        settings.insert("sources".into(), sources.into());
        settings.insert("pattern".into(), self.pattern.clone().unwrap_or_default().to_string().into());
        settings.insert("split".into(), self.split.to_string().into());
        settings.insert("seed".into(), i64::try_from(self.seed)?.into());
        settings.insert("resize".into(), "centred square, Lanczos 3".into());
        settings.extend(self.look().settings());
        if let Some(labels) = &self.labels {
            settings.insert("labels".into(), labels.display().to_string().into());
            settings.insert("columns".into(), self.columns.to_string().into());
        }
        Ok(settings)
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
    let mut text = format!("{:12}{:>7}{:>7}{:>7}{:>7}{:>7}{:>8}\n", "grade", 0, 1, 2, 3, 4, "all");
    let mut total = [0; 6];
    for (split, grades) in &report.counts {
        let mut counts: Vec<usize> =
            (0..5).map(|g| grades.get(&g.to_string()).copied().unwrap_or(0)).collect();
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
    report.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text
}

fn line(text: &mut String, name: &str, counts: &[usize]) {
    let cells: String = counts[..5].iter().map(|count| format!("{count:>7}")).collect();
    let _infallible = writeln!(text, "{name:12}{cells}{:>8}", counts[5]);
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
