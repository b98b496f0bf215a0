//! The measures of one feature space: tables and charts.

use std::collections::BTreeMap;

use doppelray_measures::compare::{Comparison, EqualCount, Figures, Measure};
use doppelray_measures::radiomics::frechet_radiomics;

use super::reading;
use super::shell::{figure, paragraph, table};
use super::text::{count, escape, estimate, number, perhaps};
use super::whisker::{Row, chart};
use crate::report::evaluate::Space;

/// How a measure is shown.
struct Shown {
    measure: Measure,
    name: &'static str,
    /// What it means, in one line.
    meaning: &'static str,
    /// Where its axis ends at least.
    least: f64,
}

const fn shown(measure: Measure, name: &'static str, meaning: &'static str, least: f64) -> Shown {
    Shown { measure, name, meaning, least }
}

const SHOWN: [Shown; Measure::ALL.len()] = [
    shown(Measure::Frechet, "Fr\u{e9}chet distance", "how far apart the two sets lie; less is better", 0.0),
    shown(
        Measure::Kid,
        "Kernel distance",
        "the same by another way that few images do not bias; about 0 is alike",
        0.0,
    ),
    shown(Measure::Precision, "Precision", "share of synthetic images that lie among real ones", 1.0),
    shown(Measure::Recall, "Recall", "share of real images that lie among synthetic ones", 1.0),
    shown(Measure::Density, "Density", "how thickly real images surround a synthetic one; 1 is alike", 1.0),
    shown(Measure::Coverage, "Coverage", "share of real images with a synthetic one near by", 1.0),
    shown(
        Measure::Authenticity,
        "Authenticity",
        "share of synthetic images no nearer to a real one than real ones are to each other; far below the floor: copies",
        1.0,
    ),
    shown(
        Measure::Vendi,
        "Vendi score",
        "how many different images the set amounts to; below the floor: too much alike",
        0.0,
    ),
    shown(
        Measure::Detectability,
        "Detectability",
        "area under the curve of a probe that tells synthetic from real; 0.5 is chance",
        1.0,
    ),
];

/// One space: its tables and charts.
pub(crate) fn draw(space: &Space) -> String {
    let grades = space.grades.iter().map(|(grade, comparison)| (format!("grade {grade}"), comparison));
    let all: Vec<(String, &Comparison)> =
        std::iter::once(("all".to_owned(), &space.overall)).chain(grades).collect();
    let charts: String = SHOWN.iter().map(|shown| measure_chart(shown, &all)).collect();
    let charts = format!("<div class=\"charts\">\n{charts}</div>\n");
    let mut out = paragraph("", &format!("{} {} numbers describe an image.", space.about, space.width));
    out += &overall(space);
    out += &figure("", &format!("{KEY}{charts}"), CAPTION);
    out += &by_part(&all[1..]);
    out += &notes(&all);
    if !space.groups.is_empty() {
        let groups: Vec<(String, &Comparison)> =
            space.groups.iter().map(|(name, c)| (name.clone(), c)).collect();
        out += &format!("<h3>By group</h3>\n{}{}", by_part(&groups), notes(&groups));
    }
    out += &space.consistency.as_ref().map_or_else(String::new, reading::draw);
    out
}

const KEY: &str = "<p class=\"note keys\"><span class=\"key\"></span>synthetic, all images, 95% interval\
                   <span class=\"key ring\"></span>synthetic, at the floor's count\
                   <span class=\"key floor\"></span>real against real (the floor)</p>\n";
const CAPTION: &str = "The floor is the mean over random halves of the real images, which share no subject. Fewer images lie \
                       further apart by chance, so it is the rings, not the dots, that compare with it.";

fn measure_chart(shown: &Shown, all: &[(String, &Comparison)]) -> String {
    let row = |(name, comparison): &(String, &Comparison)| Row {
        name: name.clone(),
        estimate: comparison.measures[shown.measure],
        at_floor: comparison.equal_count.and_then(|equal| equal.synthetic[shown.measure]),
    };
    chart(shown.name, shown.least, &all.iter().map(row).collect::<Vec<_>>())
}

/// Every measure on all images, and both kinds at equal count.
fn overall(space: &Space) -> String {
    let comparison = &space.overall;
    let equal = comparison.equal_count.as_ref();
    let sides = equal.map_or_else(String::new, |e| format!(" at {} a side", count(e.n)));
    let head = ["", "All images, 95% interval", &format!("Synthetic{sides}"), &format!("Real{sides}"), ""];
    let row = |shown: &Shown| {
        let at = |of: fn(&EqualCount) -> &Figures| perhaps(equal.map(of).and_then(|f| f[shown.measure]));
        vec![
            shown.name.to_owned(),
            estimate(comparison.measures[shown.measure].as_ref()),
            at(|e| &e.synthetic),
            at(|e| &e.real),
            format!("<span class=\"note\">{}</span>", shown.meaning),
        ]
    };
    let mut rows: Vec<Vec<String>> = SHOWN.iter().map(row).collect();
    if let Some(infinite) = &comparison.frechet_infinite {
        let meaning =
            "<span class=\"note\">the same followed to infinitely many images; the floor would be 0</span>";
        let dash = || perhaps(None);
        let name = "Fr\u{e9}chet distance, extrapolated".to_owned();
        rows.insert(1, vec![name, estimate(Some(infinite)), dash(), dash(), meaning.to_owned()]);
    }
    if let Some(radiomics) = &space.frechet_radiomics {
        let log = |of: fn(&EqualCount) -> &Figures| {
            perhaps(equal.map(of).and_then(|f| f[Measure::Frechet]).and_then(frechet_radiomics))
        };
        let meaning =
            "<span class=\"note\">the logarithm of the first line, as it is published (Konz 2026)</span>";
        let [name, synthetic, real] =
            ["Fr\u{e9}chet radiomics distance".to_owned(), log(|e| &e.synthetic), log(|e| &e.real)];
        rows.insert(1, vec![name, estimate(Some(radiomics)), synthetic, real, meaning.to_owned()]);
    }
    table(&head.map(str::to_owned), &rows)
}

/// Measures down, parts across: value, interval, and the floor below.
fn by_part(parts: &[(String, &Comparison)]) -> String {
    if parts.is_empty() {
        return String::new();
    }
    let head = parts.iter().map(|(name, comparison)| {
        let sizes = format!("{} / {}", count(comparison.real_images), count(comparison.synthetic_images));
        format!("{}<span class=\"below\">{sizes}</span>", escape(name))
    });
    let head: Vec<String> = std::iter::once("real / synthetic".to_owned()).chain(head).collect();
    let row = |shown: &Shown| {
        let cell = |(_, comparison): &(String, &Comparison)| {
            let Some(e) = comparison.measures[shown.measure] else { return perhaps(None) };
            let below = |text: String| format!("<span class=\"below\">{text}</span>");
            let reach = below(format!("{}\u{2009}\u{2013}\u{2009}{}", number(e.low), number(e.high)));
            let floor = e.floor.map(|f| below(format!("floor {}", number(f)))).unwrap_or_default();
            number(e.value) + &reach + &floor
        };
        std::iter::once(shown.name.to_owned()).chain(parts.iter().map(cell)).collect()
    };
    table(&head, &SHOWN.iter().map(row).collect::<Vec<_>>())
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
