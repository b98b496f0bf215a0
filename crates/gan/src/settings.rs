//! The settings of a run: a preset, changed by `key=value`, checked once.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::game::GameConfig;
use crate::ops::Precision;

/// Everything that decides what a run does, besides its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The preset that these began as.
    pub preset: String,
    /// Width and height of the images, in pixels.
    pub size: usize,
    /// Keys all randomness of the run.
    pub seed: u64,
    /// The grades that are learned, ascending.
    pub grades: Vec<u8>,
    /// Whether sides are learned too, so that left and right knees are drawn as such; where all knees are mirrored to one side,
    /// there is nothing to learn.
    #[serde(default)]
    pub side: bool,
    /// What convolutions multiply: `f32`, or `mixed`: bfloat16 with sums, weights and all else in `f32`.
    pub precision: Precision,
    /// Images a step.
    pub batch: usize,
    /// Parts in which a step's images are computed, each by itself: one after the other, which saves memory, or by as many
    /// processes. Their gradients are averaged; batch norms see a part alone.
    #[serde(default = "whole")]
    pub passes: usize,
    /// Steps at the beginning in which the critics learn and the generator rests; for one that was trained before.
    pub rest_steps: u64,
    /// Exponent on a grade's count that gives its share of a batch: 1 natural, 0 even.
    pub balance: f64,
    /// Thousands of real images after which the average generator has forgotten half.
    pub ema_kimg: f64,
    /// Thousands of real images after which training ends.
    pub kimg: f64,
    /// Thousands of real images between two ticks: a line in the log, a grid of samples, a checkpoint.
    pub tick_kimg: f64,
    /// Ticks between two snapshots.
    pub snapshot_ticks: u64,
    /// Snapshots without a nearer one after which training ends; 0 goes on.
    pub patience: u64,
    /// How the model's images are drawn where nobody asks otherwise; nothing of it is learned, so that it may change while a run
    /// goes on.
    #[serde(default)]
    pub sampling: Sampling,
    /// The game that is played.
    pub game: GameConfig,
}

/// How a latent and a grade are taken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// The deviation of the latent, 0..=1: below 1 images are nearer to the average knee, surer and less varied
    /// (truncation, Brock et al. 2019).
    pub truncation: f64,
    /// How far a grade's embedding stands from the mean of all grades', 0..=4: above 1 images show their grade more plainly,
    /// as guidance does by extrapolation elsewhere (Ho and Salimans 2022).
    pub guidance: f64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { truncation: 1.0, guidance: 1.0 }
    }
}

impl Sampling {
    /// The first rule that these settings break.
    pub fn check(&self) -> Option<&'static str> {
        broken(&[
            ((0.0..=1.0).contains(&self.truncation), "sampling.truncation: 0..=1"),
            ((0.0..=4.0).contains(&self.guidance), "sampling.guidance: 0..=4"),
        ])
    }
}

fn whole() -> usize {
    1
}

/// The presets, by name.
pub const PRESETS: [(&str, &str); 4] = [
    ("tiny", include_str!("presets/tiny.toml")),
    ("fast", include_str!("presets/fast.toml")),
    ("r3", include_str!("presets/r3.toml")),
    ("paper", include_str!("presets/paper.toml")),
];

impl Settings {
    /// A preset with some settings replaced, each as `key=value`, `key` with dots: `game.adam.rate=1e-4`.
    pub fn resolve(preset: &str, changes: &[String]) -> Result<Self> {
        let known = PRESETS.map(|(name, _)| name);
        let Some((_, text)) = PRESETS.iter().find(|(name, _)| *name == preset) else {
            return Err(Error::Setting(format!(
                "preset: `{preset}` is unknown; choose one of {}",
                known.join(", ")
            )));
        };
        let mut table: toml::Table = text.parse().expect("presets are valid TOML");
        for change in changes {
            apply(&mut table, change)?;
        }
        let settings: Self = table.try_into().map_err(|e| Error::Setting(describe(&e)))?;
        settings.check().map(|()| settings)
    }

    /// The settings without paths of the machine that they were typed on: of a file its name stays.
    pub(crate) fn portable(&self) -> Self {
        let mut portable = self.clone();
        if let GameConfig::Projected(config) = &mut portable.game {
            for file in std::iter::once(&mut config.features).chain(&mut config.also) {
                let name = std::path::Path::new(file).file_name();
                *file = name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            }
        }
        portable
    }

    /// Whether the generator rests in this step.
    pub(crate) fn rests(&self, step: u64) -> bool {
        step < self.rest_steps
    }

    /// Images seen after `steps` steps.
    pub fn seen(&self, steps: u64) -> u64 {
        steps * self.batch as u64
    }

    /// The step at which training ends.
    pub fn last_step(&self) -> u64 {
        self.steps_in(self.kimg)
    }

    /// Steps between two ticks.
    pub fn tick_steps(&self) -> u64 {
        self.steps_in(self.tick_kimg)
    }

    /// The share of the average generator that survives a step. Early on it must not remember the random beginning.
    pub fn decay(&self, step: u64) -> f32 {
        let settled = 0.5f64.powf(self.batch as f64 / (self.ema_kimg * 1000.0)) as f32;
        settled.min((1.0 + step as f32) / (10.0 + step as f32))
    }

    fn steps_in(&self, kimg: f64) -> u64 {
        ((kimg * 1000.0 / self.batch as f64).ceil() as u64).max(1)
    }

    fn check(&self) -> Result<()> {
        let rules = [
            ((8..=1024).contains(&self.size), "size: 8..=1024"),
            (
                !self.grades.is_empty() && self.grades.is_sorted_by(|a, b| a < b),
                "grades: ascending, not empty",
            ),
            (self.grades.iter().all(|g| *g <= 4), "grades: 0..=4"),
            ((1..=1024).contains(&self.batch), "batch: 1..=1024"),
            (
                self.passes > 0 && self.batch.is_multiple_of(self.passes),
                "passes: a number that the batch can be cut into",
            ),
            ((0.0..=1.0).contains(&self.balance), "balance: 0..=1"),
            (self.ema_kimg > 0.0 && self.ema_kimg.is_finite(), "ema_kimg: positive"),
            (self.kimg > 0.0 && self.kimg <= 1e9, "kimg: positive, at most 1e9"),
            (self.tick_kimg > 0.0 && self.tick_kimg <= 1e9, "tick_kimg: positive, at most 1e9"),
            (self.snapshot_ticks > 0, "snapshot_ticks: at least 1"),
        ];
        match broken(&rules)
            .or_else(|| self.sampling.check())
            .or_else(|| self.game.check(self.size, [self.batch / self.passes.max(1), self.passes]))
        {
            Some(rule) => Err(Error::Setting(format!("out of range: {rule}"))),
            None => Ok(()),
        }
    }
}

/// The first rule that does not hold.
pub(crate) fn broken(rules: &[(bool, &'static str)]) -> Option<&'static str> {
    rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| *rule)
}

pub(crate) fn widths_fit(channels: &[usize]) -> bool {
    !channels.is_empty() && channels.iter().all(|c| (1..=4096).contains(c))
}

fn describe(error: &toml::de::Error) -> String {
    error.message().replace('\n', " ")
}

/// Sets one dotted key, which must be there already, to a TOML value of the same type.
fn apply(table: &mut toml::Table, change: &str) -> Result<()> {
    let refuse = |why: &str| Error::Setting(format!("`{change}`: {why}"));
    let (key, text) = change.split_once('=').ok_or_else(|| refuse("write it as key=value"))?;
    let parsed: toml::Table = format!("value = {text}")
        .parse()
        .or_else(|_| format!("value = {text:?}").parse())
        .map_err(|_| refuse("the value is not valid TOML"))?;
    let (path, last) = key.rsplit_once('.').map_or((None, key), |(path, last)| (Some(path), last));
    let mut table = table;
    for part in path.into_iter().flat_map(|p| p.split('.')) {
        table = table
            .get_mut(part)
            .and_then(|v| v.as_table_mut())
            .ok_or_else(|| refuse("there is no such key"))?;
    }
    let names = table.keys().cloned().collect::<Vec<_>>().join(", ");
    let slot =
        table.get_mut(last).ok_or_else(|| refuse(&format!("there is no such key; there are {names}")))?;
    *slot = match (&*slot, parsed["value"].clone()) {
        (toml::Value::Float(_), toml::Value::Integer(whole)) => toml::Value::Float(whole as f64),
        (old, new) if old.same_type(&new) => new,
        (old, new) => return Err(refuse(&format!("expected {}, found {}", old.type_str(), new.type_str()))),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_resolves_and_knows_its_name() {
        for (name, _) in PRESETS {
            assert_eq!(Settings::resolve(name, &[]).unwrap().preset, name);
        }
    }

    #[test]
    fn a_change_replaces_a_setting_and_an_unknown_one_is_named() {
        let changes =
            ["game.adam.rate=1e-2".into(), "game.penalty=5".into(), "game.generator.channels=[8, 4]".into()];
        let settings = Settings::resolve("tiny", &changes).unwrap();
        let GameConfig::Wasserstein(game) = settings.game else { panic!("tiny plays Wasserstein") };
        assert_eq!((game.adam.rate, game.penalty), (1e-2, 5.0));
        assert_eq!(game.generator.channels, [8, 4]);
        let message = |change: &str| Settings::resolve("tiny", &[change.into()]).unwrap_err().to_string();
        assert!(
            message("game.adam.rte=1").contains("there are beta_1, beta_2, rate"),
            "{}",
            message("game.adam.rte=1")
        );
        assert!(message("batch=many").contains("expected integer"), "{}", message("batch=many"));
        assert!(message("batch=0").contains("batch: 1..=1024"));
        assert!(message("grades=[4,0]").contains("ascending"));
    }
}
