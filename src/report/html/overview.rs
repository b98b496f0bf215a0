//! The page of a whole proof: a sentence for each question, and the way to its report.

use super::shell::{page, paragraph, section};
use super::text::escape;
use crate::report::overview::{Answer, Shown};

/// The page; `reports` is where the reports' pages are, as an address that ends in `/`, or nothing beside this page.
pub(crate) fn draw(shown: &Shown, reports: &str) -> String {
    let answers: String = shown.answers.iter().map(|answer| part(answer, reports)).collect();
    let notes: String = shown.notes.iter().map(|note| paragraph("", note)).collect();
    let notes = if notes.is_empty() { notes } else { section("Not in this proof", &notes) };
    page("proof", &shown.headline, &(answers + &notes))
}

fn part(answer: &Answer, reports: &str) -> String {
    let Answer { report, asks, sentence, remarks, synthetic: (title, count, hash), command } = answer;
    let address = escape(&format!("{reports}{report}.html"));
    let remarks: String = remarks.iter().map(|remark| paragraph("", remark)).collect();
    let made = format!("{count} of {title} ({}). {command}", hash.get(..12).unwrap_or(hash));
    let body = format!("<p><strong>{}</strong></p>\n{remarks}", escape(sentence))
        + &format!("<p><a href=\"{address}\">The whole report</a></p>\n")
        + &paragraph("note", &made);
    section(asks, &body)
}
