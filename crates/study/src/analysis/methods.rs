//! The report in sentences.

use doppelray_measures::estimate::Estimate;

use super::Report;
use crate::design::Design;
use crate::study::About;

fn percent(e: &Estimate) -> String {
    format!("{:.1}% (95% interval {:.1} to {:.1})", 100.0 * e.value, 100.0 * e.low, 100.0 * e.high)
}

fn plain(e: &Estimate) -> String {
    format!("{:.2} ({:.2} to {:.2})", e.value, e.low, e.high)
}

/// The finding in a sentence or two, by fixed rules from the numbers.
pub(super) fn verdict(report: &Report) -> String {
    if let Some(j) = &report.judging {
        let told = match (j.auc_equivalence.equivalent, j.auc_equivalence.p_difference < 0.05) {
            (true, _) => "Readers could not tell synthetic from real",
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
            "{told} (AUC {}, margin {:.2}). {:.0}% of synthetic images were taken for real and {:.0}% of real ones for synthetic: {more}.",
            plain(&j.auc),
            j.auc_equivalence.margin,
            100.0 * fakes,
            100.0 * reals
        );
    }
    if let Some(p) = &report.pairing {
        let told = match (p.equivalence.equivalent, p.equivalence.p_difference < 0.05) {
            (true, _) => "Readers could not tell which of two images is real",
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
    let mut out = format!(
        "{} readers read {} real and {} synthetic radiographs ({} of either kind), no two of one subject, all of {} x {} pixels at {} bits, \
         in an order of their own, balanced over pairs of readers. {asked} ",
        report.readers,
        report.cases.real,
        report.cases.synthetic,
        grades.join(", "),
        about.images.size,
        about.images.size,
        u8::from(about.images.depth)
    );
    if let Some(j) = &report.judging {
        out += &format!(
            "{} of synthetic images were taken for real and {} of real images for synthetic (difference {:.1} points, {:.1} to {:.1}). \
             Accuracy was {}, the area under the ROC curve {}",
            percent(&j.fakes_taken_for_real),
            percent(&j.reals_taken_for_fake),
            100.0 * j.fakes_less_reals.value,
            100.0 * j.fakes_less_reals.low,
            100.0 * j.fakes_less_reals.high,
            percent(&j.accuracy),
            plain(&j.auc)
        );
        if let Some(u) = &j.auc_u_statistic {
            out += &format!(" (U-statistic interval {:.2} to {:.2})", u.low, u.high);
        }
        let e = &j.auc_equivalence;
        out += &format!(
            "; equivalence to 0.5 within {:.2} by two one-sided tests: p = {:.3}. d' was {}, bias c {}. ",
            e.margin,
            e.p,
            plain(&j.d_prime),
            plain(&j.bias)
        );
    }
    if let Some(p) = &report.pairing {
        out += &format!(
            "They found the real one in {}; equivalence to 50% within {:.0} points: p = {:.3}. ",
            percent(&p.found),
            100.0 * p.equivalence.margin,
            p.equivalence.p
        );
    }
    if let Some(g) = &report.grading {
        for (kind, a) in &g.kinds {
            let or_none = |e: &Option<Estimate>| e.as_ref().map_or_else(|| "not defined".to_owned(), plain);
            out += &format!(
                "On {kind} images quadratic-weighted kappa was {} between readers and {} with the label, ICC(2,1) {}. ",
                or_none(&a.kappa),
                or_none(&a.label_kappa),
                or_none(&a.icc)
            );
        }
    }
    out + "Means over readers have 95% intervals for other readers and other images (Obuchowski and Rockette 1995 with Hillis's degrees of \
           freedom; U-statistic: Gallas 2006; covariances: DeLong 1988, for d' the jackknife); kappa: percentile bootstrap over images; d' with \
           the log-linear correction (Hautus 1995)."
}
