//! What an audit means, in plain language.

use super::super::shell::{paragraph, table};
use super::super::text::escape;
use super::word;
use crate::report::audit::{Audit, Criterion, Verdict};

/// What the first criterion asks.
pub(super) const SINGLING_OUT: &str = "Can a person who was trained on be picked out of the synthetic images, as a copy or a near copy of their film?";
/// The second.
pub(super) const LINKABILITY: &str =
    "Can a synthetic image be linked to a person who was trained on, as another film of theirs could?";
/// The third.
pub(super) const INFERENCE: &str =
    "Can someone who holds a person's film and the synthetic images infer that the person was trained on?";

/// What follows from holding the model.
pub(super) const MODEL: &str = "Could someone who holds the generator, or the checkpoint of its training, infer that a person was \
    trained on? This decides on sharing the model, not on sharing images.";

/// The three criteria of WP29 Opinion 05/2014 with what was found, and what EDPB Opinion 28/2024 adds.
pub(super) fn law(report: &Audit) -> String {
    let asked = [
        (Criterion::SinglingOut, "Singling out", SINGLING_OUT),
        (Criterion::Linkability, "Linkability", LINKABILITY),
        (Criterion::Inference, "Inference", INFERENCE),
    ];
    let row = |(criterion, name, question): (Criterion, &str, &str)| {
        let found = found(report, criterion);
        let question = format!("<span class=\"note\">{}</span>", escape(question));
        vec![name.to_owned(), found.map_or("not tested", word).to_owned(), question]
    };
    let head = ["", "Found here", "The question"].map(str::to_owned);
    paragraph("", ANONYMOUS)
        + &table(&head, &asked.map(row))
        + &paragraph("", MODELS)
        + &paragraph("note", LIMITS)
}

/// The worst verdict of the attacks that speak to a criterion; `None` where there is none.
fn found(report: &Audit, criterion: Criterion) -> Option<Verdict> {
    let of = report.attacks.values().filter(|a| a.criterion == criterion && a.weighs).map(|a| a.verdict);
    let order = |verdict: &Verdict| match verdict {
        Verdict::Fail => 2,
        Verdict::Undecided => 1,
        Verdict::Pass => 0,
    };
    of.max_by_key(order)
}

const ANONYMOUS: &str = "Synthetic images may travel as anonymous data only if nobody who was trained on can be identified from \
    them by means reasonably likely to be used (recital 26 of the GDPR). The Article 29 Working Party names three risks to check \
    (Opinion 05/2014). Each is put to the test here by attacks, run against the people who were trained on and, as a control, \
    against people whom the generator never saw. An attack that works no better on the former than on the latter learned nothing \
    about them from these images.";
const MODELS: &str = "The EDPB's Opinion 28/2024 asks the same of a model: that personal data from training can, with insignificant \
    likelihood, neither be extracted from it nor be obtained from its output. This audit speaks to the output that it was given, \
    these images, and to those who hold them. It does not make the model file anonymous, nor other images drawn from it.";
const LIMITS: &str = "\u{201c}Pass\u{201d} means: these attacks, at these counts, found nothing beyond what is stated with each figure. \
    It is evidence for a decision, not the decision; the controller weighs it together with who receives the data and under what \
    terms.";

/// What this audit leaves open.
pub(super) fn untested(report: &Audit) -> String {
    let mut left = vec![
        "Attackers who hold another film of the same person from another day.",
        "Inference of attributes beyond membership, and of properties of the whole training population.",
        "What metadata, file names or the order of files give away.",
    ];
    if found(report, Criterion::Linkability).is_none() {
        left.insert(
            0,
            "Linking a synthetic image to a person by an embedding of subjects (re-identification).",
        );
    }
    const INSIDER: &str = "Attacks with the generator itself in hand (its critic's scores, inverting its latents): the run was not \
        given (--run). They matter where the model is shared, not where images alone are.";
    match &report.run {
        None => left.insert(0, INSIDER),
        Some(run) => left.extend(run.untested.iter().map(String::as_str)),
    }
    let items: String = left.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<ul>\n{items}</ul>\n")
}
