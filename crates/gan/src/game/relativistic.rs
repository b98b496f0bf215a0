//! R3GAN's game (Huang et al. 2024): the critic tells each real image from the fake beside it, and its input gradient
//! is kept small at both.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::duel::{Pair, Rules};
use super::{Losses, scalar};
use crate::adam::{AdamConfig, add, slopes};
use crate::networks::residual::{ResidualConfig, ResidualCritic, ResidualGenerator};
use crate::parameters::{Init, Parameters};
use crate::settings::{Settings, broken};

/// Settings of the game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Weight of both gradient penalties, before their half.
    pub gamma: f32,
    /// The optimiser of both networks.
    pub adam: AdamConfig,
    /// Numbers in a latent.
    pub latent: usize,
    /// Numbers in a grade's embedding.
    pub embedding: usize,
    /// The generator.
    pub generator: ResidualConfig,
    /// The critic.
    pub critic: ResidualConfig,
}

impl Config {
    pub(super) fn check(&self, size: usize) -> Option<&'static str> {
        let rules = [
            (self.gamma >= 0.0 && self.gamma.is_finite(), "game.gamma: finite, not negative"),
            ((1..=4096).contains(&self.latent), "game.latent: 1..=4096"),
            ((1..=4096).contains(&self.embedding), "game.embedding: 1..=4096"),
            (self.adam.holds(), "game.adam: rate between 0 and 1, beta_1 and beta_2 in 0..1"),
        ];
        broken(&rules).or_else(|| self.generator.check(size)).or_else(|| self.critic.check(size))
    }
}

impl Config {
    /// The generator before its first step.
    pub(super) fn init(&self, init: &mut Init, labels: usize, size: usize) -> ResidualGenerator {
        self.generator.generator(init, [self.latent, self.embedding], labels, size)
    }
}

impl Rules for Config {
    type Generator = ResidualGenerator;
    type Critic = ResidualCritic;

    fn turns(&self) -> u64 {
        1
    }

    fn adam(&self) -> AdamConfig {
        self.adam
    }

    fn generator(&self, init: &mut Init, settings: &Settings) -> ResidualGenerator {
        self.init(init, settings.labels(), settings.size).computing(settings.precision)
    }

    fn critic(&self, init: &mut Init, settings: &Settings) -> ResidualCritic {
        self.critic.critic(init, settings.labels(), settings.size).computing(settings.precision)
    }

    fn draw(generator: &ResidualGenerator, latents: Tensor<2>, labels: &[usize]) -> Tensor<4> {
        generator.forward(latents, labels)
    }

    fn score(critic: &ResidualCritic, images: Tensor<4>, labels: &[usize]) -> Tensor<2> {
        critic.forward(images, labels)
    }

    /// `softplus(fake - real) + gamma / 2 (R1 + R2)`, term by term, so that there is the tape of one at a time.
    fn critic_losses(&self, critic: &ResidualCritic, pair: Pair, _: Vec<f32>) -> (Losses, Parameters) {
        let Pair { real, fake, labels } = pair;
        let score = |images: &Tensor<4>| critic.forward(images.clone(), labels);
        let margin = score(&real) - score(&fake);
        let pairing = softplus(-margin.clone()).mean();
        let mut losses = vec![("critic", scalar(&pairing)), ("margin", scalar(&margin.mean()))];
        let mut found = slopes(critic, pairing.backward());
        for (name, images) in [("r1", real), ("r2", fake)] {
            let at = penalty(critic, images, labels);
            losses.push((name, scalar(&at)));
            add(&mut found, slopes(critic, (at * (0.5 * self.gamma)).backward()));
        }
        (losses, found)
    }

    fn generator_loss(&self, fake: Tensor<2>, real: impl FnOnce() -> Tensor<2>) -> Tensor<1> {
        softplus(real().detach() - fake).mean()
    }
}

/// `mean(|gradient at each image|^2)`, differentiable in the critic's parameters (R1 and R2; Mescheder et al. 2018).
pub fn penalty(critic: &ResidualCritic, images: Tensor<4>, labels: &[usize]) -> Tensor<1> {
    let gradient = critic.input_gradient(images, labels).flatten::<2>(1, 3); // [b, s * s]
    gradient.powf_scalar(2.0).sum_dim(1).mean()
}

/// `log(1 + exp(x))`, without overflow.
fn softplus(x: Tensor<2>) -> Tensor<2> {
    let tail = (-x.clone().abs()).exp().log1p();
    relu(x) + tail
}
