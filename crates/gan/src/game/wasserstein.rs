//! The Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).
//!
//! Losses are means over the batch; the penalty keeps the critic's gradient at points between real and fake at
//! length 1.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::duel::{Pair, Rules};
use super::{Losses, scalar};
use crate::adam::{AdamConfig, slopes};
use crate::networks::critic::{Critic, CriticConfig};
use crate::networks::generator::{Generator, GeneratorConfig};
use crate::parameters::{Init, Parameters};
use crate::settings::{Settings, broken, widths_fit};

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
        broken(&rules)
    }
}

impl Rules for Config {
    type Generator = Generator;
    type Critic = Critic;

    fn turns(&self) -> u64 {
        self.critic_steps
    }

    fn adam(&self) -> AdamConfig {
        self.adam
    }

    fn generator(&self, init: &mut Init, settings: &Settings) -> Generator {
        self.generator.init(init, settings.labels(), settings.size).computing(settings.precision)
    }

    fn critic(&self, init: &mut Init, settings: &Settings) -> Critic {
        self.critic.init(init, settings.labels(), settings.size).computing(settings.precision)
    }

    fn draw(generator: &Generator, latents: Tensor<2>, labels: &[usize]) -> Tensor<4> {
        generator.forward(latents, labels)
    }

    fn score(critic: &Critic, images: Tensor<4>, labels: &[usize]) -> Tensor<2> {
        critic.forward(images, labels)
    }

    /// The loss is `fake - real + weight * penalty`.
    fn critic_losses(&self, critic: &Critic, pair: Pair, shares: Vec<f32>) -> (Losses, Parameters) {
        let Pair { real, fake, labels } = pair;
        let shares = TensorData::new(shares, [labels.len(), 1, 1, 1]);
        let shares = Tensor::from_data(shares, &real.device());
        let point = fake.clone() + (real.clone() - fake.clone()) * shares;
        let scores = |images| critic.forward(images, labels).mean();
        let distance = scores(real) - scores(fake);
        let penalty = penalty(critic, point, labels);
        let losses = vec![("distance", scalar(&distance)), ("penalty", scalar(&penalty))];
        (losses, slopes(critic, (penalty * self.penalty - distance).backward()))
    }

    fn generator_loss(&self, fake: Tensor<2>, _: impl FnOnce() -> Tensor<2>) -> Tensor<1> {
        -fake.mean()
    }
}

/// `mean((|gradient at each image| - 1)^2)`, differentiable in the critic's parameters.
pub fn penalty(critic: &Critic, images: Tensor<4>, labels: &[usize]) -> Tensor<1> {
    let gradient = critic.input_gradient(images, labels).flatten::<2>(1, 3); // [b, s * s]
    let length = (gradient.powf_scalar(2.0).sum_dim(1) + 1e-12).sqrt();
    (length - 1.0).powf_scalar(2.0).mean()
}
