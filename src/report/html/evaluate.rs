//! The page of an evaluation.

use std::collections::BTreeMap;
use std::path::Path;

use doppelray_measures::compare::{Comparison, EqualCount, Figures};
use doppelray_measures::estimate::Estimate;

use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, estimate, number, perhaps, png_address};
use super::whisker::{Row, chart};
use crate::report::evaluate::{Evaluation, FileHash, Pictures, Side, Space};

/// How a measure is shown.
struct Measure {
    name: &'static str,
    /// What it means, in one line.
    meaning: &'static str,
    /// Where its axis ends at least.
    least: f64,
    of: fn(&Comparison) -> Option<&Estimate>,
    at_equal_count: fn(&Figures) -> Option<f64>,
}

const MEASURES: [Measure; 5] = [
    Measure {
        name: "Fr\u{e9}chet distance",
        meaning: "how far apart the two sets lie; less is better",
        least: 0.0,
        of: |c| c.frechet.as_ref(),
        at_equal_count: |f| f.frechet,
    },
    Measure {
        name: "Precision",
        meaning: "share of synthetic images that lie among real ones",
        least: 1.0,
        of: |c| c.precision.as_ref(),
        at_equal_count: |f| f.precision,
    },
    Measure {
        name: "Recall",
        meaning: "share of real images that lie among synthetic ones",
        least: 1.0,
        of: |c| c.recall.as_ref(),
        at_equal_count: |f| f.recall,
    },
    Measure {
        name: "Density",
        meaning: "how thickly real images surround a synthetic one; 1 is alike",
        least: 1.0,
        of: |c| c.density.as_ref(),
        at_equal_count: |f| f.density,
    },
    Measure {
        name: "Coverage",
        meaning: "share of real images with a synthetic one near by",
        least: 1.0,
        of: |c| c.coverage.as_ref(),
        at_equal_count: |f| f.coverage,
    },
];

/// Draws the page from the report; `film` gives the PNG to show for an image that the report names.
pub(crate) fn draw(
    report: &Evaluation,
    film: &dyn Fn(&Path) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let mut body = summary(report);
    body += &section("Side by side", &gallery(report, film)?);
    for (name, space) in &report.spaces {
        body += &section(&format!("Measured by {name}"), &measures(space));
    }
    body += &section("What made this", &provenance(report));
    Ok(page("evaluation", &report.verdict, &body))
}

fn summary(report: &Evaluation) -> String {
    let set = |side: &Side| {
        let split = side.split.as_ref().map_or_else(String::new, |split| format!(", split {split}"));
        format!("{} of {}{split}", count(side.count), side.title)
    };
    let sets = format!("Real: {}. Synthetic: {}.", set(&report.real), set(&report.synthetic));
    let remarks: String = report.remarks.iter().map(|remark| paragraph("lead", remark)).collect();
    remarks + &paragraph("note", &sets)
}

/// Per grade, real films over synthetic ones.
fn gallery(report: &Evaluation, film: &dyn Fn(&Path) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<String> {
    let mut grades = String::new();
    for (grade, pictures) in &report.gallery {
        let of = |side: &Side| count(side.grades.get(grade).copied().unwrap_or(0));
        let counts = format!("{} real, {} synthetic", of(&report.real), of(&report.synthetic));
        grades += &format!("<h3>Grade {}<small>{counts}</small></h3>\n", escape(grade));
        grades += &pair(report, pictures, film)?;
    }
    Ok(figure("", &grades, "Chosen at random, not by looking."))
}

fn pair(
    report: &Evaluation,
    pictures: &Pictures,
    film: &dyn Fn(&Path) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let row = |kind: &str, folder: &str, files: &[FileHash]| -> anyhow::Result<String> {
        let mut films = String::new();
        for picture in files {
            let address = png_address(&film(&Path::new(folder).join(&picture.file))?);
            let name = escape(&picture.file);
            films += &format!("<img src=\"{address}\" alt=\"{kind}: {name}\" title=\"{name}\">\n");
        }
        Ok(format!("<span class=\"{kind}\">{kind}</span>\n<div class=\"films\">\n{films}</div>\n"))
    };
    let real = row("real", &report.real.path, &pictures.real)?;
    let synthetic = row("synthetic", &report.synthetic.path, &pictures.synthetic)?;
    Ok(format!("<div class=\"pair\">\n{real}{synthetic}</div>\n"))
}

/// One space: its tables and charts.
fn measures(space: &Space) -> String {
    let grades = space.grades.iter().map(|(grade, comparison)| (format!("grade {grade}"), comparison));
    let all: Vec<(String, &Comparison)> =
        std::iter::once(("all".to_owned(), &space.overall)).chain(grades).collect();
    let charts: String = MEASURES.iter().map(|measure| measure_chart(measure, &all)).collect();
    let charts = format!("<div class=\"charts\">\n{charts}</div>\n");
    let mut out = paragraph("", &format!("{} {} numbers describe an image.", space.about, space.width));
    out += &overall(&space.overall);
    out += &figure("", &format!("{KEY}{charts}"), CAPTION);
    out += &by_grade(&all[1..]);
    out += &notes(&all);
    out
}

const KEY: &str = "<p class=\"note keys\"><span class=\"key\"></span>synthetic, all images, 95% interval\
                   <span class=\"key ring\"></span>synthetic, at the floor's count\
                   <span class=\"key floor\"></span>real against real (the floor)</p>\n";
const CAPTION: &str = "The floor is the mean over random halves of the real images, which share no subject. Fewer images lie \
                       further apart by chance, so it is the rings, not the dots, that compare with it.";

fn measure_chart(measure: &Measure, all: &[(String, &Comparison)]) -> String {
    let row = |(name, comparison): &(String, &Comparison)| Row {
        name: name.clone(),
        estimate: (measure.of)(comparison).copied(),
        at_floor: comparison.equal_count.and_then(|equal| (measure.at_equal_count)(&equal.synthetic)),
    };
    chart(measure.name, measure.least, &all.iter().map(row).collect::<Vec<_>>())
}

/// Every measure on all images, and both kinds at equal count.
fn overall(comparison: &Comparison) -> String {
    let equal = comparison.equal_count.as_ref();
    let sides = equal.map_or_else(String::new, |e| format!(" at {} a side", count(e.n)));
    let head = ["", "All images, 95% interval", &format!("Synthetic{sides}"), &format!("Real{sides}"), ""];
    let row = |measure: &Measure| {
        let at = |of: fn(&EqualCount) -> &Figures| perhaps(equal.map(of).and_then(measure.at_equal_count));
        vec![
            measure.name.to_owned(),
            estimate((measure.of)(comparison)),
            at(|e| &e.synthetic),
            at(|e| &e.real),
            format!("<span class=\"note\">{}</span>", measure.meaning),
        ]
    };
    table(&head.map(str::to_owned), &MEASURES.iter().map(row).collect::<Vec<_>>())
}

/// Grades down, measures across: value, interval, and the floor below.
fn by_grade(grades: &[(String, &Comparison)]) -> String {
    let head: Vec<String> =
        std::iter::once("").chain(MEASURES.iter().map(|m| m.name)).map(str::to_owned).collect();
    let row = |(name, comparison): &(String, &Comparison)| {
        let sizes = format!("{} / {}", count(comparison.real_images), count(comparison.synthetic_images));
        let cell = |measure: &Measure| {
            let value = (measure.of)(comparison);
            let floor = value
                .and_then(|e| e.floor)
                .map(|f| format!("<span class=\"below\">floor {}</span>", number(f)));
            estimate(value) + &floor.unwrap_or_default()
        };
        let first = format!("{}<span class=\"below\">{sizes}</span>", escape(name));
        std::iter::once(first).chain(MEASURES.iter().map(cell)).collect()
    };
    table(&head, &grades.iter().map(row).collect::<Vec<_>>())
}

/// Each note once, behind the names of what it is about.
fn notes(all: &[(String, &Comparison)]) -> String {
    let mut about = BTreeMap::<&str, Vec<&str>>::new();
    for (name, comparison) in all {
        comparison.notes.iter().for_each(|note| about.entry(note).or_default().push(name));
    }
    let each = about.iter().map(|(note, names)| format!("{}: {note}.", names.join(", ")));
    each.map(|note| paragraph("note", &note)).collect()
}

/// Inputs with their hashes, settings, rules, version, command.
fn provenance(report: &Evaluation) -> String {
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let side = |name: &str, side: &Side| vec![name.to_owned(), code(&side.path), code(&side.hash)];
    let weights = |(name, space): (&String, &Space)| {
        let file = space.weights.as_ref()?;
        Some(vec![escape(name), code(&file.file), code(&file.sha256)])
    };
    let mut rows = vec![side("Real", &report.real), side("Synthetic", &report.synthetic)];
    rows.extend(report.spaces.iter().filter_map(weights));
    let inputs = table(&["", "Path", "SHA-256"].map(str::to_owned), &rows);
    let s = &report.settings;
    let settings = format!(
        "Precision, recall (Kynk\u{e4}\u{e4}nniemi 2019), density and coverage (Naeem 2020) with k = {}; Fr\u{e9}chet distance squared \
         (Dowson and Landau 1982). Intervals: {} resampled sets for shares, {} for distances, by subject. \
         Floor: {} halvings. Seed {}. doppelray {}.",
        s.k, s.replicates, s.distance_replicates, s.halvings, report.seed, report.version
    );
    let rules = format!("The verdict: {} Decided here by {}.", report.verdict_rules, report.decided_by);
    let command = format!("<p>{}</p>\n", code(&report.command));
    command + &inputs + &paragraph("note", &settings) + &paragraph("note", &rules)
}
