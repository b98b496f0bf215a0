//! The page of a reader study.

use doppelray_measures::estimate::Estimate;
use doppelray_measures::panel::equivalence::Equivalence;
use doppelray_study::analysis::{Gallery, Grading, Judging, Pairing, Report, Shown};

use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, estimate, number, perhaps, png_address};
use super::whisker::{Row, chart};

/// Draws the page; `film` gives the PNG of an image by its number in the study.
pub(crate) fn draw(
    report: &Report,
    film: &dyn Fn(usize) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let mut body = paragraph("lead", &lead(report));
    if let Some(j) = &report.judging {
        body += &section("Real or synthetic", &judging(j));
    }
    if let Some(p) = &report.pairing {
        body += &section("Which of two is real", &pairing(p));
    }
    if let Some(g) = &report.grading {
        body += &section("Severity", &grading(g));
    }
    body += &gallery(&report.gallery, film)?;
    body += &section("Time and order", &course(report));
    body += &section("For the methods section", &paragraph("", &report.methods));
    if !report.cautions.is_empty() {
        body += &section("Cautions", &report.cautions.iter().map(|c| paragraph("", c)).collect::<String>());
    }
    body += &section("What made this", &provenance(report));
    Ok(page("reader study", &report.verdict, &body))
}

fn lead(report: &Report) -> String {
    let cases = &report.cases;
    let unfinished = match report.unfinished {
        0 => String::new(),
        n => format!(" {n} more began and did not finish; they are left out."),
    };
    format!(
        "{} readers, {} real and {} synthetic images, no two of one subject.{unfinished} Every interval is of 95%, for other readers and \
         other images, unless told.",
        report.readers,
        count(cases.real),
        count(cases.synthetic)
    )
}

fn judging(j: &Judging) -> String {
    let row = |name: &str, e: &Estimate, meaning: &str| {
        vec![name.to_owned(), estimate(Some(e)), format!("<span class=\"note\">{}</span>", escape(meaning))]
    };
    let mut rows = vec![
        row("Synthetic taken for real", &j.fakes_taken_for_real, "share of synthetic images"),
        row("Real taken for synthetic", &j.reals_taken_for_fake, "share of real images"),
        row("The first less the second", &j.fakes_less_reals, "above 0: synthetic images pass more easily"),
        row("Accuracy", &j.accuracy, "right answers, both kinds weighing alike; 0.5 is chance"),
        row("Sensitivity", &j.sensitivity, "synthetic images called synthetic"),
        row("Specificity", &j.specificity, "real images called real"),
        row("AUC", &j.auc, "area under the ROC curve of the confidence (Obuchowski and Rockette)"),
    ];
    if let Some(u) = &j.auc_u_statistic {
        rows.push(row("AUC, U-statistic", u, "with the U-statistic variance (Gallas, as iMRMC)"));
    }
    rows.push(row("d\u{2032}", &j.d_prime, "signal detection; 0 is chance"));
    rows.push(row("Bias c", &j.bias, "above 0: a leaning toward \u{201c}real\u{201d}"));
    if let Some(again) = &j.repeat_agreement {
        rows.push(row("Same verdict twice", again, "images shown a second time; exact interval"));
    }
    let mut out = table(&["", "Mean over readers", ""].map(str::to_owned), &rows);
    out += &equivalences(&[("Accuracy", &j.accuracy_equivalence), ("AUC", &j.auc_equivalence)]);
    let mut marks: Vec<Row> = j
        .by_reader
        .iter()
        .map(|r| Row { name: format!("Reader {}", r.reader), estimate: Some(r.auc), at_floor: None })
        .collect();
    marks.push(Row { name: "All".to_owned(), estimate: Some(j.auc), at_floor: None });
    let charts = format!("<div class=\"charts\">\n{}{}</div>\n", chart("AUC", 1.0, &marks), roc(&j.roc));
    out += &figure(
        "",
        &charts,
        "Left: each reader's area under the curve, with the interval for other images, and the mean with that for \
                    other readers and images. Right: the ROC curve of all readers' ratings together.",
    );
    let head =
        ["", "Synthetic taken for real", "Real taken for synthetic", "Accuracy", "AUC", "d\u{2032}", "c"];
    let rows: Vec<Vec<String>> = j
        .by_reader
        .iter()
        .map(|r| {
            vec![
                format!("Reader {}", r.reader),
                estimate(Some(&r.fakes_taken_for_real)),
                estimate(Some(&r.reals_taken_for_fake)),
                estimate(Some(&r.accuracy)),
                estimate(Some(&r.auc)),
                number(settled(r.d_prime)),
                number(settled(r.bias)),
            ]
        })
        .collect();
    out + "<h3>Each reader</h3>\n"
        + &table(&head.map(str::to_owned), &rows)
        + &paragraph(
            "note",
            "Here intervals are for other images alone: exact for shares, DeLong's for the area.",
        )
}

/// What is 0 but for rounding.
fn settled(value: f64) -> f64 {
    if value.abs() < 1e-9 { 0.0 } else { value }
}

fn equivalences(of: &[(&str, &Equivalence)]) -> String {
    let line = |(name, e): &(&str, &Equivalence)| {
        let said =
            if e.equivalent { "is equivalent to chance" } else { "is not shown to be equivalent to chance" };
        format!(
            "{name} {said} within {:.2} \u{b1} {:.2}: 90% interval {} to {}, p = {:.3} (two one-sided tests); p = {:.3} for a difference.",
            e.reference,
            e.margin,
            number(e.low),
            number(e.high),
            e.p,
            e.p_difference
        )
    };
    of.iter().map(|pair| paragraph("", &line(pair))).collect()
}

/// The curve with the line of chance.
fn roc(points: &[[f64; 2]]) -> String {
    const SIDE: f64 = 170.0;
    const LEFT: f64 = 30.0;
    let at = |[x, y]: &[f64; 2]| format!("{:.1},{:.1}", LEFT + SIDE * x, 24.0 + SIDE * (1.0 - y));
    let line: Vec<String> = points.iter().map(at).collect();
    let dots: String = points
        .iter()
        .map(|p| {
            let (x, y) = (LEFT + SIDE * p[0], 24.0 + SIDE * (1.0 - p[1]));
            format!("<circle class=\"value\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>")
        })
        .collect();
    let (bottom, right) = (24.0 + SIDE, LEFT + SIDE);
    format!(
        "<svg viewBox=\"0 0 260 226\" role=\"img\" aria-label=\"ROC curve\">\n<text class=\"title\" x=\"0\" y=\"12\">ROC curve</text>\n\
         <path class=\"axis\" fill=\"none\" d=\"M{LEFT} 24V{bottom}H{right}\"/><path class=\"axis\" d=\"M{LEFT} {bottom}L{right} 24\"/>\
         <polyline fill=\"none\" class=\"reach\" points=\"{}\"/>{dots}\n\
         <text class=\"tick end\" x=\"{right}\" y=\"{}\">real images called synthetic</text>\
         <text class=\"tick\" transform=\"translate(20 {bottom}) rotate(-90)\">synthetic called synthetic</text>\n</svg>\n",
        line.join(" "),
        bottom + 16.0
    )
}

fn pairing(p: &Pairing) -> String {
    let rows = [
        vec![
            "Real one found".to_owned(),
            estimate(Some(&p.found)),
            "<span class=\"note\">0.5 is chance</span>".to_owned(),
        ],
        vec![
            "Said \u{201c}right\u{201d}".to_owned(),
            estimate(Some(&p.said_right)),
            "<span class=\"note\">sides are even</span>".to_owned(),
        ],
    ];
    let marks: Vec<Row> = p
        .by_reader
        .iter()
        .enumerate()
        .map(|(i, e)| Row { name: format!("{}", i + 1), estimate: Some(*e), at_floor: None })
        .collect();
    table(&["", "Mean over readers", ""].map(str::to_owned), &rows)
        + &equivalences(&[("The share found", &p.equivalence)])
        + &figure(
            "",
            &format!("<div class=\"charts\">\n{}</div>\n", chart("Found, by reader", 1.0, &marks)),
            "Exact intervals, for other pairs.",
        )
}

fn grading(g: &Grading) -> String {
    let kinds = ["real", "synthetic"].map(|kind| g.kinds.get(kind));
    type Of = fn(&doppelray_study::analysis::Agreement) -> Option<Estimate>;
    let measures: [(&str, Of); 7] = [
        ("Kappa between readers", |a| a.kappa),
        ("ICC(2,1) between readers", |a| a.icc),
        ("Kappa with the label", |a| a.label_kappa),
        ("Exactly the label", |a| Some(a.exact)),
        ("Grade given less label", |a| Some(a.shift)),
        ("Quality, 1 to 5", |a| Some(a.quality)),
        ("Confidence, 1 to 5", |a| Some(a.confidence)),
    ];
    let differences =
        [g.kappa_difference, None, g.label_kappa_difference, None, Some(g.shift_difference), None, None];
    let rows: Vec<Vec<String>> = measures
        .iter()
        .zip(&differences)
        .map(|((name, of), difference)| {
            let cells = kinds.map(|kind| estimate(kind.and_then(of).as_ref()));
            let [real, synthetic] = cells;
            vec![(*name).to_owned(), real, synthetic, estimate(difference.as_ref())]
        })
        .collect();
    let mut out = table(&["", "Real", "Synthetic", "Synthetic less real"].map(str::to_owned), &rows);
    out += &paragraph(
        "note",
        "Kappa has quadratic weights; its intervals are for other images, the readers as they are.",
    );
    if let Some(kappa) = g.repeat_kappa {
        out += &paragraph(
            "",
            &format!(
                "Readers who saw an image twice agreed with themselves with a kappa of {}.",
                number(kappa)
            ),
        );
    }
    for (kind, agreement) in &g.kinds {
        let head: Vec<String> =
            std::iter::once(String::new()).chain((0..5).map(|grade| format!("given {grade}"))).collect();
        let rows: Vec<Vec<String>> = agreement
            .confusion
            .iter()
            .enumerate()
            .map(|(label, row)| {
                std::iter::once(format!("label {label}")).chain(row.iter().map(|n| count(*n))).collect()
            })
            .collect();
        out += &format!("<h3>Grades given to {kind} images</h3>\n{}", table(&head, &rows));
    }
    out
}

fn course(report: &Report) -> String {
    let mut out = String::new();
    for (part, times) in &report.times {
        let kinds: Vec<String> = times.by_kind.iter().map(|(kind, s)| format!("{kind} {s:.1} s")).collect();
        out += &paragraph(
            "",
            &format!(
                "{}: median {:.1} s a case (quartiles {:.1} and {:.1}); by kind: {}.",
                part_name(part),
                times.median,
                times.low,
                times.high,
                kinds.join(", ")
            ),
        );
    }
    for (part, learning) in &report.learning {
        let head = ["", "First quarter", "Second", "Third", "Last", "First to last"].map(str::to_owned);
        let cells =
            learning.quarters.iter().map(|e| estimate(Some(e))).chain([estimate(learning.slope.as_ref())]);
        let row: Vec<String> = std::iter::once(part_name(part).to_owned()).chain(cells).collect();
        out += &table(&head, &[row]);
    }
    out + &paragraph(
        "note",
        "Share of right answers over the order of showing (severity: exactly the label); intervals for other readers.",
    )
}

fn part_name(part: &str) -> &str {
    match part {
        "grade" => "Severity",
        "judge" => "Real or synthetic",
        _ => "Which of two",
    }
}

fn gallery(gallery: &Gallery, film: &dyn Fn(usize) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<String> {
    let sorts = [
        ("Synthetic, most taken for real", &gallery.fooling, "synthetic"),
        ("Synthetic, most found out", &gallery.found_out, "synthetic"),
        ("Real, most taken for synthetic", &gallery.suspected, "real"),
    ];
    let mut out = String::new();
    for (heading, images, kind) in sorts {
        if images.is_empty() {
            continue;
        }
        let mut films = String::new();
        for shown in images {
            films += &one(shown, kind, film)?;
        }
        out += &format!("<h3>{heading}</h3>\n<div class=\"films shown\">\n{films}</div>\n");
    }
    if out.is_empty() {
        return Ok(out);
    }
    let caption = "Under each image: its label, and how many readers took it for what it is not. Rings: where readers saw what gave it away.";
    Ok(section("Images", &figure("", &out, caption)))
}

fn one(shown: &Shown, kind: &str, film: &dyn Fn(usize) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<String> {
    let address = png_address(&film(shown.number)?);
    let rings: String = shown
        .marks
        .iter()
        .map(|[x, y]| format!("<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"/>", 100.0 * x, 100.0 * y))
        .collect();
    let name = escape(&shown.source);
    let said = format!("grade {} \u{b7} {} of {}", shown.grade, shown.fooled, shown.readers);
    Ok(format!(
        "<div class=\"film\"><img src=\"{address}\" alt=\"{kind}: {name}\" title=\"{name}\"><svg viewBox=\"0 0 100 100\" aria-hidden=\"true\">{rings}</svg>\
         <span class=\"below\">{said}</span></div>\n"
    ))
}

fn provenance(report: &Report) -> String {
    let made = &report.made_from;
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let rows = [
        vec!["Answers".to_owned(), code(&made.answers)],
        vec![format!("Log, {} lines", made.log_lines), code(&made.log_head)],
        vec!["Real images".to_owned(), code(&made.real)],
        vec!["Synthetic images".to_owned(), code(&made.synthetic)],
        vec!["Pixels".to_owned(), code(&made.pixels)],
    ];
    let repeats = report.judging.as_ref().and_then(|j| j.repeat_agreement).map(|e| e.value);
    let absent: String = report.absent.iter().map(|a| paragraph("note", a)).collect();
    table(&["", "SHA-256"].map(str::to_owned), &rows)
        + &paragraph(
            "note",
            &format!(
                "Seed {}. doppelray {}. Verdicts repeated: {}.",
                made.seed,
                made.version,
                perhaps(repeats)
            ),
        )
        + &absent
}
