//! What a proof says, in one look: the sentence of each report, and whether all speak of the same images.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::seal;

/// A question that a proof can answer.
struct Question {
    report: &'static str,
    asks: &'static str,
    /// Where the report keeps its one sentence.
    sentence: &'static str,
}

const QUESTIONS: [Question; 3] = [
    Question { report: "evaluate", asks: "Are the synthetic images like real ones?", sentence: "verdict" },
    Question { report: "audit", asks: "Do they give anybody away?", sentence: "headline" },
    Question { report: "utility", asks: "Are they of use to a classifier?", sentence: "answer" },
];

/// The reports that a proof can hold, by name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    QUESTIONS.iter().map(|question| question.report)
}

/// Whether a folder holds a report of a proof.
pub(crate) fn is_proof(folder: &Path) -> bool {
    names().any(|name| folder.join(format!("{name}.json")).is_file())
}

/// A proof as its page shows it.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) headline: String,
    pub(crate) answers: Vec<Answer>,
    pub(crate) notes: Vec<String>,
}

impl Shown {
    /// For the terminal.
    pub(crate) fn text(&self) -> String {
        let answers = self.answers.iter().map(|answer| format!("{} {}", answer.asks, answer.sentence));
        let lines = std::iter::once(self.headline.clone()).chain(answers).chain(self.notes.iter().cloned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// What one report answers.
#[derive(Serialize)]
pub(crate) struct Answer {
    pub(crate) report: &'static str,
    pub(crate) asks: &'static str,
    pub(crate) sentence: String,
    pub(crate) remarks: Vec<String>,
    /// Title, number and hash of the synthetic images.
    pub(crate) synthetic: (String, u64, String),
    /// What was typed.
    pub(crate) command: String,
}

impl Answer {
    fn of(question: &Question, report: &Value) -> Self {
        let text = |path: &str| report.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let remarks = report["remarks"].as_array().into_iter().flatten();
        let count = report.pointer("/synthetic/count").and_then(Value::as_u64).unwrap_or_default();
        Self {
            report: question.report,
            asks: question.asks,
            sentence: text(&format!("/{}", question.sentence)),
            remarks: remarks.filter_map(Value::as_str).map(str::to_owned).collect(),
            synthetic: (text("/synthetic/title"), count, text("/synthetic/hash")),
            command: text("/command"),
        }
    }
}

/// Reads all reports of a proof.
///
/// Fails if one of them was changed after it was made.
pub(crate) fn picture(proof: &Path) -> anyhow::Result<Shown> {
    let mut shown = Shown { headline: String::new(), answers: Vec::new(), notes: Vec::new() };
    for question in &QUESTIONS {
        let path = proof.join(format!("{}.json", question.report));
        if path.is_file() {
            shown.answers.push(Answer::of(question, &seal::open(&path)?.0));
        } else {
            let (name, asks) = (question.report, question.asks);
            let typed = format!("doppelray {name} REAL SYNTHETIC --out {}", proof.display());
            shown.notes.push(format!("Not asked yet: {asks} ({typed})"));
        }
    }
    shown.headline = headline(&shown.answers);
    Ok(shown)
}

fn headline(answers: &[Answer]) -> String {
    let about: BTreeSet<&str> = answers.iter().map(|answer| answer.synthetic.2.as_str()).collect();
    if about.len() > 1 {
        return "The reports speak of different synthetic images: together they prove nothing.".to_owned();
    }
    let asked = match answers.len() {
        1 => "One report".to_owned(),
        2 => "Two reports".to_owned(),
        count => format!("All {count} reports"),
    };
    let count = answers.iter().map(|answer| answer.synthetic.1).max().unwrap_or_default();
    format!("{asked} about the same {count} synthetic images.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reports_of_different_images_are_no_proof_together() {
        let report = |hash: &str| json!({"verdict": "Near.", "synthetic": {"count": 9, "hash": hash}});
        let answers = |hashes: [&str; 2]| hashes.map(|hash| Answer::of(&QUESTIONS[0], &report(hash)));
        assert_eq!(headline(&answers(["a", "a"])), "Two reports about the same 9 synthetic images.");
        assert!(headline(&answers(["a", "b"])).contains("different"));
        assert_eq!(answers(["a", "a"])[0].sentence, "Near.");
    }
}
