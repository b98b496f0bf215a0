//! The gate: from a policy and the reports to a decision.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figure::{Reports, fill, find, number};
use super::policy::{Absent, Drop, Line, Policy};

/// What became of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Holds,
    Fails,
    /// The figure is not in the proof, and the line lets that pass.
    Silent,
}

/// A line of the policy, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) why: String,
    /// The bound in words: "at most 10".
    pub(crate) demand: String,
    pub(crate) outcome: Outcome,
    /// Every figure it was judged by.
    pub(crate) figures: Vec<Figure>,
    /// Who let it pass nonetheless, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overridden: Option<Override>,
}

impl Judged {
    /// The outcome in words.
    pub(crate) fn said(&self) -> &'static str {
        match (self.outcome, &self.overridden) {
            (_, Some(_)) => "overridden",
            (Outcome::Holds, _) => "holds",
            (Outcome::Fails, _) => "fails",
            (Outcome::Silent, _) => "not measured",
        }
    }
}

/// One figure against its bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Where it stands in the proof.
    pub(crate) at: String,
    /// A number or a text; null where it is missing.
    pub(crate) figure: Value,
    pub(crate) threshold: Value,
    pub(crate) holds: bool,
}

/// A line that is let pass by a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Override {
    pub(crate) line: String,
    pub(crate) by: String,
    pub(crate) reason: String,
}

/// An image that is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dropped {
    /// Its file in the collection.
    pub(crate) file: String,
    /// The policy's lines that leave it out.
    pub(crate) by: Vec<String>,
}

/// The policy's lines against the reports; a drop is a line too, by its largest share.
pub(crate) fn judge(policy: &Policy, reports: &Reports, images: usize) -> Vec<Judged> {
    let lines = policy.line.iter().map(|line| judge_line(line, reports));
    let drops = policy.drop.iter().map(|drop| judge_drop(drop, reports, images));
    lines.chain(drops).collect()
}

fn judge_line(line: &Line, reports: &Reports) -> Judged {
    let found = find(reports, &line.figure);
    let figures: Vec<Figure> =
        found.iter().map(|f| compare(line, reports, (&f.at, &f.stars, f.value))).collect();
    let outcome = match (figures.is_empty(), line.absent) {
        (true, Absent::Pass) => Outcome::Silent,
        (true, Absent::Refuse) => Outcome::Fails,
        (false, _) if figures.iter().all(|f| f.holds) => Outcome::Holds,
        (false, _) => Outcome::Fails,
    };
    let figures = match figures.is_empty() {
        true => vec![Figure {
            at: line.figure.clone(),
            figure: Value::Null,
            threshold: threshold(line),
            holds: false,
        }],
        false => figures,
    };
    Judged {
        name: line.name.clone(),
        why: line.why.clone(),
        demand: demand(line),
        outcome,
        figures,
        overridden: None,
    }
}

fn compare(line: &Line, reports: &Reports, (at, stars, value): (&str, &[String], &Value)) -> Figure {
    let threshold = threshold(line);
    if let Some(text) = &line.is {
        return Figure { at: at.to_owned(), figure: value.clone(), threshold, holds: value == text.as_str() };
    }
    let divisor = line.over.as_ref().map(|over| {
        let over = fill(over, stars);
        find(reports, &over).first().and_then(|f| number(f.value, Default::default()))
    });
    let figure = match (number(value, line.end), divisor) {
        (value, None) => value,
        // A floor of nothing makes every ratio endless.
        (Some(value), Some(Some(over))) if over > 0.0 => Some(value / over),
        _ => None,
    };
    let holds = figure.is_some_and(|figure| {
        line.at_most.is_none_or(|most| figure <= most) && line.at_least.is_none_or(|least| figure >= least)
    });
    Figure { at: at.to_owned(), figure: figure.map_or(Value::Null, Value::from), threshold, holds }
}

fn threshold(line: &Line) -> Value {
    let bound = line.at_most.or(line.at_least).map(Value::from);
    bound.or_else(|| line.is.clone().map(Value::from)).unwrap_or_default()
}

fn demand(line: &Line) -> String {
    let of = if line.over.is_some() { " times the floor" } else { "" };
    match (line.at_most, line.at_least, &line.is) {
        (Some(most), ..) => format!("at most {most}{of}"),
        (_, Some(least), _) => format!("at least {least}{of}"),
        (_, _, text) => text.clone().unwrap_or_default(),
    }
}

fn judge_drop(drop: &Drop, reports: &Reports, images: usize) -> Judged {
    let (report, _) = drop.files.split_once('.').unwrap_or((&drop.files, ""));
    let share =
        reports.contains_key(report).then(|| listed(drop, reports).len() as f64 / images.max(1) as f64);
    let holds = share.is_some_and(|share| share <= drop.most);
    let figure = Figure {
        at: drop.files.clone(),
        figure: share.map_or(Value::Null, Value::from),
        threshold: drop.most.into(),
        holds,
    };
    Judged {
        name: drop.name.clone(),
        why: drop.why.clone(),
        demand: format!("at most {} of all left out", drop.most),
        outcome: if holds { Outcome::Holds } else { Outcome::Fails },
        figures: vec![figure],
        overridden: None,
    }
}

fn listed<'a>(drop: &Drop, reports: &'a Reports) -> BTreeSet<&'a str> {
    find(reports, &drop.files).iter().filter_map(|f| f.value.as_str()).collect()
}

/// The images that are left out, by file. A list of files that are not in the collection is of another one.
pub(crate) fn dropped(
    policy: &Policy,
    reports: &Reports,
    known: &BTreeSet<&str>,
) -> anyhow::Result<Vec<Dropped>> {
    let mut dropped = BTreeMap::<String, Vec<String>>::new();
    for drop in &policy.drop {
        for file in listed(drop, reports) {
            ensure!(
                known.contains(file),
                "`{}` lists {file}, which is not in the collection; make the report again of this collection",
                drop.files
            );
            dropped.entry(file.to_owned()).or_default().push(drop.name.clone());
        }
    }
    Ok(dropped.into_iter().map(|(file, by)| Dropped { file, by }).collect())
}

/// Lets lines pass that a person answers for. One that holds anyway, or is not there, is refused: it would mislead.
pub(crate) fn overrule(lines: &mut [Judged], overrides: &[Override]) -> anyhow::Result<()> {
    for one in overrides {
        let Some(line) = lines.iter_mut().find(|line| line.name == one.line) else {
            bail!("--override {}: the policy has no line of that name", one.line);
        };
        ensure!(
            line.outcome == Outcome::Fails,
            "--override {}: the line holds; leave the override out",
            one.line
        );
        line.overridden = Some(one.clone());
    }
    Ok(())
}

/// Whether everything holds or is answered for.
pub(crate) fn passes(lines: &[Judged]) -> bool {
    lines.iter().all(|line| line.outcome != Outcome::Fails || line.overridden.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::release::policy::{DEFAULT, parse};

    fn proof(frechet: f64, verdict: &str, hits: usize) -> Reports {
        let figures = |f: f64, c: f64| json!({ "frechet": f, "coverage": c });
        let equal = json!({ "n": 100, "synthetic": figures(frechet, 0.5), "real": figures(2.0, 0.9) });
        let evaluate = json!({ "spaces": { "bank": { "overall": { "equal_count": equal } } } });
        let hits: Vec<Value> = (0..hits).map(|i| json!({ "file": format!("images/{i}.png") })).collect();
        let audit = json!({ "verdict": verdict, "copies": { "hits": hits } });
        Reports::from([("evaluate".to_owned(), evaluate), ("audit".to_owned(), audit)])
    }

    fn outcomes(reports: &Reports) -> Vec<(String, Outcome)> {
        let lines = judge(&parse(DEFAULT).unwrap(), reports, 200);
        lines.into_iter().filter(|l| l.outcome != Outcome::Holds).map(|l| (l.name, l.outcome)).collect()
    }

    #[test]
    fn each_line_of_the_default_policy_fails_by_its_own_figure() {
        let fails = |name: &str| vec![(name.to_owned(), Outcome::Fails)];
        assert_eq!(outcomes(&proof(19.9, "pass", 2)), []);
        assert_eq!(outcomes(&proof(20.1, "pass", 2)), fails("fidelity"));
        assert_eq!(outcomes(&proof(19.9, "undecided", 2)), fails("privacy"));
        assert_eq!(outcomes(&proof(19.9, "pass", 3)), fails("copies"));
        let mut half = proof(19.9, "pass", 2);
        half.remove("audit");
        assert_eq!(outcomes(&half).len(), 2, "what is not proved does not hold");
    }

    #[test]
    fn copies_are_left_out_by_name_and_those_of_another_collection_refused() {
        let (policy, reports) = (parse(DEFAULT).unwrap(), proof(1.0, "pass", 2));
        let known = BTreeSet::from(["images/0.png", "images/1.png", "images/2.png"]);
        let out = dropped(&policy, &reports, &known).unwrap();
        assert_eq!(out.iter().map(|d| d.file.as_str()).collect::<Vec<_>>(), ["images/0.png", "images/1.png"]);
        assert_eq!(out[0].by, ["copies"]);
        let said = dropped(&policy, &reports, &BTreeSet::from(["images/0.png"])).unwrap_err().to_string();
        assert!(said.contains("images/1.png, which is not in the collection"), "{said}");
    }

    #[test]
    fn a_person_may_answer_for_a_line_that_fails_and_for_no_other() {
        let policy = parse(DEFAULT).unwrap();
        let mut lines = judge(&policy, &proof(50.0, "pass", 0), 200);
        let one =
            |line: &str| [Override { line: line.into(), by: "Ada".into(), reason: "for teaching".into() }];
        assert!(!passes(&lines));
        assert!(overrule(&mut lines, &one("privacy")).unwrap_err().to_string().contains("the line holds"));
        assert!(overrule(&mut lines, &one("x")).unwrap_err().to_string().contains("no line of that name"));
        overrule(&mut lines, &one("fidelity")).unwrap();
        assert!(passes(&lines));
    }

    #[test]
    fn a_line_about_what_is_not_there_says_nothing_only_where_it_may() {
        let line = "format = 1\n[[line]]\nname = \"a\"\nwhy = \"b\"\nfigure = \"study.auc\"\nat_most = 0.7\nend = \"high\"\n";
        let judged = |text: &str, reports: &Reports| judge(&parse(text).unwrap(), reports, 1)[0].outcome;
        assert_eq!(judged(line, &Reports::new()), Outcome::Fails);
        assert_eq!(judged(&format!("{line}absent = \"pass\"\n"), &Reports::new()), Outcome::Silent);
        let study = json!({ "auc": { "value": 0.6, "low": 0.5, "high": 0.72 } });
        assert_eq!(judged(line, &Reports::from([("study".to_owned(), study)])), Outcome::Fails);
    }
}
