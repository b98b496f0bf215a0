//! The Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).
//!
//! Losses are means over the batch; the penalty keeps the critic's gradient at points between real and fake at
//! length 1.

use burn::module::Module;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};

use super::{Game, Losses, latents, scalar};
use crate::adam::{Adam, AdamConfig, follow};
use crate::data::{Batch, Data};
use crate::networks::critic::{Critic, CriticConfig};
use crate::networks::generator::{Generator, GeneratorConfig};
use crate::parameters::{Init, Parameters, collect, load, values};
use crate::settings::{Settings, widths_fit};
use crate::store::{below, under};

/// Settings of the game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Steps of the critic for one of the generator.
    pub critic_steps: u64,
    /// Weight of the gradient penalty.
    pub penalty: f32,
    /// The optimiser of both networks.
    pub adam: AdamConfig,
    /// The generator.
    pub generator: GeneratorConfig,
    /// The critic.
    pub critic: CriticConfig,
}

impl Config {
    pub(super) fn check(&self, size: usize) -> Option<&'static str> {
        let levels = self.generator.channels.len().max(self.critic.channels.len());
        let rules = [
            ((1..=100).contains(&self.critic_steps), "game.critic_steps: 1..=100"),
            (self.penalty >= 0.0 && self.penalty.is_finite(), "game.penalty: finite, not negative"),
            (self.adam.holds(), "game.adam: rate between 0 and 1, beta_1 and beta_2 in 0..1"),
            ((1..=4096).contains(&self.generator.latent), "game.generator.latent: 1..=4096"),
            ((1..=4096).contains(&self.generator.embedding), "game.generator.embedding: 1..=4096"),
            ((1..=10).contains(&levels), "channels: 1 to 10 levels"),
            (widths_fit(&self.generator.channels), "game.generator.channels: each 1..=4096"),
            (widths_fit(&self.critic.channels), "game.critic.channels: each 1..=4096"),
            (size >= 1 << self.critic.channels.len(), "size: at least 2^levels of the critic"),
        ];
        rules.iter().find(|(holds, _)| !holds).map(|(_, rule)| *rule)
    }
}

/// The game under way.
pub(crate) struct Play {
    settings: Settings,
    config: Config,
    device: Device,
    generator: Generator,
    critic: Critic,
    average: Parameters,
    /// Of the generator, and of the critic.
    adams: [Adam; 2],
}

impl Play {
    pub(crate) fn begin(settings: &Settings, config: &Config) -> Self {
        let device = Device::flex().autodiff();
        let grades = settings.grades.len();
        let init = |purpose| Init::new(settings.seed, purpose, &device);
        let generator = config.generator.init(&mut init(Purpose::GeneratorWeights), grades, settings.size);
        let critic = config.critic.init(&mut init(Purpose::CriticWeights), grades, settings.size);
        let average = collect(&generator);
        let generator = generator.computing(settings.precision);
        let critic = critic.computing(settings.precision);
        let (settings, config, adams) = (settings.clone(), config.clone(), Default::default());
        Self { settings, config, device, generator, critic, average, adams }
    }

    fn critic_step(&mut self, data: &Data, index: u64) -> (CriticLosses, Vec<usize>) {
        let settings = &self.settings;
        let Batch { images, grades } = data.batch(settings, index, &self.device);
        let latents = latents(settings, Purpose::CriticLatent, index, &Device::flex());
        let fake = self.generator.valid().forward(latents, &grades);
        let shares = stream(settings.seed, Purpose::Interpolate, index).uniforms(settings.batch);
        let between = TensorData::new(shares, [settings.batch, 1, 1, 1]);
        let pair = Pair {
            real: images,
            fake: Tensor::from_data(TensorData::new(values(fake.clone()), fake.dims()), &self.device),
            grades: &grades,
            between: Tensor::from_data(between, &self.device),
        };
        let (losses, gradients) = critic(&self.critic, pair, self.config.penalty);
        self.critic = self.adams[1].step(self.config.adam, self.critic.clone(), &gradients);
        (losses, grades)
    }
}

impl Game for Play {
    fn step(&mut self, data: &Data, step: u64) -> Losses {
        let turns = self.config.critic_steps;
        let mut sums = CriticLosses::default();
        let mut grades = Vec::new();
        for turn in 0..turns {
            let losses;
            (losses, grades) = self.critic_step(data, step * turns + turn);
            sums.distance += losses.distance / turns as f64;
            sums.penalty += losses.penalty / turns as f64;
        }
        let latents = latents(&self.settings, Purpose::GeneratorLatent, step, &self.device);
        let frozen = self.critic.clone().no_grad();
        let (loss, gradients) = generator(&self.generator, &frozen, latents, &grades);
        self.generator = self.adams[0].step(self.config.adam, self.generator.clone(), &gradients);
        follow(&mut self.average, &collect(&self.generator), self.settings.decay(step));
        vec![("distance", sums.distance), ("penalty", sums.penalty), ("generator", loss)]
    }

    fn average(&self) -> &Parameters {
        &self.average
    }

    fn state(&self) -> Parameters {
        let [generator, critic] = &self.adams;
        let (networks, moments) = ([collect(&self.generator), collect(&self.critic)], [generator, critic]);
        let mut state: Parameters = under("average", &self.average).collect();
        for ((name, network), adam) in ["generator", "critic"].into_iter().zip(&networks).zip(moments) {
            state.extend(under(name, network).chain(adam.state(name)));
        }
        state
    }

    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        self.generator = load(self.generator.clone(), &below("generator", state))?;
        self.critic = load(self.critic.clone(), &below("critic", state))?;
        self.average = below("average", state);
        let turns = steps * self.config.critic_steps;
        self.adams = [Adam::restored("generator", state, steps), Adam::restored("critic", state, turns)];
        Ok(())
    }
}

/// What one step of the critic found, beside the gradients it leaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct CriticLosses {
    /// Mean score of real images less that of fakes: the estimate of the Wasserstein distance.
    pub distance: f64,
    /// Mean squared deviation of the gradient's length from 1.
    pub penalty: f64,
}

/// Real images and fakes of the same grades, each `[b, 1, s, s]`, and where between them the penalty is taken.
pub struct Pair<'a> {
    /// Real images.
    pub real: Tensor<4>,
    /// Fakes, off the tape.
    pub fake: Tensor<4>,
    /// The grade of each real image and of the fake beside it.
    pub grades: &'a [usize],
    /// Shares of the real image, `[b, 1, 1, 1]` in 0..1.
    pub between: Tensor<4>,
}

/// The critic's losses and the gradients of `fake - real + weight * penalty`.
pub fn critic(critic: &Critic, pair: Pair, weight: f32) -> (CriticLosses, Gradients) {
    let Pair { real, fake, grades, between } = pair;
    let point = fake.clone() + (real.clone() - fake.clone()) * between;
    let scores = |images| critic.forward(images, grades).mean();
    let distance = scores(real) - scores(fake);
    let penalty = penalty(critic, point, grades);
    let losses = CriticLosses { distance: scalar(&distance), penalty: scalar(&penalty) };
    (losses, (penalty * weight - distance).backward())
}

/// `mean((|gradient at each image| - 1)^2)`, differentiable in the critic's parameters.
pub fn penalty(critic: &Critic, images: Tensor<4>, grades: &[usize]) -> Tensor<1> {
    let gradient = critic.input_gradient(images, grades).flatten::<2>(1, 3); // [b, s * s]
    let length = (gradient.powf_scalar(2.0).sum_dim(1) + 1e-12).sqrt();
    (length - 1.0).powf_scalar(2.0).mean()
}

/// The generator's loss, minus the mean score of its images, and its gradients.
pub fn generator(
    generator: &Generator,
    critic: &Critic,
    latents: Tensor<2>,
    grades: &[usize],
) -> (f64, Gradients) {
    let loss = -critic.forward(generator.forward(latents, grades), grades).mean();
    (scalar(&loss), loss.backward())
}
