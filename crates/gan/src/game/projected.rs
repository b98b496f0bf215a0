//! The projected game (Sauer et al. 2021), made small: critics judge augmented images by a frozen network's features
//! and by their Haar sub-bands, with the hinge loss; one batch of fakes serves the critics' step and the generator's.

use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use doppelray_kernels::passes::Change;
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};

use super::{Game, Losses, latents, scalar};
use crate::adam::{Adam, AdamConfig, follow};
use crate::data::{Batch, Data};
use crate::error::{Error, Result};
use crate::networks::fast::critics::{Critics, CriticsConfig, GROUP};
use crate::networks::fast::generator::{FastConfig, FastGenerator, Statistics};
use crate::networks::fast::projector::{Projector, moments};
use crate::networks::haar;
use crate::ops::{Precision, augment};
use crate::parameters::{Init, Parameters, collect, load};
use crate::settings::{Settings, broken};
use crate::squeezenet::SqueezeNet;
use crate::store::{below, under};

/// Settings of the game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The frozen network: a file of SqueezeNet 1.1's weights.
    pub features: String,
    /// The optimiser of both sides.
    pub adam: AdamConfig,
    /// What is done to every image before it is judged.
    pub augment: AugmentConfig,
    /// The generator.
    pub generator: FastConfig,
    /// The critics.
    pub critics: CriticsConfig,
}

/// Differentiable augmentation: how far it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Most that is added or taken, of a scale of -1..1.
    pub brightness: f64,
    /// Most by which the contrast's factor differs from 1.
    pub contrast: f64,
    /// Longest shift along each axis, as a share of the image.
    pub shift: f64,
    /// Side of the hole, as a share of the image.
    pub cutout: f64,
    /// Share of the images that get a hole.
    pub cutout_share: f64,
}

/// Levels of a frozen network's features.
const LEVELS: usize = 4;
/// Real images on which features are standardised.
const STANDARD: usize = 64;

impl Config {
    pub(super) fn check(&self, size: usize, batch: usize) -> Option<&'static str> {
        let AugmentConfig { brightness, contrast, shift, cutout, cutout_share } = self.augment;
        let shares = [brightness, contrast, shift, cutout, cutout_share];
        let rules = [
            (self.adam.holds(), "game.adam: rate between 0 and 1, beta_1 and beta_2 in 0..1"),
            (shares.iter().all(|v| (0.0..1.0).contains(v)), "game.augment: each in 0..1"),
            (batch.is_multiple_of(GROUP), "batch: a multiple of 4, in which the critics look for variety"),
            (size >= 64, "size: at least 64 for the frozen features"),
        ];
        broken(&rules).or_else(|| self.generator.check(size)).or_else(|| self.critics.check(LEVELS))
    }
}

/// The game under way.
pub(crate) struct Play {
    settings: Settings,
    config: Config,
    device: Device,
    features: SqueezeNet,
    projector: Projector,
    /// One over the deviation of each sub-band of real images.
    bands: [f32; 4],
    generator: FastGenerator,
    critics: Critics,
    average: Parameters,
    /// Of the generator, and of the critics.
    adams: [Adam; 2],
}

impl Play {
    pub(crate) fn begin(settings: &Settings, config: &Config, data: &Data) -> Result<Self> {
        let device = Device::flex().autodiff();
        if config.features == "own" {
            let reason = "game.features: no network is built in yet; give a file of SqueezeNet 1.1's weights \
                          (--set game.features=squeezenet1_1.safetensors)";
            return Err(Error::Setting(reason.to_owned()));
        }
        let features = SqueezeNet::read(Path::new(&config.features), &device)?;
        let grades = settings.grades.len();
        let init = |purpose| Init::new(settings.seed, purpose, &device);
        let mut weights = init(Purpose::GeneratorWeights);
        let generator =
            config.generator.init(&mut weights, grades, settings.size).computing(settings.precision);
        let critics = config.critics.init(&mut init(Purpose::CriticWeights), grades);
        let real = data.some(settings, STANDARD, &device);
        let pyramid = features.pyramid(real.clone(), Precision::F32);
        let projector = Projector::standardised(settings.seed, &config.critics.mixed, &pyramid, &device);
        let average = collect(&generator);
        let (_, deviations) = moments(haar::forward(real, [1.0; 4]));
        let bands = [0, 1, 2, 3].map(|band| 1.0 / deviations[band].max(0.02));
        let (settings, config, adams) = (settings.clone(), config.clone(), Default::default());
        Ok(Self { settings, config, device, features, projector, bands, generator, critics, average, adams })
    }

    /// What the critics look at: mixed features of each level, and sub-bands.
    fn seen(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let precision = self.settings.precision;
        let features = self.features.pyramid(images.clone(), precision);
        let mut seen = self.projector.forward(&features, precision);
        seen.push(haar::forward(images, self.bands));
        seen
    }

    /// The changes of a batch, real and fake.
    fn changes(&self, step: u64) -> [Vec<Change>; 2] {
        let AugmentConfig { brightness, contrast, shift, cutout, cutout_share } = self.config.augment;
        let side = self.settings.size;
        let mut draws = stream(self.settings.seed, Purpose::Augment, step);
        let (reach, hole) = ((side as f64 * shift) as usize, (side as f64 * cutout) as isize);
        let mut change = || {
            let brightness = draws.range(-brightness, brightness) as f32;
            let contrast = draws.range(1.0 - contrast, 1.0 + contrast) as f32;
            let shift = [0; 2].map(|_| draws.below(2 * reach + 1) as isize - reach as isize);
            let corner = [0; 2].map(|_| draws.below(side) as isize - hole / 2);
            let cut = draws.uniform() < cutout_share && hole > 0;
            Change { brightness, contrast, shift, hole: cut.then_some([corner[0], corner[1], hole]) }
        };
        [0; 2].map(|_| (0..self.settings.batch).map(|_| change()).collect())
    }

    fn fakes(&self, step: u64, grades: &[usize]) -> (Tensor<4>, Vec<[Vec<f32>; 2]>) {
        let latents = latents(&self.settings, Purpose::GeneratorLatent, step, &self.device);
        let [_, count] = self.generator.inputs();
        let mut draws = stream(self.settings.seed, Purpose::GeneratorNoise, step);
        let noise = TensorData::new(draws.normals(grades.len() * count), [grades.len(), count]);
        let mut statistics = Statistics::Batch(Vec::new());
        let noise = Tensor::from_data(noise, &self.device);
        let images = self.generator.forward(latents, noise, grades, &mut statistics);
        match statistics {
            Statistics::Batch(found) => (images, found),
            Statistics::Kept => unreachable!("a forward pass does not change the kind of statistics"),
        }
    }

    /// The critics' losses on what they saw of real and fake images, and their step.
    fn critics_step(&mut self, real: &[Tensor<4>], fake: &[Tensor<4>], grades: &[usize]) -> Losses {
        self.critics = self.critics.clone().turned();
        let fake: Vec<Tensor<4>> = fake.iter().map(|x| x.clone().detach()).collect();
        let scores = |seen: &[Tensor<4>]| self.critics.forward(seen, grades, self.settings.precision);
        let (real, fake) = (scores(real), scores(&fake));
        let loss = hinge(&real, 1.0) + hinge(&fake, -1.0);
        let losses = vec![
            ("critics", scalar(&loss)),
            ("real", scalar(&mean(&real)) / real.len() as f64),
            ("fake", scalar(&mean(&fake)) / fake.len() as f64),
        ];
        self.critics = self.adams[1].step(self.config.adam, self.critics.clone(), &loss.backward());
        losses
    }

    fn generator_step(&mut self, seen: &[Tensor<4>], grades: &[usize]) -> f64 {
        self.critics = self.critics.clone().turned();
        let frozen = self.critics.clone().no_grad();
        let loss = -mean(&frozen.forward(seen, grades, self.settings.precision));
        let gradients: Gradients = loss.backward();
        self.generator = self.adams[0].step(self.config.adam, self.generator.clone(), &gradients);
        scalar(&loss)
    }
}

/// The sum over levels of the mean of `relu(1 - sign * score)`.
fn hinge(scores: &[Tensor<4>], sign: f32) -> Tensor<1> {
    let of = |score: &Tensor<4>| relu(1.0 - score.clone() * sign).mean();
    scores.iter().map(of).reduce(|a, b| a + b).expect("there is a critic")
}

/// The sum over levels of the mean score.
fn mean(scores: &[Tensor<4>]) -> Tensor<1> {
    scores.iter().map(|score| score.clone().mean()).reduce(|a, b| a + b).expect("there is a critic")
}

impl Game for Play {
    fn step(&mut self, data: &Data, step: u64) -> Losses {
        let Batch { images, grades } = data.batch(&self.settings, step, &self.device);
        let [for_real, for_fake] = self.changes(step);
        let real = self.seen(augment(images, &for_real));
        let (fakes, statistics) = self.fakes(step, &grades);
        let fake = self.seen(augment(fakes, &for_fake));
        let mut losses = self.critics_step(&real, &fake, &grades);
        losses.push(("generator", self.generator_step(&fake, &grades)));
        self.generator = self.generator.clone().settled(statistics);
        follow(&mut self.average, &collect(&self.generator), self.settings.decay(step));
        losses
    }

    fn average(&self) -> &Parameters {
        &self.average
    }

    fn state(&self) -> Parameters {
        let mut state: Parameters = under("average", &self.average).collect();
        state.extend(under("generator", &collect(&self.generator)).chain(self.adams[0].state("generator")));
        state.extend(under("critics", &collect(&self.critics)).chain(self.adams[1].state("critics")));
        state.extend(under("projector", &collect(&self.projector)));
        state
    }

    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        self.generator = load(self.generator.clone(), &below("generator", state))?;
        self.critics = load(self.critics.clone(), &below("critics", state))?;
        self.projector = load(self.projector.clone(), &below("projector", state))?;
        self.average = below("average", state);
        self.adams = ["generator", "critics"].map(|name| Adam::restored(name, state, steps));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::game::GameConfig;
    use crate::model;
    use crate::networks::Generator;

    /// The game small, on 64 px and random features.
    fn settings(folder: &Path) -> Settings {
        let features = crate::squeezenet::tests::random(folder);
        let changes = [
            format!("game.features={features:?}"),
            "size=64".into(),
            "batch=4".into(),
            "grades=[0, 1]".into(),
            "game.generator.latent=8".into(),
            "game.generator.embedding=4".into(),
            "game.generator.channels=[16, 12, 8, 8, 8]".into(),
            "game.critics.mixed=[8, 8, 8, 8]".into(),
            "game.critics.features=[[8, 8], [8], [8], [8]]".into(),
            "game.critics.bands=[8, 8]".into(),
        ];
        Settings::resolve("fast", &changes).unwrap()
    }

    fn begin(settings: &Settings, data: &Data) -> Play {
        let GameConfig::Projected(config) = &settings.game else { panic!("fast plays the projected game") };
        Play::begin(settings, config, data).unwrap()
    }

    #[test]
    fn a_game_restored_after_one_step_goes_on_as_if_it_had_not_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let mut whole = begin(&settings, &data);
        let first = whole.step(&data, 0);
        let (state, second) = (whole.state(), whole.step(&data, 1));
        let mut resumed = begin(&settings, &data);
        resumed.restore(&state, 1).unwrap();
        assert_eq!(resumed.step(&data, 1), second);
        assert_eq!(resumed.state(), whole.state());
        assert_ne!(first, second);
        assert!(second.iter().all(|(_, loss)| loss.is_finite()), "{second:?}");
        let missing: Parameters =
            state.into_iter().filter(|(name, _)| !name.ends_with("head_bias")).collect();
        assert!(begin(&settings, &data).restore(&missing, 1).unwrap_err().contains("head_bias"));
    }

    #[test]
    fn each_part_of_both_sides_moves_in_a_step_and_the_frozen_parts_stay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let mut play = begin(&settings, &data);
        let before = play.state();
        play.step(&data, 0);
        let after = play.state();
        for (name, array) in &before {
            let moved = after[name] != *array;
            // Of one row the singular vector is 1; a score's bias moves real and fake alike, and may balance.
            let free = name.ends_with("score.left") || name.ends_with("score_bias");
            assert!(moved != name.starts_with("projector/") || free, "{name}");
        }
    }

    #[test]
    fn a_sampled_image_depends_on_model_grade_and_seed_alone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let mut play = begin(&settings, &data);
        play.step(&data, 0);
        let generator: Generator = crate::game::generator(&settings, play.average()).unwrap();
        let draw = |grade, seed| model::draw(&generator, grade, seed);
        assert_eq!(draw(0, 7), draw(0, 7));
        assert_ne!(draw(0, 7), draw(0, 8));
        assert_ne!(draw(0, 7), draw(1, 7));
    }

    #[test]
    fn without_features_the_error_says_what_to_give() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let GameConfig::Projected(config) = &mut settings.game else { unreachable!() };
        config.features = PathBuf::from("nowhere.safetensors").display().to_string();
        let config = config.clone();
        let message = Play::begin(&settings, &config, &data).err().unwrap().to_string();
        assert!(message.contains("nowhere.safetensors"), "{message}");
    }
}
