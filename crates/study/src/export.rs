//! The data for other programs: tidy CSV, and iMRMC's input.

use crate::answer::Answer;
use crate::cases::{Truth, Use, items};
use crate::design::Task;
use crate::error::Result;
use crate::store::{Reading, Store};

/// One line an answer that counts, with the truth.
pub fn tidy(store: &Store) -> Result<String> {
    let cases = store.unblinded_cases()?;
    let all = items(cases, Use::Study);
    let mut out = csv::Writer::from_writer(Vec::new());
    let head = [
        "reader",
        "part",
        "showing",
        "repeat",
        "case",
        "source",
        "truth",
        "label",
        "grade",
        "quality",
        "verdict",
        "right_is_real",
        "chose_right",
        "confidence",
        "mark_x",
        "mark_y",
        "reason",
        "seconds",
        "revised",
    ];
    out.write_record(head).expect("memory takes all");
    for reading in store.readings()? {
        let case = &cases[all[reading.item].images[0]];
        let task = store.about().design.tasks()[reading.part];
        let first = [
            reading.reader.to_string(),
            task.name().to_owned(),
            reading.n.to_string(),
            reading.again.to_string(),
            case.number.to_string(),
            case.source.clone(),
            if task == Task::Pair { String::new() } else { case.truth.name().to_owned() },
            case.grade.to_string(),
        ];
        let last = [format!("{:.3}", reading.ms as f64 / 1000.0), reading.revised.to_string()];
        out.write_record(first.into_iter().chain(said(&reading)).chain(last)).expect("memory takes all");
    }
    Ok(String::from_utf8(out.into_inner().expect("memory takes all")).expect("texts alone"))
}

/// From `grade` to `reason`.
fn said(reading: &Reading) -> [String; 9] {
    let none = String::new;
    match &reading.answer {
        Answer::Grade { grade, quality, confidence } => {
            let [g, q, c] = [grade, quality, confidence].map(ToString::to_string);
            [g, q, none(), none(), none(), c, none(), none(), none()]
        }
        Answer::Judge { synthetic, confidence, mark, reason } => {
            let verdict = if *synthetic { "synthetic" } else { "real" };
            let [x, y] = mark.map_or([none(), none()], |m| m.map(|v| format!("{v:.4}")));
            [
                none(),
                none(),
                verdict.to_owned(),
                none(),
                none(),
                confidence.to_string(),
                x,
                y,
                harmless(reason),
            ]
        }
        Answer::Pair { right, confidence } => {
            let [swapped, right] = [reading.swapped, *right].map(|b| b.to_string());
            [none(), none(), none(), swapped, right, confidence.to_string(), none(), none(), none()]
        }
    }
}

/// A spreadsheet must not take a reader's words for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// The input of iMRMC: truth, then every first reading's rating, -5 (surely real) to 5 (surely synthetic).
///
/// `None` for a design that does not ask real or synthetic.
pub fn imrmc(store: &Store) -> Result<Option<String>> {
    let cases = store.unblinded_cases()?;
    let tasks = store.about().design.tasks();
    let Some(part) = tasks.iter().position(|task| *task == Task::Judge) else { return Ok(None) };
    let all = items(cases, Use::Study);
    let mut out = format!("{}\nBEGIN DATA:\n", store.about().title.replace(['\n', ','], " "));
    for case in all.iter().map(|item| &cases[item.images[0]]) {
        out += &format!("truth,case{},truth,{}\n", case.number, u8::from(case.truth == Truth::Synthetic));
    }
    for reading in store.readings()?.iter().filter(|r| r.part == part && !r.again) {
        let rating = crate::analysis::rating(reading);
        out += &format!("reader{},case{},doppelray,{rating}\n", reading.reader, all[reading.item].images[0]);
    }
    Ok(Some(out))
}
