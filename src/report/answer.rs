//! The answer: from differences to a sentence, by rules that the report states.

use doppelray_measures::classify::Task;

use super::html::text::count;
use super::utility::{ArmReport, Claim, Difference, Utility};

/// The rules, as the report gives them.
pub(crate) const RULES: &str = "\
    Each arm with synthetic images is compared with the same real subjects alone, seed by seed, on the same test subjects. A \
    difference is claimed where its probability under no difference, corrected for the number of all comparisons (Holm), is \
    below 5%; its standard error holds both the test subjects and the seeds. The sentence rests on the first task of the plan \
    and on arms that add synthetic images; replacing real ones is answered for itself. What is not claimed is not shown to \
    be equal: the interval says how large a difference may still be.";

/// Fills in what follows from the numbers.
pub(crate) fn answered(mut report: Utility) -> Utility {
    let task = report.plan.tasks[0];
    let of_task: Vec<&Difference> = report.contrasts.iter().filter(|d| d.arm.task == task).collect();
    let (replacing, adding): (Vec<&Difference>, Vec<&Difference>) =
        of_task.into_iter().partition(|d| replaces(d));
    let words = Words { report: &report, task };
    let mut remarks = Vec::new();
    let answer = match (adding.is_empty(), words.replacing(&replacing)) {
        (true, replaced) => replaced.unwrap_or_else(|| "Nothing was compared.".to_owned()),
        (false, replaced) => {
            remarks.extend(replaced);
            words.adding(&adding)
        }
    };
    remarks.extend(words.baseline());
    remarks.extend(words.cautions());
    remarks.append(&mut report.remarks);
    Utility { answer, remarks, answer_rules: RULES.to_owned(), ..report }
}

fn replaces(difference: &Difference) -> bool {
    difference.arm.replaced_fraction > 0.0 || difference.arm.strategy == crate::utility::Strategy::Synthetic
}

struct Words<'a> {
    report: &'a Utility,
    task: Task,
}

impl Words<'_> {
    /// Do added images help?
    fn adding(&self, differences: &[&Difference]) -> String {
        let claimed = |claim| differences.iter().copied().filter(move |d| d.claim == claim);
        let count = differences.len();
        let apart = |best: &&Difference| (best.contrast.value * 1e9) as i64;
        let largest = differences.iter().max_by_key(|d| (d.contrast.value.abs() * 1e9) as i64);
        match (claimed(Claim::Better).max_by_key(apart), claimed(Claim::Worse).min_by_key(apart)) {
            (Some(best), None) => format!(
                "Synthetic images help: {}. {} of {count} additions are shown to help, none to harm.",
                self.change(best),
                claimed(Claim::Better).count()
            ),
            (None, Some(worst)) => format!(
                "Synthetic images harm: {}. {} of {count} additions are shown to harm, none to help.",
                self.change(worst),
                claimed(Claim::Worse).count()
            ),
            (Some(best), Some(worst)) => format!(
                "Synthetic images help in some arms and harm in others: {}; but {}.",
                self.change(best),
                self.change(worst)
            ),
            (None, None) => format!(
                "No effect of added synthetic images is shown in any of {count} comparisons{}.",
                largest.map_or_else(String::new, |d| format!("; the largest: {}", self.change(d)))
            ),
        }
    }

    /// What replacing real images costs: the most of it.
    fn replacing(&self, differences: &[&Difference]) -> Option<String> {
        let share = |d: &&&Difference| {
            let alone = d.arm.strategy == crate::utility::Strategy::Synthetic;
            ((if alone { 1.0 } else { d.arm.replaced_fraction }) * 1e6) as u64
        };
        let most = differences.iter().filter(|d| !d.arm.augment).max_by_key(share).or(differences.first())?;
        let shown = match most.claim {
            Claim::None => "a change that is not shown to be one",
            Claim::Better => "shown to be better",
            Claim::Worse => "shown to be worse",
        };
        Some(format!(
            "Replaced: {}; {shown}. The paper lost 3.79 points of accuracy by replacing all.",
            self.change(most)
        ))
    }

    /// "with 29 real subjects and +100%, accuracy goes from 60.1% to 63.0% (+2.9 points, 95% interval 1.0 to 4.8)".
    fn change(&self, difference: &Difference) -> String {
        let arm = self.arm(|a| a.arm == difference.arm);
        let before = self.arm(|a| a.arm == difference.arm.baseline());
        let value = |arm: Option<&ArmReport>| {
            arm.and_then(|a| a.metrics.get(&difference.metric)).map_or(f64::NAN, |e| e.value)
        };
        let c = &difference.contrast;
        format!(
            "with {} real subjects ({}), {} goes from {} to {} by {} ({}, 95% interval {} to {})",
            before.map_or_else(String::new, |a| count(a.subjects)),
            difference.against,
            name(&difference.metric),
            level(&difference.metric, value(before)),
            level(&difference.metric, value(arm)),
            difference.name,
            signed(&difference.metric, c.value),
            signed(&difference.metric, c.low),
            signed(&difference.metric, c.high)
        )
    }

    fn arm(&self, is: impl Fn(&ArmReport) -> bool) -> Option<&ArmReport> {
        self.report.arms.iter().find(|a| is(a))
    }

    /// How strong real images alone are, all of them that the plan has.
    fn baseline(&self) -> Option<String> {
        let real = self.report.arms.iter().filter(|a| a.arm.task == self.task && a.arm.is_real_only());
        let best = real.max_by(|a, b| a.arm.real_fraction.total_cmp(&b.arm.real_fraction))?;
        let metric = &self.report.primary;
        let e = best.metrics.get(metric)?;
        let grades = &self.report.test.grades;
        let all: usize = grades.values().sum();
        let mut answers = vec![0; self.task.classes()];
        for (grade, count) in grades {
            answers[self.task.class(grade.parse().unwrap_or_default())] += count;
        }
        let usual = answers.iter().max().copied().unwrap_or(0) as f64 / all.max(1) as f64;
        Some(format!(
            "{} real images of {} subjects alone reach {} {} ({} to {}); always giving the commonest answer would be right in {:.1}%.",
            count(best.real_images),
            count(best.subjects),
            name(metric),
            level(metric, e.value),
            level(metric, e.low),
            level(metric, e.high),
            100.0 * usual
        ))
    }

    fn cautions(&self) -> Vec<String> {
        let r = self.report;
        let mut cautions = Vec::new();
        if r.plan.seeds.len() == 1 {
            cautions.push(
                "One seed says nothing of the luck of a training: no difference is claimed.".to_owned(),
            );
        }
        if r.real.size != r.synthetic.size {
            cautions.push(format!(
                "Real images are {} pixels wide, synthetic ones {}: what differs by size may be learned instead of the grade.",
                r.real.size, r.synthetic.size
            ));
        }
        if r.test.from == "val" {
            cautions.push(
                "The split `val` tested, for lack of a `test`; the images that chose were taken out of `train`.".to_owned(),
            );
        }
        cautions
    }
}

/// A figure's name in a sentence.
pub(crate) fn name(metric: &str) -> String {
    match metric {
        "auc" | "mae" | "ece" => metric.to_uppercase(),
        "kappa" => "weighted kappa".to_owned(),
        "brier" => "Brier score".to_owned(),
        _ => match metric.strip_prefix("right_") {
            Some(grade) => format!("share right of grade {grade}"),
            None => metric.replace('_', " "),
        },
    }
}

/// Whether a figure is a share, read in percent.
fn is_share(metric: &str) -> bool {
    metric.contains("accuracy")
        || metric.contains("ivity")
        || metric.contains("ficity")
        || metric.starts_with("right_")
}

/// A figure as a reader wants it.
pub(crate) fn level(metric: &str, value: f64) -> String {
    if is_share(metric) { format!("{:.1}%", 100.0 * value) } else { format!("{value:.3}") }
}

/// A difference, shares in points.
pub(crate) fn signed(metric: &str, value: f64) -> String {
    let text = if is_share(metric) { format!("{:+.1}", 100.0 * value) } else { format!("{value:+.3}") };
    text.replace('-', "\u{2212}")
}
