//! The page of a package: what is in it, why it may travel, who answers for it.

use super::collection::{Film, films};
use super::shell::{page, paragraph, section, table};
use super::text::{count, escape, number};
use crate::release::gate::{Dropped, Judged};
use crate::release::{Release, plain};
use crate::report::package::Shown;

/// Lines of the list of images that were left out; the rest is in release.json.
const LINES: usize = 50;

/// Draws the page; `film` gives the PNG to show for a file of the package, `inside` is the package as an address that ends in `/`.
pub(crate) fn draw(shown: &Shown, inside: &str, film: Film) -> anyhow::Result<String> {
    let release = &shown.release;
    let all = |grade: &str| release.images.grades.get(grade).copied().unwrap_or(0);
    let mut body = paragraph(
        "lead",
        "Every image is synthetic: a network drew it, and it shows no person. Not for diagnosis.",
    );
    body += &section("Films", &films(&shown.films, &all, film)?);
    body += &section("Why it may travel", &decision(release, inside));
    if !release.dropped.is_empty() {
        body += &section("Left out", &left_out(release));
    }
    body += &section("What it is", &provenance(shown));
    body += &section("Check it yourself", &checks(shown));
    Ok(page("package", &shown.headline, &body))
}

/// The policy's lines with what was found, who let one pass, and the reports.
fn decision(release: &Release, inside: &str) -> String {
    let row = |line: &Judged| {
        let figures: Vec<String> = line.figures.iter().map(|figure| plain(&figure.figure)).collect();
        vec![
            escape(&line.name),
            escape(&line.demand),
            escape(&figures.join(", ")),
            line.said().to_owned(),
            format!("<span class=\"note\">{}</span>", escape(&line.why)),
        ]
    };
    let head = ["line", "demanded", "found", "", "why"].map(str::to_owned);
    let mut body = table(&head, &release.lines.iter().map(row).collect::<Vec<_>>());
    for one in &release.overrides {
        let said = format!("The line {} does not hold. {} let it pass: {}", one.line, one.by, one.reason);
        body += &paragraph("lead", &said);
    }
    let reports: Vec<String> = release
        .reports
        .keys()
        .map(|name| {
            format!("<a href=\"{}\">{}</a>", escape(&format!("{inside}reports/{name}.html")), escape(name))
        })
        .collect();
    body + &format!("<p>The reports: {}.</p>\n", reports.join(", "))
}

fn left_out(release: &Release) -> String {
    let row = |dropped: &Dropped| {
        vec![format!("<code>{}</code>", escape(&dropped.file)), escape(&dropped.by.join(", "))]
    };
    let rows: Vec<Vec<String>> = release.dropped.iter().take(LINES).map(row).collect();
    let said = format!("{} of {} drawn images.", count(release.dropped.len()), count(release.source.count));
    paragraph("", &said) + &table(&["file".to_owned(), "left out by".to_owned()], &rows)
}

fn provenance(shown: &Shown) -> String {
    let Release { images, source, .. } = &shown.release;
    let said = |text: &str| if text.is_empty() { "unknown".to_owned() } else { escape(text) };
    let code = |text: &str| format!("<code>{}</code>", said(text));
    let mut forms = vec!["PNG in folders"];
    forms.extend(shown.release.webdataset.then_some("WebDataset shards"));
    forms.extend(shown.release.dicom.then_some("DICOM secondary captures"));
    let mut rows = vec![
        (
            "images",
            format!("{} of {1} x {1} pixels and {2} bits", count(images.count), images.size, images.bits),
        ),
        ("forms", forms.join(", ")),
        ("licence", said(&shown.release.licence)),
        ("authors", said(&shown.release.authors.join(", "))),
        ("drawn by", format!("model {}, doppelray {}", code(&source.model), said(&source.made_by))),
        ("of the collection", code(&source.hash)),
    ];
    rows.extend(shown.release.marks.as_ref().map(|marks| {
        let found = format!(
            "a statement in every file, a watermark of {} bits in every picture (at {} dB)",
            marks.bits,
            number(marks.psnr)
        );
        ("marks", found)
    }));
    let made = format!("doppelray {}: {}", said(&shown.release.version), code(&shown.release.command));
    rows.push(("packed by", made));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect();
    table(&[String::new(), String::new()], &rows)
}

fn checks(shown: &Shown) -> String {
    let signed = match &shown.signer {
        Some(signer) => format!("It says to be signed by {signer}; give verify the key that you trust."),
        None => "It is not signed: nothing tells who made it.".to_owned(),
    };
    let name = escape(&shown.name);
    format!(
        "<p><code>doppelray verify {name}</code> holds every byte, mark and claim against what was released. \
         <code>doppelray sample MODEL --like {name} --out again</code> draws it again where the model is shared.</p>\n"
    ) + &paragraph("", &signed)
}
