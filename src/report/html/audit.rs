//! The page of an audit, for a data-protection officer.

use std::path::Path;

use doppelray_images::copies::Warp;

mod trained;
mod words;

use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, estimate, number, png_address};
use crate::report::audit::{Attack, Audit, Criterion, Pair, Verdict};
use crate::report::evaluate::Side;

/// Gives the PNGs that a page shows.
pub(crate) struct Films<'a> {
    /// Of one image.
    pub(crate) small: &'a dyn Fn(&Path) -> anyhow::Result<Vec<u8>>,
    /// Of what differs between an image (mirrored before, if so) and another laid over it.
    pub(crate) difference: &'a Difference,
}

/// A picture of one film less another: which, by which map, and whether the first is mirrored before.
type Difference = dyn Fn(&Path, &Path, Warp, bool) -> anyhow::Result<Vec<u8>>;

/// The criteria in the order of the page, with what they ask.
const CRITERIA: [(Criterion, &str, &str); 5] = [
    (Criterion::SinglingOut, "Singling out", words::SINGLING_OUT),
    (Criterion::Linkability, "Linkability", words::LINKABILITY),
    (Criterion::Inference, "Inference", words::INFERENCE),
    (Criterion::Model, "With the model in hand", words::MODEL),
    (Criterion::Quality, "Beside privacy", "What the same comparison says of the images' quality."),
];

/// Draws the page from the report and the images that it names.
pub(crate) fn draw(report: &Audit, films: &Films) -> anyhow::Result<String> {
    let mut body = summary(report);
    body += &section("What the law asks", &words::law(report));
    let why = report.reasons.iter().chain(&report.remarks).map(|reason| paragraph("", reason));
    body += &section("Why", &why.collect::<String>());
    for (criterion, heading, question) in CRITERIA {
        body += &section(heading, &attacks(report, criterion, question));
    }
    if let Some(run) = &report.run {
        body += &section("Through training", &trained::draw(run));
    }
    body += &section("How well copies are found", &calibration(report));
    body += &section("The closest pairs", &gallery(report, films)?);
    body += &section("What was not tested", &words::untested(report));
    body += &section("What made this", &provenance(report));
    Ok(page("privacy audit", &report.headline, &body))
}

fn summary(report: &Audit) -> String {
    let set = |side: &Side| {
        let split = side.split.as_ref().map_or_else(String::new, |split| format!(", split {split}"));
        format!("{} of {}{split}", count(side.count), side.title)
    };
    let control = report.holdout.as_ref().map_or_else(|| "none".to_owned(), set);
    let sets = format!(
        "Trained on: {}. Held out, never seen by the generator: {control}. Synthetic: {}. Attacks by scores compare {} training \
         images with {} held-out ones that are alike in grade.",
        set(&report.real),
        set(&report.synthetic),
        count(report.matched.training),
        count(report.matched.holdout)
    );
    paragraph("lead", &sets)
}

/// The attacks that speak to one criterion.
fn attacks(report: &Audit, criterion: Criterion, question: &str) -> String {
    let of: Vec<&Attack> = report.attacks.values().filter(|a| a.criterion == criterion).collect();
    let mut out = paragraph("", question);
    if of.is_empty() {
        return out + &paragraph("note", "No attack of this audit speaks to it: it was not tested.");
    }
    let head = ["Attack", "Verdict", "Training", "Control", "Difference"].map(str::to_owned);
    let row = |attack: &&Attack| {
        let title = format!("{}<span class=\"below\">{}</span>", escape(&attack.title), escape(&attack.unit));
        let numbers = [&attack.estimate, &attack.control, &attack.difference].map(|e| estimate(e.as_ref()));
        let [a, b, c] = numbers;
        vec![title, word(attack.verdict).to_owned(), a, b, c]
    };
    out += &stacked(&head, &of.iter().map(row).collect::<Vec<_>>());
    for attack in &of {
        out += &paragraph("note", &format!("{}. {} {}", attack.title, attack.about, attack.reason));
    }
    out + &rates(&of)
}

/// Rates at low false-positive rates.
fn rates(of: &[&Attack]) -> String {
    let rows: Vec<Vec<String>> = of
        .iter()
        .filter_map(|attack| Some((attack, attack.separation.as_ref()?)))
        .flat_map(|(attack, separation)| {
            separation.operating.iter().map(move |o| {
                let few = if o.resolved {
                    ""
                } else {
                    "<span class=\"below\">too few held-out images to resolve it</span>"
                };
                vec![
                    escape(&attack.title),
                    format!("{}%{few}", number(100.0 * o.rate)),
                    estimate(Some(&o.true_positives)),
                    estimate(Some(&o.false_positives)),
                    number(o.p),
                ]
            })
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head =
        ["", "Allowed false alarms", "Training images beyond", "Held-out images beyond", "Chance of so many"];
    stacked(&head.map(str::to_owned), &rows)
}

/// A table with each interval below its value, so that it is no wider than the page.
fn stacked(head: &[String], rows: &[Vec<String>]) -> String {
    format!("<div class=\"stacked\">\n{}</div>\n", table(head, rows))
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "<strong>fail</strong>",
        Verdict::Undecided => "undecided",
    }
}

/// Recall and false alarms of copy detection.
fn calibration(report: &Audit) -> String {
    let copies = &report.copies;
    let Some(threshold) = copies.threshold else {
        return paragraph("", "There are too few real images to calibrate it.");
    };
    let rows: Vec<Vec<String>> = copies
        .recall
        .iter()
        .map(|r| vec![escape(&r.about), estimate(Some(&r.found)), count(r.found.n)])
        .collect();
    let head = ["Copies planted", "Share found, 95% interval", "Planted"].map(str::to_owned);
    let about = format!(
        "An image counts as a copy up to a distance of {} (1 less the correlation of textures laid over each other, or what is as rare among strangers in textures half as fine). The bound is \
         set so that {} false alarms are to be expected in the whole audit, by how close real images of different people come.",
        number(threshold),
        copies.expected_false_alarms
    );
    let alarms = copies.false_alarms.as_ref().map_or_else(String::new, |alarms| {
        let text = format!(
            "Of {} real images, {} were taken for a copy of another person's.",
            count(alarms.n),
            (alarms.value * alarms.n as f64).round()
        );
        paragraph("", &text)
    });
    paragraph("", &about) + &table(&head, &rows) + &alarms
}

/// Synthetic images beside the training images that they come closest to.
fn gallery(report: &Audit, films: &Films) -> anyhow::Result<String> {
    let pairs = report.copies.closest.iter().map(|pair| side_by_side(report, pair, films));
    let pairs = pairs.collect::<anyhow::Result<String>>()?;
    let caption = "From left to right: a synthetic image; the training image that it comes closest to; what differs where one is \
                   laid over the other (mid grey: nothing); the held-out image that comes closest to the same synthetic image. \
                   A synthetic image that remembers no one lies about as far from both. This page shows patients' films: it is \
                   for the house, not for release.";
    Ok(figure("", &pairs, caption))
}

fn side_by_side(report: &Audit, pair: &Pair, films: &Films) -> anyhow::Result<String> {
    let path = |folder: &str, file: &str| Path::new(folder).join(file);
    let image = |bytes: Vec<u8>, name: &str, below: &str| {
        let (name, below) = (escape(name), escape(below));
        let address = png_address(&bytes);
        format!(
            "<div><img src=\"{address}\" alt=\"{name}\" title=\"{name}\"><span class=\"below\">{below}</span></div>\n"
        )
    };
    let synthetic = path(&report.synthetic.path, &pair.synthetic.file);
    let training = path(&report.real.path, &pair.training.file);
    let apart = (films.difference)(&training, &synthetic, Warp(pair.warp), pair.mirrored)?;
    let is_copy = report.copies.threshold.is_some_and(|t| pair.distance <= t);
    let words = format!(
        "distance {}{}{}",
        number(pair.distance),
        if is_copy { ", a copy" } else { "" },
        if pair.mirrored { ", mirrored" } else { "" }
    );
    let mut row = image((films.small)(&synthetic)?, &pair.synthetic.file, "synthetic");
    row += &image((films.small)(&training)?, &pair.training.file, &format!("training, {words}"));
    row += &image(apart, "difference", "difference");
    if let Some((held_out, distance)) = pair.held_out.as_ref().zip(pair.held_out_distance) {
        let below = format!("held out, distance {}", number(distance));
        row += &image((films.small)(&path(&report.real.path, &held_out.file))?, &held_out.file, &below);
    }
    Ok(format!("<div class=\"films four\">\n{row}</div>\n"))
}

/// Inputs with their hashes, settings, rules, version, command.
fn provenance(report: &Audit) -> String {
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let side = |name: &str, side: &Side| vec![name.to_owned(), code(&side.path), code(&side.hash)];
    let mut rows = vec![side("Real", &report.real), side("Synthetic", &report.synthetic)];
    let weights = report.spaces.iter().filter_map(|(name, weights)| Some((name, weights.as_ref()?)));
    rows.extend(weights.map(|(name, file)| vec![escape(name), code(&file.file), code(&file.sha256)]));
    let inputs = table(&["", "Path", "SHA-256"].map(str::to_owned), &rows);
    let version = format!("Seed {}. doppelray {}.", report.settings.seed, report.version);
    format!("<p>{}</p>\n", code(&report.command))
        + &inputs
        + &paragraph("note", &report.rules)
        + &paragraph("note", &version)
}
