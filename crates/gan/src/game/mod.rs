//! Adversarial games: each holds its networks and optimisers and knows one step; the loop knows no more of them.

pub mod duel;
mod moments;
pub mod projected;
pub mod relativistic;
pub mod wasserstein;

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};

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

    /// The first rule that these settings break for images of `size` in batches of `batch`.
    pub(crate) fn check(&self, size: usize, batch: usize) -> Option<&'static str> {
        match self {
            Self::Wasserstein(config) => config.check(size),
            Self::Relativistic(config) => config.check(size),
            Self::Projected(config) => config.check(size, batch),
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

    /// The critic's scores of as many images as grades, one after the other, in -1..1: the higher, the realer.
    fn scores(&self, images: Vec<f32>, grades: &[usize]) -> Vec<f64>;

    /// Everything that resumes it, by name.
    fn state(&self) -> Parameters;

    /// Takes the place of an earlier [`Game::state`]. `steps` were taken before it.
    ///
    /// Fails with the first name that is missing or of another shape.
    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String>;
}

/// A game before its first step.
pub(crate) fn begin(settings: &Settings, data: &Data) -> Result<Box<dyn Game>> {
    Ok(match &settings.game {
        GameConfig::Wasserstein(config) => Box::new(duel::Play::begin(settings, config)),
        GameConfig::Relativistic(config) => Box::new(duel::Play::begin(settings, config)),
        GameConfig::Projected(config) => Box::new(projected::Play::begin(settings, config, data)?),
    })
}

/// The latents of a step's batch, `[b, z]`.
fn latents(settings: &Settings, purpose: Purpose, index: u64, device: &Device) -> Tensor<2> {
    let shape = [settings.batch, settings.game.latent()];
    let draws = stream(settings.seed, purpose, index).normals(shape[0] * shape[1]);
    Tensor::from_data(TensorData::new(draws, shape), device)
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
    let (grades, size) = (settings.grades.len(), settings.size);
    Ok(match &settings.game {
        GameConfig::Wasserstein(config) => {
            Generator::Plain(load(config.generator.init(&mut init, grades, size), parameters)?)
        }
        GameConfig::Relativistic(config) => {
            Generator::Residual(load(config.init(&mut init, grades, size), parameters)?)
        }
        GameConfig::Projected(config) => {
            Generator::Fast(Box::new(load(config.generator.init(&mut init, grades, size), parameters)?))
        }
    })
}
