//! The plan: which arms there are, and that they make sense.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use doppelray_gan::classifier;
use doppelray_measures::classify::{METRICS, Recipe, Task};
use serde::{Deserialize, Serialize};

/// The plan where none is given.
const DEFAULT: &str = include_str!("../../plans/quick.toml");

/// More cells are a slip of the pen.
const MOST_CELLS: u64 = 5_000;

/// `plan.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[serde(default)]
    pub(crate) title: String,
    /// What classifiers are asked.
    pub(crate) tasks: Vec<Task>,
    /// Of all that is drawn to learn from; each arm is trained once a seed.
    pub(crate) seeds: Vec<u64>,
    /// Without and with traditional augmentation of whatever is learned from.
    #[serde(default = "plain")]
    pub(crate) augment: Vec<bool>,
    /// The figure that claims are made about.
    #[serde(default = "accuracy")]
    pub(crate) primary: String,
    /// How each cell's head is trained on features; this or `whole`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) training: Option<Recipe>,
    /// How each cell's network is trained, all its layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) whole: Option<classifier::Recipe>,
    /// Each is the product of its lists. The arm without synthetic images at the same real data is added where it lacks.
    pub(crate) arms: Vec<Arms>,
}

fn plain() -> Vec<bool> {
    vec![false]
}

fn accuracy() -> String {
    "accuracy".to_owned()
}

/// A product of arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arms {
    pub(crate) strategy: Strategy,
    /// Shares of the real subjects.
    pub(crate) real: Vec<f64>,
    /// Synthetic images added, as shares of the real images drawn.
    #[serde(default = "none")]
    pub(crate) add: Vec<f64>,
    /// Shares of the real subjects drawn whose images give way to as many synthetic ones of the same grades.
    #[serde(default = "none")]
    pub(crate) replace: Vec<f64>,
}

fn none() -> Vec<f64> {
    vec![0.0]
}

/// What is done with synthetic images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Strategy {
    /// Learned from together with the real ones.
    Mix,
    /// Learned from first; then the real ones alone, the penalty drawing weights to what was learned first.
    Pretrain,
    /// Added to the rarer grades until each has as many images as the most frequent.
    Balance,
    /// Learned from alone; the real share only says how many.
    Synthetic,
}

/// One arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arm {
    pub(crate) task: Task,
    pub(crate) real_fraction: f64,
    pub(crate) synthetic_fraction: f64,
    pub(crate) replaced_fraction: f64,
    pub(crate) strategy: Strategy,
    pub(crate) augment: bool,
}

impl Arm {
    /// The arm that it is compared with: the same real data and nothing else.
    pub(crate) fn baseline(&self) -> Self {
        Self { synthetic_fraction: 0.0, replaced_fraction: 0.0, strategy: Strategy::Mix, ..*self }
    }

    /// Whether no synthetic image is in it.
    pub(crate) fn is_real_only(&self) -> bool {
        *self == self.baseline()
    }

    /// Equal for equal arms; sorts by task, augmentation, real data.
    pub(crate) fn key(&self) -> String {
        let Self { task, real_fraction, synthetic_fraction, replaced_fraction, strategy, augment } = self;
        format!(
            "{task:?} {} real {:08.4} {strategy:?} add {synthetic_fraction:08.4} replace {replaced_fraction:08.4}",
            if *augment { "augmented" } else { "as they are" },
            real_fraction
        )
    }

    /// What it learns from, for a person.
    pub(crate) fn in_words(&self) -> String {
        let percent = |share: f64| format!("{}%", (1e4 * share).round() / 100.0);
        let (real, add) = (percent(self.real_fraction), percent(self.synthetic_fraction));
        let words = match self.strategy {
            _ if self.is_real_only() => format!("{real} real"),
            Strategy::Mix if self.replaced_fraction > 0.0 => {
                let more = if self.synthetic_fraction > 0.0 { format!(" + {add}") } else { String::new() };
                format!("{real} real, {} replaced{more}", percent(self.replaced_fraction))
            }
            Strategy::Mix => format!("{real} real + {add}"),
            Strategy::Pretrain => format!("{add} first, then {real} real"),
            Strategy::Balance => format!("{real} real, grades evened"),
            Strategy::Synthetic => format!("synthetic only, {add} of {real}"),
        };
        if self.augment { words + ", augmented" } else { words }
    }
}

impl Plan {
    /// Reads a plan, or the default one, and checks it.
    pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Self::parse(DEFAULT) };
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let plan: Self = toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            anyhow::anyhow!("line {line}: {}", e.message())
        })?;
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> anyhow::Result<()> {
        let rules = [
            (!self.tasks.is_empty(), "tasks: name binary, grades or ordinal"),
            (!self.seeds.is_empty(), "seeds: name at least one; claims need two, five are usual"),
            (all_differ(&self.seeds), "seeds: each once"),
            (!self.augment.is_empty(), "augment: false, true, or both"),
            (!self.arms.is_empty(), "arms: there is none, so nothing would be compared"),
            (METRICS.contains(&self.primary.as_str()), "primary: one of the figures, such as accuracy"),
            (self.training.is_some() != self.whole.is_some(), "training or whole: one of these tables"),
        ];
        let rules = rules
            .into_iter()
            .chain(self.training.iter().flat_map(head_rules))
            .chain(self.whole.iter().flat_map(whole_rules));
        if let Some((_, rule)) = rules.into_iter().find(|(holds, _)| !holds) {
            bail!("{rule}");
        }
        self.arms.iter().enumerate().try_for_each(|(at, arms)| {
            arms.check().with_context(|| format!("arms, the {}. table", at + 1))
        })?;
        let product =
            |a: &Arms| [a.real.len(), a.add.len(), a.replace.len()].iter().map(|n| *n as u64).product();
        let shapes: u64 = self.arms.iter().map(|arms| -> u64 { product(arms) }).sum();
        let each = [self.tasks.len(), self.seeds.len(), self.augment.len()];
        let cells = each.iter().fold(shapes, |cells, n| cells.saturating_mul(*n as u64));
        ensure!(
            cells <= MOST_CELLS,
            "{cells} cells are more than {MOST_CELLS}: shorten the lists of the arms, the tasks or the seeds"
        );
        Ok(())
    }

    /// All arms, each once, with those they are compared with.
    pub(crate) fn arms(&self) -> Vec<Arm> {
        let mut arms = BTreeMap::new();
        for &task in &self.tasks {
            for &augment in &self.augment {
                for shape in self.arms.iter().flat_map(Arms::product) {
                    let arm = Arm { task, augment, ..shape };
                    arms.insert(arm.key(), arm);
                    arms.insert(arm.baseline().key(), arm.baseline());
                }
            }
        }
        arms.into_values().collect()
    }

    /// Where the figure that claims are made about stands among [`METRICS`].
    pub(crate) fn primary(&self) -> usize {
        METRICS.iter().position(|name| *name == self.primary).unwrap_or(0)
    }
}

/// What holds of the training of heads.
fn head_rules(t: &Recipe) -> Vec<(bool, &'static str)> {
    vec![
        ((10..=10_000).contains(&t.steps), "training.steps: 10..=10000"),
        ((1..=100).contains(&t.penalties.len()), "training.penalties: 1 to 100 of them"),
        (
            t.penalties.iter().all(|p| (1e-6..=1e6).contains(p)),
            "training.penalties: each 0.000001 to 1000000",
        ),
        (
            t.penalties.windows(2).all(|pair| pair[0] > pair[1]),
            "training.penalties: from large to small, each once",
        ),
    ]
}

/// What holds of the training of whole networks.
fn whole_rules(t: &classifier::Recipe) -> Vec<(bool, &'static str)> {
    vec![
        (t.rate > 0.0 && t.rate < 1.0, "whole.rate: between 0 and 1"),
        ((1e-6..=1.0).contains(&t.lowest), "whole.lowest: 0.000001 to 1"),
        ((0.0..1.0).contains(&t.decay), "whole.decay: 0 to below 1"),
        ((1..=512).contains(&t.batch), "whole.batch: 1 to 512"),
        ((1..=1_000_000).contains(&t.steps), "whole.steps: 1 to 1000000"),
        ((1..=t.steps).contains(&t.check), "whole.check: 1 to the number of steps"),
        (t.patience > 0, "whole.patience: 1 or more"),
    ]
}

fn all_differ(seeds: &[u64]) -> bool {
    seeds.iter().collect::<std::collections::BTreeSet<_>>().len() == seeds.len()
}

impl Arms {
    fn check(&self) -> anyhow::Result<()> {
        let within = |list: &[f64], low: f64, high: f64| {
            !list.is_empty() && list.iter().all(|share| (low..=high).contains(share))
        };
        ensure!(within(&self.real, 1e-4, 1.0), "real: shares of the subjects, above 0 and at most 1");
        ensure!(within(&self.add, 0.0, 100.0), "add: shares of the real images, 0 to 100");
        ensure!(within(&self.replace, 0.0, 1.0), "replace: shares of the subjects, 0 to 1");
        let adds = self.add.iter().all(|share| *share > 0.0);
        let replaces = self.replace.iter().any(|share| *share > 0.0);
        match self.strategy {
            Strategy::Mix => Ok(()),
            _ if replaces => bail!("replace: goes with the strategy mix alone"),
            Strategy::Balance if self.add.iter().any(|share| *share > 0.0) => {
                bail!("add: balance takes as many as the rarer grades need; leave it out")
            }
            Strategy::Pretrain | Strategy::Synthetic if !adds => {
                bail!("add: the strategy needs synthetic images; give shares above 0")
            }
            _ => Ok(()),
        }
    }

    /// The arms, of any task.
    fn product(&self) -> impl Iterator<Item = Arm> + '_ {
        let strategy = self.strategy;
        let arm = move |real_fraction, synthetic_fraction, replaced_fraction| Arm {
            task: Task::Binary,
            real_fraction,
            synthetic_fraction,
            replaced_fraction,
            strategy,
            augment: false,
        };
        let pairs = self.add.iter().flat_map(|add| self.replace.iter().map(move |replace| (*add, *replace)));
        let pairs: Vec<(f64, f64)> = pairs.collect();
        self.real.iter().flat_map(move |real| {
            pairs.clone().into_iter().map(move |(add, replace)| arm(*real, add, replace))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "tasks = [\"binary\"]\nseeds = [0, 1]\n[training]\nsteps = 50\npenalties = [1.0, 0.1]\n\
                        weighting = \"none\"\n";

    fn refusal(arms: &str) -> String {
        format!("{:#}", Plan::parse(&format!("{HEAD}{arms}")).unwrap_err())
    }

    #[test]
    fn the_plans_that_come_along_are_sound() {
        Plan::parse(DEFAULT).unwrap();
        let paper = Plan::parse(include_str!("../../plans/paper.toml")).unwrap();
        assert!(paper.arms().len() > 20);
        Plan::parse(include_str!("../../plans/whole.toml")).unwrap();
    }

    #[test]
    fn every_arm_comes_once_and_with_what_it_is_compared_with() {
        let arms = "[[arms]]\nstrategy = \"mix\"\nreal = [0.1, 1.0]\nadd = [1.0, 2.0]\n\
                    [[arms]]\nstrategy = \"mix\"\nreal = [1.0]\nadd = [1.0]\nreplace = [0.0, 0.5]\n";
        let arms = Plan::parse(&format!("{HEAD}{arms}")).unwrap().arms();
        assert_eq!(arms.len(), 2 * 3 + 1);
        assert!(arms.iter().all(|a| arms.contains(&a.baseline())));
        assert_eq!(arms.iter().filter(|a| a.is_real_only()).count(), 2);
    }

    #[test]
    fn a_senseless_plan_is_refused_by_the_key() {
        let arms = |text: &str| format!("[[arms]]\n{text}");
        for (text, reason) in [
            ("arms = []".to_owned(), "unknown field `arms`"),
            (arms("strategy = \"mix\"\nreal = [0.0]"), "1. table: real: shares"),
            (arms("strategy = \"pretrain\"\nreal = [1.0]"), "add: the strategy needs"),
            (arms("strategy = \"balance\"\nreal = [1.0]\nreplace = [0.5]"), "replace: goes with"),
            (arms("strategy = \"mix\"\nreel = [1.0]"), "line 9: unknown field `reel`"),
            (arms("strategy = \"melt\"\nreal = [1.0]"), "unknown variant `melt`"),
        ] {
            assert!(refusal(&text).contains(reason), "{text}: {}", refusal(&text));
        }
        let many: Vec<String> = (1..=200).map(|i| format!("{:.3}", f64::from(i) / 200.0)).collect();
        let many = many.join(", ");
        let million =
            arms(&format!("strategy = \"mix\"\nreal = [{many}]\nadd = [{many}]\nreplace = [{many}]"));
        assert!(refusal(&million).contains("16000000 cells are more than 5000"), "{}", refusal(&million));
        let none = format!("arms = []\n{HEAD}");
        assert!(format!("{:#}", Plan::parse(&none).unwrap_err()).contains("arms: there is none"));
    }
}
