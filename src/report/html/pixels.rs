//! What was measured on pixels: likeness within a grade, and the spectra's curves.

use std::collections::BTreeMap;

use doppelray_measures::radial::Spectra;

use super::shell::{figure, paragraph, section, table};
use super::text::{escape, estimate, perhaps};
use crate::report::evaluate::{Evaluation, Likeness, Spectrum};

/// The part of the page; nothing where nothing was measured.
pub(super) fn draw(report: &Evaluation) -> String {
    let mut body = String::new();
    if report.likeness.values().any(|of| of.synthetic.is_some()) {
        body += &likeness(&report.likeness);
    }
    if let Some(of) = &report.spectrum {
        body += &spectrum(of);
    }
    if body.is_empty() { body } else { section("Measured on pixels", &body) }
}

const LIKENESS: &str = "The mean structural similarity (MS-SSIM) of two images of a grade: 1 for equal ones. Clearly more than among \
                        real images means that the generator repeats itself. Pairs at random, of different subjects, no image twice.";

fn likeness(grades: &BTreeMap<String, Likeness>) -> String {
    let pairs = |of: &Option<_>| of.as_ref().map_or(0, |e: &doppelray_measures::estimate::Estimate| e.n);
    let row = |(grade, of): (&String, &Likeness)| {
        let name = format!(
            "grade {}<span class=\"below\">{} / {} pairs</span>",
            escape(grade),
            pairs(&of.real),
            pairs(&of.synthetic)
        );
        vec![name, estimate(of.real.as_ref()), estimate(of.synthetic.as_ref())]
    };
    let rows: Vec<Vec<String>> = grades.iter().map(row).collect();
    let head = ["", "Real", "Synthetic"].map(str::to_owned);
    format!("<h3>How much alike are images of a grade?</h3>\n{}", figure("", &table(&head, &rows), LIKENESS))
}

const SPECTRUM: &str = "Mean power by spatial frequency, from coarse (left) to a pixel's width (right). A synthetic curve below the real \
                        one at the right is blur; bumps there are checkerboards. The distance is the root mean square gap between the \
                        curves, beside that of two real halves at equal count.";

fn spectrum(of: &Spectrum) -> String {
    let grades = of.grades.iter().map(|(grade, spectra)| (format!("grade {grade}"), spectra));
    let all: Vec<(String, &Spectra)> =
        std::iter::once(("all".to_owned(), &of.overall)).chain(grades).collect();
    let charts: String = all.iter().map(|(name, spectra)| curves(name, spectra)).collect();
    let row = |(name, spectra): &(String, &Spectra)| {
        let decibels = |value| format!("{} dB", perhaps(value));
        vec![
            escape(name),
            format!("{} dB", estimate(Some(&spectra.distance))),
            decibels(spectra.at_floor),
            decibels(spectra.distance.floor),
        ]
    };
    let head = ["", "Distance, all images", "At the floor\u{2019}s count", "Floor"].map(str::to_owned);
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let key = "<p class=\"note keys\"><span class=\"key\"></span>synthetic<span class=\"key floor\"></span>real</p>\n";
    let charts = format!("{key}<div class=\"charts\">\n{charts}</div>\n{}", table(&head, &rows));
    format!("<h3>Power by spatial frequency</h3>\n{}", figure("", &charts, SPECTRUM))
        + &paragraph(
            "note",
            "Frequencies are in cycles an image, from 1 to half the image's width in pixels.",
        )
}

/// Both mean profiles over the logarithm of the frequency.
fn curves(name: &str, spectra: &Spectra) -> String {
    const WIDTH: f64 = 260.0;
    const HEIGHT: f64 = 130.0;
    const TOP: f64 = 22.0;
    let all = || spectra.real.iter().chain(&spectra.synthetic);
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let last = (spectra.real.len() as f64).ln().max(f64::MIN_POSITIVE);
    let line = |class: &str, profile: &[f64]| {
        let point = |(i, v): (usize, &f64)| {
            let x = WIDTH * ((i + 1) as f64).ln() / last;
            let y = TOP + HEIGHT * (high - v) / (high - low).max(f64::MIN_POSITIVE);
            format!("{x:.1},{y:.1}")
        };
        let points: Vec<String> = profile.iter().enumerate().map(point).collect();
        format!("<polyline class=\"curve {class}\" points=\"{}\"/>\n", points.join(" "))
    };
    let base = TOP + HEIGHT + 4.0;
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {5}\" role=\"img\" aria-label=\"spectrum, {0}\">\n<text class=\"title\" x=\"0\" y=\"12\">{0}</text>\n\
         {1}{2}<line class=\"axis\" x1=\"0\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\"/>\n\
         <text class=\"tick\" x=\"0\" y=\"{3}\">1</text><text class=\"tick end\" x=\"{WIDTH}\" y=\"{3}\">{4}</text>\n\
         <text class=\"tick end\" x=\"{WIDTH}\" y=\"12\">{high:.0} to {low:.0} dB</text>\n</svg>\n",
        escape(name),
        line("of-real", &spectra.real),
        line("of-synthetic", &spectra.synthetic),
        base + 14.0,
        spectra.real.len(),
        base + 18.0
    )
}
