//! The adversarial game: the Wasserstein GAN with gradient penalty (Gulrajani et al. 2017).
//!
//! Losses are means over the batch; the penalty keeps the critic's gradient at points between real and fake at
//! length 1.

use burn::tensor::{Gradients, Tensor};

use crate::networks::critic::Critic;
use crate::networks::generator::Generator;

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

fn scalar(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}
