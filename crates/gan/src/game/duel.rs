//! A generator and a critic against each other, each with its optimiser; what each wants is in the rules.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::{Purpose, stream};

use super::{Game, Losses, Share, latents};
use crate::adam::{Adam, AdamConfig, EVEN, follow, slopes};
use crate::data::{Batch, Data};
use crate::parameters::{Init, Parameters, collect, load, values};
use crate::settings::Settings;
use crate::store::{below, under};

/// Real images and fakes of the same labels, each `[b, 1, s, s]`.
pub struct Pair<'a> {
    /// Real images.
    pub real: Tensor<4>,
    /// Fakes, off the tape.
    pub fake: Tensor<4>,
    /// The label of each real image and of the fake beside it.
    pub labels: &'a [usize],
}

/// What is played for.
pub(crate) trait Rules: Clone {
    /// The generator.
    type Generator: Module;
    /// The critic.
    type Critic: Module;

    /// Steps of the critic for one of the generator.
    fn turns(&self) -> u64;
    /// The optimiser of both.
    fn adam(&self) -> AdamConfig;
    /// The generator before its first step.
    fn generator(&self, init: &mut Init, settings: &Settings) -> Self::Generator;
    /// The critic before its first step.
    fn critic(&self, init: &mut Init, settings: &Settings) -> Self::Critic;
    /// Images of latents `[b, z]` and labels, `[b, 1, s, s]`.
    fn draw(generator: &Self::Generator, latents: Tensor<2>, labels: &[usize]) -> Tensor<4>;
    /// Scores of images, `[b, 1]`.
    fn score(critic: &Self::Critic, images: Tensor<4>, labels: &[usize]) -> Tensor<2>;
    /// What the critic found, and the slopes of its loss. `shares` are uniform, one for each image.
    fn critic_losses(&self, critic: &Self::Critic, pair: Pair, shares: Vec<f32>) -> (Losses, Parameters);
    /// The generator's loss of the scores of its fakes and of the real images beside them.
    fn generator_loss(&self, fake: Tensor<2>, real: impl FnOnce() -> Tensor<2>) -> Tensor<1>;
}

/// The game under way.
pub(crate) struct Play<R: Rules> {
    settings: Settings,
    rules: R,
    device: Device,
    generator: R::Generator,
    critic: R::Critic,
    average: Parameters,
    /// Of the generator, and of the critic.
    adams: [Adam; 2],
    share: Share,
}

impl<R: Rules> Play<R> {
    pub(crate) fn begin(settings: &Settings, rules: &R, device: &Device, share: Share) -> Self {
        let device = device.clone().autodiff();
        let init = |purpose| Init::new(settings.seed, purpose, &device);
        let generator = rules.generator(&mut init(Purpose::GeneratorWeights), settings);
        let critic = rules.critic(&mut init(Purpose::CriticWeights), settings);
        let average = collect(&generator);
        let (settings, rules, adams) = (settings.clone(), rules.clone(), Default::default());
        Self { settings, rules, device, generator, critic, average, adams, share }
    }

    fn critic_step(&mut self, data: &Data, index: u64) -> (Losses, Batch) {
        let settings = &self.settings;
        let batch = data.batch(settings, index, &self.device);
        let shares = stream(settings.seed, Purpose::Interpolate, index).uniforms(settings.batch);
        let generator = self.generator.valid();
        let part = |part: &Range<usize>| {
            let Batch { images, labels } = batch.part(part);
            let latents =
                latents(settings, (Purpose::CriticLatent, index), part, &self.device.clone().inner());
            let fake = R::draw(&generator, latents, &labels);
            let fake = Tensor::from_data(TensorData::new(values(fake.clone()), fake.dims()), &self.device);
            let pair = Pair { real: images, fake, labels: &labels };
            self.rules.critic_losses(&self.critic, pair, shares[part.clone()].to_vec())
        };
        let (losses, found) = self.share.own(settings.batch).iter().map(part).unzip();
        let pace = (self.rules.adam(), &EVEN);
        self.critic = self.adams[1].descend(pace, self.critic.clone(), &self.share.mean(found));
        (self.share.losses(losses), batch)
    }

    fn generator_step(&mut self, step: u64, batch: &Batch) -> Losses {
        let frozen = self.critic.clone().no_grad();
        let part = |part: &Range<usize>| {
            let Batch { images, labels } = batch.part(part);
            let latents = latents(&self.settings, (Purpose::GeneratorLatent, step), part, &self.device);
            let score = |images| R::score(&frozen, images, &labels);
            let fake = score(R::draw(&self.generator, latents, &labels));
            let loss = self.rules.generator_loss(fake, || score(images));
            (vec![("generator", super::scalar(&loss))], slopes(&self.generator, loss.backward()))
        };
        let (losses, found) = self.share.own(self.settings.batch).iter().map(part).unzip();
        let pace = (self.rules.adam(), &EVEN);
        self.generator = self.adams[0].descend(pace, self.generator.clone(), &self.share.mean(found));
        self.share.losses(losses)
    }
}

impl<R: Rules> Game for Play<R> {
    fn start_from(&mut self, average: &Parameters) -> Result<(), String> {
        self.generator = load(self.generator.clone(), average)?;
        self.average = collect(&self.generator);
        Ok(())
    }

    fn step(&mut self, data: &Data, step: u64) -> Losses {
        let turns = self.rules.turns();
        let (mut sums, mut batch) = self.critic_step(data, step * turns);
        for turn in 1..turns {
            let losses;
            (losses, batch) = self.critic_step(data, step * turns + turn);
            sums.iter_mut().zip(losses).for_each(|((_, sum), (_, loss))| *sum += loss);
        }
        sums.iter_mut().for_each(|(_, sum)| *sum /= turns as f64);
        if self.settings.rests(step) {
            return sums;
        }
        sums.extend(self.generator_step(step, &batch));
        follow(&mut self.average, &collect(&self.generator), self.settings.decay(step));
        sums
    }

    fn average(&self) -> &Parameters {
        &self.average
    }

    fn scores(&self, images: Vec<f32>, labels: &[usize]) -> Vec<f64> {
        let side = self.settings.size;
        let images = TensorData::new(images, [labels.len(), 1, side, side]);
        let scores =
            R::score(&self.critic.valid(), Tensor::from_data(images, &self.device.clone().inner()), labels);
        values(scores).into_iter().map(f64::from).collect()
    }

    fn state(&self) -> Parameters {
        let mut state: Parameters = under("average", &self.average).collect();
        state.extend(under("generator", &collect(&self.generator)).chain(self.adams[0].state("generator")));
        state.extend(under("critic", &collect(&self.critic)).chain(self.adams[1].state("critic")));
        state
    }

    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        self.generator = load(self.generator.clone(), &below("generator", state))?;
        self.critic = load(self.critic.clone(), &below("critic", state))?;
        self.average = below("average", state);
        let turns = steps * self.rules.turns();
        self.adams = [Adam::restored("generator", state, steps), Adam::restored("critic", state, turns)];
        Ok(())
    }
}
