//! Adversarial games: each holds its networks and optimisers and knows one step; the loop knows no more of them.

pub mod duel;
mod moments;
pub mod projected;
pub mod relativistic;
mod share;
pub mod wasserstein;

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, Stream, stream};
use serde::{Deserialize, Serialize};

pub(crate) use self::share::Share;
pub use self::share::{Alone, Peers};
use crate::data::Data;
use crate::error::Result;
use crate::networks::Generator;
use crate::parameters::{Init, Parameters, load};
use crate::settings::Settings;

/// Which game is played, and its own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum GameConfig {
    /// Wasserstein distance with gradient penalty.
    Wasserstein(wasserstein::Config),
    /// Real and fake images in pairs, with penalties on both.
    Relativistic(relativistic::Config),
    /// Critics on a frozen network's features.
    Projected(projected::Config),
}

impl GameConfig {
    /// Numbers in a latent.
    pub fn latent(&self) -> usize {
        match self {
            Self::Wasserstein(config) => config.generator.latent,
            Self::Relativistic(config) => config.latent,
            Self::Projected(config) => config.generator.latent,
        }
    }

    /// The first rule that these settings break for images of `size` in batches of `batch`, so many to a step.
    pub(crate) fn check(&self, size: usize, [batch, passes]: [usize; 2]) -> Option<&'static str> {
        match self {
            Self::Wasserstein(config) => config.check(size),
            Self::Relativistic(config) => config.check(size),
            Self::Projected(config) => config.check(size, [batch, passes]),
        }
    }
}

/// Named numbers that one step found; the loop sums them up over a tick.
pub type Losses = Vec<(&'static str, f64)>;

/// A game under way.
pub(crate) trait Game {
    /// What a game looks up in the data before the first step of a session, and has not been restored.
    fn prepare(&mut self, _data: &Data) -> Result<()> {
        Ok(())
    }

    /// Gives the generator, before the first step, the parameters of one that was trained before.
    fn start_from(&mut self, average: &Parameters) -> Result<(), String>;

    /// One step of the generator and those of the critics that belong to it. `step` keys all it draws.
    fn step(&mut self, data: &Data, step: u64) -> Losses;

    /// The average generator, which samples.
    fn average(&self) -> &Parameters;

    /// The critic's scores of as many images as labels, one after the other, in -1..1: the higher, the realer.
    fn scores(&self, images: Vec<f32>, labels: &[usize]) -> Vec<f64>;

    /// Everything that resumes it, by name.
    fn state(&self) -> Parameters;

    /// Takes the place of an earlier [`Game::state`]. `steps` were taken before it.
    ///
    /// Fails with the first name that is missing or of another shape.
    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String>;

    /// The same with other settings, and perhaps other data: what is known of the data is left to [`Game::prepare`].
    fn go_on(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        self.restore(state, steps)
    }
}

/// A game before its first step, played on a device.
pub(crate) fn begin(
    settings: &Settings,
    data: &Data,
    device: &Device,
    share: Share,
) -> Result<Box<dyn Game>> {
    Ok(match &settings.game {
        GameConfig::Wasserstein(config) => Box::new(duel::Play::begin(settings, config, device, share)),
        GameConfig::Relativistic(config) => Box::new(duel::Play::begin(settings, config, device, share)),
        GameConfig::Projected(config) => {
            Box::new(projected::Play::begin(settings, config, (data, device), share)?)
        }
    })
}

/// The latents of a part of a step's batch, `[b, z]`.
fn latents(
    settings: &Settings,
    (purpose, index): (Purpose, u64),
    part: &Range<usize>,
    device: &Device,
) -> Tensor<2> {
    rows(stream(settings.seed, purpose, index), settings.batch, part, settings.game.latent(), device)
}

/// A part's rows of a batch of normal numbers, `[b, width]`.
fn rows(mut draws: Stream, batch: usize, part: &Range<usize>, width: usize, device: &Device) -> Tensor<2> {
    let values = draws.normals(batch * width)[part.start * width..part.end * width].to_vec();
    Tensor::from_data(TensorData::new(values, [part.len(), width]), device)
}

pub(crate) fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}

/// The generator of these settings with these parameters, off the tape.
pub(crate) fn generator(settings: &Settings, parameters: &Parameters) -> Result<Generator, String> {
    generator_on(settings, parameters, &Device::flex())
}

/// The same on a device.
pub(crate) fn generator_on(
    settings: &Settings,
    parameters: &Parameters,
    device: &Device,
) -> Result<Generator, String> {
    let mut init = Init::new(settings.seed, Purpose::GeneratorWeights, device);
    let (labels, size) = (settings.labels(), settings.size);
    Ok(match &settings.game {
        GameConfig::Wasserstein(config) => {
            Generator::Plain(load(config.generator.init(&mut init, labels, size), parameters)?)
        }
        GameConfig::Relativistic(config) => {
            Generator::Residual(load(config.init(&mut init, labels, size), parameters)?)
        }
        GameConfig::Projected(config) => {
            Generator::Fast(Box::new(load(config.generator.init(&mut init, labels, size), parameters)?))
        }
    })
}
