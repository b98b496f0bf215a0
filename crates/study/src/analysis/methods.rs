//! The report in sentences.

use doppelray_measures::estimate::Estimate;

use super::{Grading, Judging, Pairing, REPLICATES, Report};
use crate::design::Design;
use crate::study::About;

/// A number with so many decimals, with a minus sign that is none where all of them are 0.
pub fn decimals(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(size) if size.contains(|c: char| ('1'..='9').contains(&c)) => format!("\u{2212}{size}"),
        Some(size) => size.to_owned(),
        None => text,
    }
}

/// A p value as journals want it.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

fn with_interval(e: &Estimate, (scale, digits): (f64, usize), unit: &str) -> String {
    let [value, low, high] = [e.value, e.low, e.high].map(|v| decimals(scale * v, digits));
    format!("{value}{unit} (95% interval {low} to {high})")
}

fn percent(e: &Estimate) -> String {
    with_interval(e, (100.0, 1), "%")
}

fn plain(e: &Estimate) -> String {
    with_interval(e, (1.0, 2), "")
}

/// The finding in a sentence or two, by fixed rules from the numbers.
pub(super) fn verdict(report: &Report) -> String {
    if let Some(j) = &report.judging {
        let told = match (j.auc_equivalence.equivalent, j.auc_equivalence.p_difference < 0.05) {
            (true, false) => "Readers could not tell synthetic from real",
            // Off chance, but by less than the margin.
            (true, true) => "Readers could hardly tell synthetic from real",
            (false, true) if j.auc.value > 0.5 => "Readers could tell synthetic from real better than chance",
            (false, true) => "Readers judged worse than chance",
            (false, false) => "Whether readers can tell synthetic from real is undecided",
        };
        let (fakes, reals) = (j.fakes_taken_for_real.value, j.reals_taken_for_fake.value);
        let more = if j.fakes_less_reals.low > 0.0 {
            "more synthetic images were taken for real than the reverse"
        } else if j.fakes_less_reals.high < 0.0 {
            "fewer synthetic images were taken for real than the reverse"
        } else {
            "neither kind was mistaken more often beyond chance"
        };
        return format!(
            "{told}: AUC {}, margin {:.2}. {:.0}% of synthetic images were taken for real and {:.0}% of real ones for synthetic: {more}.",
            plain(&j.auc),
            j.auc_equivalence.margin,
            100.0 * fakes,
            100.0 * reals
        );
    }
    if let Some(p) = &report.pairing {
        let told = match (p.equivalence.equivalent, p.equivalence.p_difference < 0.05) {
            (true, false) => "Readers could not tell which of two images is real",
            (true, true) => "Readers could hardly tell which of two images is real",
            (false, true) => "Readers could tell which of two images is real, or systematically erred",
            (false, false) => "Whether readers can tell which of two images is real is undecided",
        };
        return format!("{told}: they found {}.", percent(&p.found));
    }
    match &report.grading {
        Some(g) => {
            let kappa = |kind: &str| {
                g.kinds.get(kind).and_then(|a| a.kappa).map_or_else(|| "none".to_owned(), |e| plain(&e))
            };
            format!(
                "Readers agreed on the severity of synthetic images with a weighted kappa of {}, on that of real ones with {}.",
                kappa("synthetic"),
                kappa("real")
            )
        }
        None => "No reader has finished a part yet.".to_owned(),
    }
}

/// A paragraph for a paper.
pub(super) fn paragraph(report: &Report, about: &About) -> String {
    let judged = report.judging.as_ref().map(|j| judged(j, report.readers));
    let paired = report.pairing.as_ref().map(|p| paired(p, report.readers));
    let graded = report.grading.as_ref().map(|g| graded(g, report.readers));
    let method = format!(
        "Means over readers have 95% intervals for other readers and other images (Obuchowski and Rockette 1995 with Hillis's degrees of \
         freedom; U-statistic: Gallas 2006; covariances: DeLong 1988, for d' the jackknife); kappa: percentile bootstrap over images, \
         {REPLICATES} resamples; d' with the log-linear correction (Hautus 1995). Analysed with doppelray {}.",
        report.made_from.version
    );
    let parts = [Some(designed(report, about)), judged, paired, graded, Some(method)];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn designed(report: &Report, about: &About) -> String {
    let grades: Vec<String> = report.cases.grades.iter().map(|(g, n)| format!("{n} of grade {g}")).collect();
    let asked = match report.design {
        Design::TwoPhase => {
            "In a first part readers graded severity (Kellgren-Lawrence 0-4), quality and confidence without knowing that any image was \
             synthetic; in a second they judged the same images as real or synthetic with a confidence of 1 to 5."
        }
        Design::Grading => "Readers graded severity (Kellgren-Lawrence 0-4), quality and confidence.",
        Design::RealOrFake => "Readers judged each image as real or synthetic with a confidence of 1 to 5.",
        Design::Paired => {
            "Readers chose which of two images of one grade, one real and one synthetic, was real."
        }
    };
    let unfinished = match report.unfinished {
        0 => String::new(),
        n => format!(" ({n} more did not finish a part and are left out of it)"),
    };
    let size = about.images.size;
    format!(
        "{} reader{}{unfinished} read {} real and {} synthetic radiographs ({} of either kind), no two of one subject, all of \
         {size} \u{d7} {size} pixels at {} bits, in an order of their own, balanced over pairs of readers. {asked}",
        report.readers,
        if report.readers == 1 { "" } else { "s" },
        report.cases.real,
        report.cases.synthetic,
        grades.join(", "),
        u8::from(about.images.depth)
    )
}

/// Names how many readers a part is about, where they are not all.
fn of_those(readers: usize, all: usize, part: &str) -> String {
    if readers == all { String::new() } else { format!("By the {readers} readers who finished {part}: ") }
}

fn judged(j: &Judging, readers: usize) -> String {
    let e = &j.auc_equivalence;
    let apart = [j.fakes_less_reals.value, j.fakes_less_reals.low, j.fakes_less_reals.high];
    let [apart, low, high] = apart.map(|v| decimals(100.0 * v, 1));
    let u_statistic = j.auc_u_statistic.map_or_else(String::new, |u| {
        format!(", {} to {} by the U-statistic", decimals(u.low, 2), decimals(u.high, 2))
    });
    format!(
        "{}{} of synthetic images were taken for real and {} of real images for synthetic (difference {apart} points, {low} to {high}). \
         Accuracy was {}, the area under the ROC curve {}{u_statistic}; equivalence to 0.5 within {:.2}, a margin set beforehand, by two \
         one-sided tests: {}; difference from 0.5: {}. d' was {}, bias c {}.",
        of_those(j.by_reader.len(), readers, "this part"),
        percent(&j.fakes_taken_for_real),
        percent(&j.reals_taken_for_fake),
        percent(&j.accuracy),
        plain(&j.auc),
        e.margin,
        p_value(e.p),
        p_value(e.p_difference),
        plain(&j.d_prime),
        plain(&j.bias)
    )
}

fn paired(p: &Pairing, readers: usize) -> String {
    format!(
        "{}The real one was found in {}; equivalence to 50% within {:.0} points, a margin set beforehand, by two one-sided tests: {}; \
         difference from 50%: {}.",
        of_those(p.by_reader.len(), readers, "this part"),
        percent(&p.found),
        100.0 * p.equivalence.margin,
        p_value(p.equivalence.p),
        p_value(p.equivalence.p_difference)
    )
}

fn graded(g: &Grading, readers: usize) -> String {
    let or_none = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "not defined".to_owned(), plain);
    let kinds = g.kinds.iter().map(|(kind, a)| {
        format!(
            "On {kind} images quadratic-weighted kappa was {} between readers and {} with the label, ICC(2,1) {}.",
            or_none(&a.kappa),
            or_none(&a.label_kappa),
            or_none(&a.icc)
        )
    });
    let shift = format!(
        "Grades given less labels were {} points higher on synthetic images than on real ones.",
        plain(&g.shift_difference)
    );
    of_those(g.readers, readers, "grading") + &kinds.chain([shift]).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_journals_want_them() {
        let written = [(-0.042, 2), (-0.001, 2), (0.5, 1), (-10.0, 0)].map(|(v, d)| decimals(v, d));
        assert_eq!(written, ["\u{2212}0.04", "0.00", "0.5", "\u{2212}10"]);
        assert_eq!([0.0004, 0.001, 0.0495].map(p_value), ["p < 0.001", "p = 0.001", "p = 0.050"]);
    }
}
