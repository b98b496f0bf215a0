//! The page of a reader study.

use doppelray_measures::estimate::Estimate;
use doppelray_measures::panel::equivalence::Equivalence;
use doppelray_study::analysis::{
    Agreement, Fooled, Gallery, Grading, Judging, Learning, Pairing, ReaderJudging, Report, Shown, Times,
    decimals, p_value,
};

use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, png_address, sentence};
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
    body += &section("For a paper", &paragraph("", &report.methods));
    if !report.cautions.is_empty() {
        body += &section(
            "Cautions",
            &report.cautions.iter().map(|c| paragraph("", &sentence(c))).collect::<String>(),
        );
    }
    body += &section("What made this", &provenance(report));
    Ok(page("reader study", &report.verdict, &body))
}

fn lead(report: &Report) -> String {
    let cases = &report.cases;
    let unfinished = match report.unfinished {
        0 => String::new(),
        n => format!(" {n} did not finish a part that they had begun and are left out of it."),
    };
    format!(
        "{} reader{}, {} real and {} synthetic images, no two of one subject.{unfinished} Every interval is of 95%, for other readers and \
         other images, unless told.",
        report.readers,
        if report.readers == 1 { "" } else { "s" },
        count(cases.real),
        count(cases.synthetic)
    )
}

/// How a measure is written: as a percentage, or with two decimals.
#[derive(Clone, Copy)]
enum Scale {
    Percent,
    Plain,
}

impl Scale {
    fn one(self, value: f64) -> String {
        match self {
            Self::Percent => decimals(100.0 * value, 1),
            Self::Plain => decimals(value, 2),
        }
    }

    fn cell(self, of: Option<&Estimate>) -> String {
        let Some(e) = of else { return "\u{2013}".to_owned() };
        let [value, low, high] = [e.value, e.low, e.high].map(|v| self.one(v));
        let unit = if matches!(self, Self::Percent) { "%" } else { "" };
        format!("{value}{unit} <span class=\"interval\">{low} to {high}</span>")
    }
}

fn judging(j: &Judging) -> String {
    let row = |name: &str, scale: Scale, e: &Estimate, meaning: &str| {
        vec![name.to_owned(), scale.cell(Some(e)), format!("<span class=\"note\">{}</span>", escape(meaning))]
    };
    let (percent, plain) = (Scale::Percent, Scale::Plain);
    let mut rows = vec![
        row("Synthetic taken for real", percent, &j.fakes_taken_for_real, "of synthetic images"),
        row("Real taken for synthetic", percent, &j.reals_taken_for_fake, "of real images"),
        row(
            "The first less the second",
            percent,
            &j.fakes_less_reals,
            "in points; above 0: synthetic images pass more easily",
        ),
        row("Accuracy", percent, &j.accuracy, "right answers, both kinds weighing alike; 50% is chance"),
        row("Sensitivity", percent, &j.sensitivity, "synthetic images called synthetic"),
        row("Specificity", percent, &j.specificity, "real images called real"),
        row("AUC", plain, &j.auc, "area under the ROC curve of the confidence (Obuchowski and Rockette)"),
    ];
    if let Some(u) = &j.auc_u_statistic {
        rows.push(row("AUC, U-statistic", plain, u, "with the U-statistic variance (Gallas, as iMRMC)"));
    }
    rows.push(row("d\u{2032}", plain, &j.d_prime, "signal detection; 0 is chance"));
    rows.push(row("Bias c", plain, &j.bias, "above 0: a leaning toward \u{201c}real\u{201d}"));
    if let Some(again) = &j.repeat_agreement {
        let meaning = "of images shown twice; exact interval, as if all answers were independent";
        rows.push(row("Same verdict twice", percent, again, meaning));
    }
    means(j.by_reader.len(), &rows)
        + &equivalences(&[("Accuracy", &j.accuracy_equivalence), ("AUC", &j.auc_equivalence)])
        + &figures(j)
        + &each_reader(j)
}

/// A table of means over readers, and what each means.
fn means(readers: usize, rows: &[Vec<String>]) -> String {
    let over = if readers == 1 { "One reader".to_owned() } else { format!("Mean over {readers} readers") };
    table(&[String::new(), over + ", 95% interval", String::new()], rows)
}

fn figures(j: &Judging) -> String {
    // The mark of a floor is where chance is.
    let row = |name: String, auc: Estimate| Row {
        name,
        estimate: Some(Estimate { floor: Some(0.5), ..auc }),
        at_floor: None,
    };
    let mut rows: Vec<Row> = j.by_reader.iter().map(|r| row(format!("Reader {}", r.reader), r.auc)).collect();
    rows.push(row("All".to_owned(), j.auc));
    figure(
        "",
        &format!("<div class=\"charts\">\n{}{}</div>\n", chart("AUC", 1.0, &rows), roc(&j.roc)),
        "Left: each reader's area under the curve, with the interval for other images, and the mean with that for other readers and \
         images; upright marks: chance. Right: the ROC curve of all readers' ratings together; the straight line is chance.",
    )
}

fn each_reader(j: &Judging) -> String {
    let head =
        ["", "Synthetic taken for real", "Real taken for synthetic", "Accuracy", "AUC", "d\u{2032}", "c"];
    let row = |r: &ReaderJudging| {
        let shares = [&r.fakes_taken_for_real, &r.reals_taken_for_fake, &r.accuracy];
        let shares = shares.map(|e| Scale::Percent.cell(Some(e)));
        let rest = [Scale::Plain.cell(Some(&r.auc)), Scale::Plain.one(r.d_prime), Scale::Plain.one(r.bias)];
        std::iter::once(format!("Reader {}", r.reader)).chain(shares).chain(rest).collect()
    };
    let rows: Vec<Vec<String>> = j.by_reader.iter().map(row).collect();
    let note = "Here intervals are for other images alone: exact for shares, DeLong's for the area.";
    format!("<h3>Each reader</h3>\n{}{}", table(&head.map(str::to_owned), &rows), paragraph("note", note))
}

fn equivalences(of: &[(&str, &Equivalence)]) -> String {
    let line = |(name, e): &(&str, &Equivalence)| {
        let said =
            if e.equivalent { "is equivalent to chance" } else { "is not shown to be equivalent to chance" };
        format!(
            "{name} {said} within {:.2} \u{b1} {:.2}: 90% interval {} to {}, {} (two one-sided tests); {} for a difference.",
            e.reference,
            e.margin,
            decimals(e.low, 2),
            decimals(e.high, 2),
            p_value(e.p),
            p_value(e.p_difference)
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
    let (bottom, right, half) = (24.0 + SIDE, LEFT + SIDE, 24.0 + SIDE / 2.0);
    let (below, beside, middle) = (bottom + 16.0, LEFT - 8.0, LEFT + SIDE / 2.0);
    format!(
        "<svg viewBox=\"0 0 260 226\" role=\"img\" aria-label=\"ROC curve\">\n<text class=\"title\" x=\"0\" y=\"12\">ROC curve</text>\n\
         <path class=\"axis\" fill=\"none\" d=\"M{LEFT} 24V{bottom}H{right}\"/><path class=\"axis\" d=\"M{LEFT} {bottom}L{right} 24\"/>\
         <polyline fill=\"none\" class=\"reach\" points=\"{}\"/>{dots}\n\
         <text class=\"tick\" x=\"{LEFT}\" y=\"{below}\">0</text><text class=\"tick end\" x=\"{right}\" y=\"{below}\">1</text>\
         <text class=\"tick middle\" x=\"{middle}\" y=\"{below}\">real called synthetic</text>\
         <text class=\"tick end\" x=\"{beside}\" y=\"33\">1</text>\
         <text class=\"tick middle\" transform=\"translate({beside} {half}) rotate(-90)\">synthetic called synthetic</text>\n</svg>\n",
        line.join(" "),
    )
}

fn pairing(p: &Pairing) -> String {
    let row = |name: &str, e: &Estimate, meaning: &str| {
        vec![name.to_owned(), Scale::Percent.cell(Some(e)), format!("<span class=\"note\">{meaning}</span>")]
    };
    let rows = [
        row("Real one found", &p.found, "50% is chance"),
        row("Said \u{201c}right\u{201d}", &p.said_right, "sides are even"),
    ];
    let mark = |(i, e): (usize, &Estimate)| Row {
        name: format!("{}", i + 1),
        estimate: Some(Estimate { floor: Some(0.5), ..*e }),
        at_floor: None,
    };
    let marks: Vec<Row> = p.by_reader.iter().enumerate().map(mark).collect();
    means(p.by_reader.len(), &rows)
        + &equivalences(&[("The share found", &p.equivalence)])
        + &figure(
            "",
            &format!("<div class=\"charts\">\n{}</div>\n", chart("Found, by reader", 1.0, &marks)),
            "Exact intervals, for other pairs; upright marks: chance.",
        )
}

/// A row of the table of severity.
struct Measure {
    name: &'static str,
    scale: Scale,
    of: fn(&Agreement) -> Option<Estimate>,
    apart: fn(&Grading) -> Option<Estimate>,
}

const fn measure(
    name: &'static str,
    scale: Scale,
    of: fn(&Agreement) -> Option<Estimate>,
    apart: fn(&Grading) -> Option<Estimate>,
) -> Measure {
    Measure { name, scale, of, apart }
}

const SEVERITY: [Measure; 7] = [
    measure("Kappa between readers", Scale::Plain, |a| a.kappa, |g| g.kappa_difference),
    measure("ICC(2,1) between readers", Scale::Plain, |a| a.icc, |_| None),
    measure("Kappa with the label", Scale::Plain, |a| a.label_kappa, |g| g.label_kappa_difference),
    measure("Exactly the label", Scale::Percent, |a| Some(a.exact), |g| Some(g.exact_difference)),
    measure("Grade given less label", Scale::Plain, |a| Some(a.shift), |g| Some(g.shift_difference)),
    measure("Quality, 1 to 5", Scale::Plain, |a| Some(a.quality), |g| Some(g.quality_difference)),
    measure("Confidence, 1 to 5", Scale::Plain, |a| Some(a.confidence), |g| Some(g.confidence_difference)),
];

fn grading(g: &Grading) -> String {
    let row = |m: &Measure| {
        let kinds = ["real", "synthetic"].map(|kind| m.scale.cell(g.kinds.get(kind).and_then(m.of).as_ref()));
        let apart = m.scale.cell((m.apart)(g).as_ref());
        std::iter::once(m.name.to_owned()).chain(kinds).chain([apart]).collect()
    };
    let rows: Vec<Vec<String>> = SEVERITY.iter().map(row).collect();
    let twice = g.repeat_kappa.map_or_else(String::new, |kappa| {
        let kappa = decimals(kappa, 2);
        paragraph(
            "",
            &format!("Readers who saw an image twice agreed with themselves with a kappa of {kappa}."),
        )
    });
    let note = format!(
        "{} readers. Kappa has quadratic weights; its intervals are for other images, the readers as they are.",
        g.readers
    );
    let confusions: String = g.kinds.iter().map(|(kind, agreement)| confusion(kind, agreement)).collect();
    table(&["", "Real", "Synthetic", "Synthetic less real"].map(str::to_owned), &rows)
        + &paragraph("note", &note)
        + &twice
        + &format!("<div class=\"readings\">\n{confusions}</div>\n")
}

fn confusion(kind: &str, agreement: &Agreement) -> String {
    let head = std::iter::once(String::new()).chain((0..5).map(|grade| format!("given {grade}")));
    let row = |(label, row): (usize, &[usize; 5])| {
        std::iter::once(format!("label {label}")).chain(row.iter().map(|n| count(*n))).collect()
    };
    let rows: Vec<Vec<String>> = agreement.confusion.iter().enumerate().map(row).collect();
    format!(
        "<div>\n<h3>Grades given to {kind} images</h3>\n{}</div>\n",
        table(&head.collect::<Vec<_>>(), &rows)
    )
}

fn course(report: &Report) -> String {
    let time = |(part, times): (&String, &Times)| {
        let kinds: Vec<String> = times.by_kind.iter().map(|(kind, s)| format!("{kind} {s:.1} s")).collect();
        let kinds = if kinds.len() > 1 { format!("; by kind: {}", kinds.join(", ")) } else { String::new() };
        let line = format!(
            "{}: median {:.1} s a case (quartiles {:.1} and {:.1}){kinds}.",
            part_name(part),
            times.median,
            times.low,
            times.high
        );
        paragraph("", &line)
    };
    let times: String = report.times.iter().map(time).collect();
    let row = |(part, learning): (&String, &Learning)| {
        let cells = learning.quarters.iter().map(|e| Scale::Percent.cell(Some(e)));
        let slope = Scale::Percent.cell(learning.slope.as_ref());
        std::iter::once(part_name(part).to_owned()).chain(cells).chain([slope]).collect()
    };
    let rows: Vec<Vec<String>> = report.learning.iter().map(row).collect();
    if rows.is_empty() {
        return times;
    }
    let head = ["", "First quarter", "Second", "Third", "Last", "First to last"].map(str::to_owned);
    let note = "Share of right answers over the order of showing (severity: exactly the label); intervals for other readers.";
    times + &table(&head, &rows) + &paragraph("note", note)
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
    let said = |of: Fooled, kind: &str, other: &str| {
        let Fooled { images, all, none } = of;
        format!("Of {images} {kind} images, {all} were taken for {other} by every reader and {none} by none.")
    };
    let counts =
        said(gallery.synthetic, "synthetic", "real") + " " + &said(gallery.real, "real", "synthetic");
    let caption = "Under each image: its label, and how many readers took it for what it is not. Rings: where those who called it synthetic \
                   saw what gave it away. The real ones are patients' images: this page may go only where they may.";
    Ok(section("Images", &(paragraph("", &counts) + &figure("", &out, caption))))
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
    let absent: String = report.absent.iter().map(|a| paragraph("note", a)).collect();
    table(&["", "SHA-256"].map(str::to_owned), &rows)
        + &paragraph("note", &format!("Seed {}. doppelray {}.", made.seed, made.version))
        + &absent
}
