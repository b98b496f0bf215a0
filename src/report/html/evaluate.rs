//! The page of an evaluation.

use std::path::Path;

use super::anatomy::anatomy;
use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, png_address};
use super::{measures, pixels};
use crate::report::evaluate::{Evaluation, FileHash, Pictures, Side, Space};

/// Draws the page from the report; `film` gives the PNG to show for an image that the report names.
pub(crate) fn draw(
    report: &Evaluation,
    film: &dyn Fn(&Path) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let mut body = summary(report);
    body += &section("Side by side", &gallery(report, film)?);
    for (name, space) in &report.spaces {
        body += &section(&format!("Measured by {name}"), &measures::draw(space));
    }
    body += &pixels::draw(report);
    if let Some(of) = &report.anatomy {
        body += &section("Anatomy", &anatomy(of, &report.synthetic.path, film)?);
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

/// Inputs with their hashes, settings, rules, version, command.
fn provenance(report: &Evaluation) -> String {
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let side = |name: &str, side: &Side| vec![name.to_owned(), code(&side.path), code(&side.hash)];
    let files = |(name, space): (&String, &Space)| {
        let row = |file: &FileHash| vec![escape(name), code(&file.file), code(&file.sha256)];
        space.files.iter().map(row).collect::<Vec<_>>()
    };
    let mut rows = vec![side("Real", &report.real), side("Synthetic", &report.synthetic)];
    rows.extend(report.spaces.iter().flat_map(files));
    let inputs = table(&["", "Path", "SHA-256"].map(str::to_owned), &rows);
    let s = &report.settings;
    let settings = format!(
        "Precision, recall (Kynk\u{e4}\u{e4}nniemi 2019), density and coverage (Naeem 2020) with k = {}; Fr\u{e9}chet distance squared \
         (Dowson and Landau 1982); kernel distance unbiased (Bi\u{144}kowski 2018); authenticity (Alaa 2022); Vendi score with the cosine \
         of features (Friedman and Dieng 2023); probes: linear discriminants with shrunk covariances (Ledoit and Wolf 2004), five folds by \
         subject. Intervals: {} resampled sets for shares, {} for Fr\u{e9}chet distances, by subject; else by the jackknife. \
         Floor: {} halvings. Seed {}. doppelray {}.",
        s.k, s.replicates, s.distance_replicates, s.halvings, report.seed, report.version
    );
    let rules = format!("The verdict: {} Decided here by {}.", report.verdict_rules, report.decided_by);
    let command = format!("<p>{}</p>\n", code(&report.command));
    command + &inputs + &paragraph("note", &settings) + &paragraph("note", &rules)
}
