//! From figures to verdicts, by rules that the report states.

use std::collections::BTreeMap;

use doppelray_images::copies::plant::Kind;
use doppelray_measures::audit::Separation;
use doppelray_measures::audit::share::difference;
use doppelray_measures::estimate::Estimate;

use crate::report::audit::{Attack, Audit, Copies, Verdict};
use crate::report::html::text::number;

/// One-sided 95% quantile of the standard normal over its two-sided one.
const ONE_SIDED: f64 = 1.644_853_627 / 1.959_963_985;
/// Chance of a false alarm in all attacks together.
const ALARM: f64 = 0.025;
/// The least recall of exact copies, lower end, for "no copy found" to mean something.
const RECALL: f64 = 0.8;

/// The rules, as the report gives them.
pub(super) fn rules(tolerance: f64) -> String {
    RULES.replace("TOLERANCE", &tolerance.to_string())
}

const RULES: &str = "\
    An attack by scores fails when training images can be told from held-out ones: when its area under the curve, or the share \
    of training images beyond a threshold that 1% or 0.1% of held-out ones reach, is larger than chance explains \
    (2.5% false alarms in all attacks together), unless the area is shown to be at most TOLERANCE. It passes when the area is \
    at most TOLERANCE with 95% confidence and no such share stands out. Copies fail when a training image has one and held-out images have \
    none or fewer; they pass when none is found, the control is there, and exact copies that were planted are found. Otherwise, \
    and where the control is missing or too small, an attack is undecided. The whole fails when one attack that weighs fails, \
    and passes when all of them pass.";

/// The verdict on all attacks that weigh.
pub(super) fn overall(attacks: &BTreeMap<String, Attack>) -> Verdict {
    let mut verdicts = attacks.values().filter(|a| a.weighs).map(|a| a.verdict);
    if verdicts.clone().any(|v| v == Verdict::Fail) {
        return Verdict::Fail;
    }
    if verdicts.all(|v| v == Verdict::Pass) { Verdict::Pass } else { Verdict::Undecided }
}

/// What decides on attacks by scores.
pub(super) struct Bar {
    /// The largest area that counts as telling nothing.
    pub(super) tolerance: f64,
    /// Probabilities looked at in all attacks.
    pub(super) tests: usize,
    /// Images a group below which there is no number.
    pub(super) fewest: usize,
}

/// An attack by scores.
pub(super) fn separation(of: Option<&Separation>, bar: &Bar) -> (Verdict, String) {
    let Some(s) = of else {
        let reason = format!(
            "There are fewer than {} held-out images to compare with (or training images of the grades drawn), so \
             nothing can be said.",
            bar.fewest
        );
        return (Verdict::Undecided, reason);
    };
    let alarm = ALARM / bar.tests.max(1) as f64;
    let upper = s.auc.value + ONE_SIDED * (s.auc.high - s.auc.value);
    if let Some(o) = s.operating.iter().find(|o| o.p < alarm) {
        let reason = format!(
            "{}% of the training images lie beyond what {}% of the held-out ones reach; chance does that with a \
             probability of {}.",
            number(100.0 * o.true_positives.value),
            number(100.0 * o.false_positives.value),
            number(o.p)
        );
        return (Verdict::Fail, reason);
    }
    if upper <= bar.tolerance {
        return (
            Verdict::Pass,
            format!(
                "A training image scores higher than a held-out one with a chance of {} (guessing is 0.5), at most {} with 95% \
                 confidence.",
                number(s.auc.value),
                number(upper)
            ),
        );
    }
    if s.p < alarm {
        let reason = format!(
            "A training image scores higher than a held-out one with a chance of {}; guessing would reach {} at most.",
            number(s.auc.value),
            number(s.by_chance.high)
        );
        return (Verdict::Fail, reason);
    }
    // Interval widths fall with the root of the smaller group.
    let needed = s.auc.n as f64 * ((upper - s.auc.value) / (bar.tolerance - 0.5)).powi(2);
    let reason = format!(
        "The chance could be as high as {} and so more than the {} allowed. So few images find an area of {} and \
         above four times in five; some {} on the smaller side would settle it if there is nothing to find.",
        number(upper),
        number(bar.tolerance),
        number(s.detectable),
        number((1.5 * needed).max(s.auc.n as f64 + 1.0).ceil())
    );
    (Verdict::Undecided, reason)
}

/// Copies of training images beside copies of held-out ones.
pub(super) fn copies(
    training: Option<&Estimate>,
    held_out: Option<&Estimate>,
    copies: &Copies,
) -> (Verdict, String) {
    let Some(training) = training else {
        let reason = "There are too few real images to know how alike strangers are, so a copy cannot be told from chance.";
        return (Verdict::Undecided, reason.to_owned());
    };
    let found = copies.hits.iter().filter(|hit| !hit.held_out).count();
    let spared =
        held_out.is_none_or(|control| control.value == 0.0 || difference(training, control).low > 0.0);
    if found > 0 && spared {
        let reason = format!(
            "{found} training images have a copy among the synthetic ones; {} false alarms were to be expected.",
            copies.expected_false_alarms
        );
        return (Verdict::Fail, reason);
    }
    if found > 0 {
        let reason = format!(
            "{found} training images have a copy, but so do held-out ones, and not clearly fewer: either the detection takes \
             likeness for copies here, or the generator saw the held-out images too."
        );
        return (Verdict::Undecided, reason);
    }
    let Some(control) = held_out else {
        let reason = "No copy was found, but there are no held-out images to check the detection against.";
        return (Verdict::Undecided, reason.to_owned());
    };
    let exact = copies.recall.iter().find(|r| r.kind == Kind::Exact);
    if exact.is_none_or(|r| r.found.low < RECALL) {
        let reason =
            "No copy was found, but too few of the exact copies that were planted were found either.";
        return (Verdict::Undecided, reason.to_owned());
    }
    let reason = format!(
        "No training image has a copy (at most {}% with 95% confidence), and {} held-out ones have.",
        number(100.0 * training.high),
        (control.value * control.n as f64).round()
    );
    (Verdict::Pass, reason)
}

/// Repeated synthetic images beside look-alikes among real ones.
pub(super) fn duplicates(synthetic: Option<&Estimate>, real: Option<&Estimate>) -> (Verdict, String) {
    let Some((synthetic, real)) = synthetic.zip(real) else {
        return (
            Verdict::Undecided,
            "There are too few images to tell a repetition from likeness.".to_owned(),
        );
    };
    let share = number(100.0 * synthetic.value);
    if difference(synthetic, real).low > 0.0 {
        return (Verdict::Fail, format!("{share}% of the synthetic images are repeated by another one."));
    }
    (
        Verdict::Pass,
        format!("{share}% of the synthetic images are repeated by another one, no more than real ones are."),
    )
}

/// The report with its sentence and reasons.
pub(super) fn explained(mut report: Audit) -> Audit {
    report.headline = match report.verdict {
        Verdict::Pass => "No attack tells who was trained on: training images fare no worse than real images that were held out.",
        Verdict::Fail => "These images give training images away: do not share them.",
        Verdict::Undecided => "It cannot be said yet whether these images give training images away.",
    }
    .to_owned();
    let weighty = |a: &&Attack| a.weighs && (report.verdict == Verdict::Pass || a.verdict == report.verdict);
    report.reasons =
        report.attacks.values().filter(weighty).map(|a| format!("{}: {}", a.title, a.reason)).collect();
    let repeated = report.attacks.values().filter(|a| !a.weighs && a.verdict == Verdict::Fail);
    let repeated: Vec<String> = repeated.map(|a| format!("{}: {}", a.title, a.reason)).collect();
    report.remarks.extend(repeated);
    report
}

#[cfg(test)]
mod tests {
    use doppelray_measures::audit::share::share;
    use doppelray_measures::audit::{Group, separate};

    use super::*;
    use crate::report::audit::{Hit, Recall};

    const BAR: Bar = Bar { tolerance: 0.55, tests: 12, fewest: 20 };

    /// Members score `shift` steps of a comb of `n` higher than the others.
    fn separated(n: usize, shift: f64) -> Separation {
        let group = |shift: f64| Group {
            scores: (0..n).map(|i| (i * 7919 % n) as f64 / n as f64 + shift).collect(),
            units: (0..n as u32).collect(),
        };
        separate(&group(shift), &group(0.0), 0)
    }

    #[test]
    fn a_large_control_passes_a_small_one_is_undecided_and_a_difference_fails() {
        let verdict = |s: &Separation| separation(Some(s), &BAR).0;
        assert_eq!(verdict(&separated(2000, 0.0)), Verdict::Pass);
        assert_eq!(verdict(&separated(60, 0.0)), Verdict::Undecided);
        assert_eq!(verdict(&separated(2000, 0.3)), Verdict::Fail);
        assert_eq!(separation(None, &BAR).0, Verdict::Undecided);
    }

    #[test]
    fn one_copy_is_enough_to_fail_unless_held_out_images_have_them_too() {
        let hit = |held_out| Hit {
            file: "a".to_owned(),
            nearest: "b".to_owned(),
            held_out,
            distance: 0.0,
            kind: "exact".to_owned(),
        };
        let with = |hits, found| Copies {
            threshold: Some(0.3),
            expected_false_alarms: 0.01,
            false_alarms: None,
            recall: vec![Recall { kind: Kind::Exact, about: String::new(), found: share(found, 30) }],
            hits,
            closest: Vec::new(),
        };
        let verdict = |training: usize, held_out: usize, found: usize| {
            let hits = (0..training).map(|_| hit(false)).chain((0..held_out).map(|_| hit(true)));
            let copies = with(hits.collect(), found);
            super::copies(Some(&share(training, 700)), Some(&share(held_out, 100)), &copies).0
        };
        assert_eq!(verdict(1, 0, 30), Verdict::Fail);
        assert_eq!(verdict(7, 1, 30), Verdict::Undecided);
        assert_eq!(verdict(0, 0, 30), Verdict::Pass);
        assert_eq!(verdict(0, 0, 20), Verdict::Undecided);
        assert_eq!(copies(Some(&share(0, 700)), None, &with(Vec::new(), 30)).0, Verdict::Undecided);
    }
}
