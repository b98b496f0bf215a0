//! The projected game (Sauer et al. 2021), made small: critics judge augmented images by a frozen network's features
//! and by their Haar sub-bands, with the hinge loss; one batch of fakes serves the critics' step and the generator's.

use std::ops::Range;
use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_kernels::passes::Change;
use doppelray_measures::rng::{Purpose, Stream, stream};
use serde::{Deserialize, Serialize};

use super::moments::{self, Moments};
use super::{Game, Losses, Share, latents, rows, scalar};
use crate::adam::{Adam, AdamConfig, EVEN, add, follow, slopes};
use crate::data::{Batch, Data};
use crate::describer::Describer;
use crate::error::{Error, Result};
use crate::networks::fast::critics::{Critics, CriticsConfig, GROUP, Norm};
use crate::networks::fast::generator::{FastConfig, FastGenerator, Statistics};
use crate::networks::fast::projector::{ChannelMoments, Projector};
use crate::networks::haar;
use crate::ops::{Precision, augment};
use crate::own;
use crate::parameters::{Array, Init, Parameters, collect, load, values};
use crate::settings::{Settings, broken};
use crate::store::{below, under};

/// Settings of the game.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The frozen network that the critics look through: a file of SqueezeNet 1.1's or MobileNetV2's weights, or `own`, the network
    /// that comes along.
    pub features: String,
    /// Further ones, through each of which as many critics look (Sauer et al. 2022): what one network is blind to, another sees.
    #[serde(default)]
    pub also: Vec<String>,
    /// What the critics lose by a real image that is shown as one of another grade; 0 shows none.
    pub mismatch: f64,
    /// How strongly the fakes' moments are pulled towards the real ones; 0 leaves them alone. From the first step it
    /// hinders: after 2,000 real knees there is no outline yet that there is without it.
    pub moments: f64,
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
    /// Mean sign of the critics' scores of real images above which more images are changed, and below which fewer: a
    /// measure of overfitting (ADA, Karras et al. 2020, whose value is 0.6). At 0 every image is changed.
    pub target: f64,
}

/// Thousands of images in which the share of changed images can go from none to all; Karras et al.'s value.
const ADAPTATION_KIMG: f64 = 500.0;

/// Among what the critics find: the mean sign of their scores of real images, which steers the augmentation.
const SIGNS: &str = "signs";
/// Levels of a frozen network's features.
pub(super) const LEVELS: usize = 4;
/// Real images on which features are standardised, and how many of them are looked at together: no more than a small step's.
const STANDARD: usize = 64;
const TOGETHER: usize = 8;
/// Real images that their moments are taken of.
const REAL: usize = 3072;
/// How often one of few images may be among them, augmented each time.
const REPEATS: usize = 4;

impl Config {
    /// `batch` is a part of a step's.
    pub(super) fn check(&self, size: usize, [batch, passes]: [usize; 2]) -> Option<&'static str> {
        let AugmentConfig { brightness, contrast, shift, cutout, cutout_share, target } = self.augment;
        let shares = [brightness, contrast, shift, cutout, cutout_share, target];
        let rules = [
            ((0.0..=10.0).contains(&self.mismatch), "game.mismatch: 0..=10"),
            ((0.0..=100.0).contains(&self.moments), "game.moments: 0..=100"),
            (self.adam.holds(), "game.adam: rate between 0 and 1, beta_1 and beta_2 in 0..1"),
            (shares.iter().all(|v| (0.0..1.0).contains(v)), "game.augment: each in 0..1"),
            (
                batch.is_multiple_of(GROUP),
                "batch: a multiple of 4 for each of the passes, in which the critics look for variety",
            ),
            (
                self.moments == 0.0 || passes == 1,
                "passes: 1 while game.moments is more than 0, which follow every image",
            ),
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
    views: Vec<View>,
    /// One over the deviation of each sub-band of real images.
    bands: [f32; 4],
    generator: FastGenerator,
    critics: Critics,
    average: Parameters,
    /// Share of the images that are augmented.
    changed: f64,
    /// Found at the first step that needs them.
    moments: Option<Moments>,
    /// Of the generator, and of the critics.
    adams: [Adam; 2],
    share: Share,
}

/// A frozen network, and the fixed maps that mix what it finds.
struct View {
    network: Describer,
    projector: Projector,
}

impl View {
    /// Through the network of a file, or the one that comes along; standardised on real images `[STANDARD, 1, s, s]`.
    fn open(file: &str, seed: u64, mixed: &[usize], real: &Tensor<4>) -> Result<Self> {
        let device = real.device();
        let network = match file {
            own::NAME => Describer::SqueezeNet(Box::new(own::network(&device)?)),
            file => Describer::read(Path::new(file), &device)?,
        };
        let mut levels: [ChannelMoments; LEVELS] = Default::default();
        for first in (0..STANDARD).step_by(TOGETHER) {
            let part = real.clone().slice(first..first + TOGETHER);
            let pyramid = network.pyramid(part, Precision::F32).ok_or_else(|| {
                let reason =
                    format!("{} has no maps for critics; give SqueezeNet 1.1 or MobileNetV2", network.name());
                Error::content(Path::new(file), reason)
            })?;
            levels.iter_mut().zip(pyramid).for_each(|(level, x)| level.add(x));
        }
        let projector = Projector::standardised(seed, mixed, &levels, &device);
        Ok(Self { network, projector })
    }

    /// Mixed features, a map a level.
    fn forward(&self, images: Tensor<4>, precision: Precision) -> Vec<Tensor<4>> {
        let pyramid = self.network.pyramid(images, precision).expect("it was asked when it was opened");
        self.projector.forward(&pyramid, precision)
    }
}

/// A part of a step's images, and what is done to them.
struct Part {
    at: Range<usize>,
    batch: Batch,
    for_real: Vec<Change>,
    for_fake: Vec<Change>,
    /// Labels of a grade that each image is not of.
    wrong: Vec<usize>,
}

/// What the critics see of fakes, and the statistics of the batch norms that drew them.
type Fakes = (Vec<Tensor<4>>, Vec<[Vec<f32>; 2]>);

impl Play {
    pub(crate) fn begin(
        settings: &Settings,
        config: &Config,
        (data, device): (&Data, &Device),
        share: Share,
    ) -> Result<Self> {
        let device = device.clone().autodiff();
        let labels = settings.labels();
        let init = |purpose| Init::new(settings.seed, purpose, &device);
        let mut weights = init(Purpose::GeneratorWeights);
        let generator =
            config.generator.init(&mut weights, labels, settings.size).computing(settings.precision);
        let real = data.some(settings, STANDARD, &device);
        // Each with maps of its own.
        let seeds = (0..).map(|at: u64| settings.seed.wrapping_add(at));
        let views = std::iter::once(&config.features).chain(&config.also).zip(seeds);
        let views = views.map(|(file, seed)| View::open(file, seed, &config.critics.mixed, &real));
        let views = views.collect::<Result<Vec<_>>>()?;
        let critics = config.critics.init(&mut init(Purpose::CriticWeights), labels, views.len());
        let mut bands = ChannelMoments::default();
        for first in (0..STANDARD).step_by(TOGETHER) {
            bands.add(haar::forward(real.clone().slice(first..first + TOGETHER), [1.0; 4]));
        }
        let average = collect(&generator);
        let deviations = bands.deviations();
        let bands = [0, 1, 2, 3].map(|band| 1.0 / deviations[band].max(0.02));
        let (settings, config, adams) = (settings.clone(), config.clone(), Default::default());
        let (moments, changed) = (None, if config.augment.target > 0.0 { 0.0 } else { 1.0 });
        let mut play = Self {
            settings,
            config,
            device,
            views,
            bands,
            generator,
            critics,
            average,
            changed,
            moments,
            adams,
            share,
        };
        if play.config.critics.norm == Norm::Real {
            play.standardise_critics(&real);
        }
        Ok(play)
    }

    fn standardise_critics(&mut self, real: &Tensor<4>) {
        let parts = (0..STANDARD).step_by(TOGETHER).map(|first| real.clone().slice(first..first + TOGETHER));
        let seen: Vec<Vec<Tensor<4>>> = parts.map(|part| self.seen(part)).collect();
        let level = |level: usize| Tensor::cat(seen.iter().map(|seen| seen[level].clone()).collect(), 0);
        let levels = (0..seen[0].len()).map(level).collect();
        self.critics = self.critics.clone().standardised(levels, self.settings.precision);
    }

    /// What the critics look at: mixed features of each network's levels, and sub-bands.
    fn seen(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let precision = self.settings.precision;
        let mut seen: Vec<Tensor<4>> =
            self.views.iter().flat_map(|view| view.forward(images.clone(), precision)).collect();
        seen.push(haar::forward(images, self.bands));
        seen
    }

    /// The changes of a batch, real and fake.
    fn changes(&self, step: u64) -> [Vec<Change>; 2] {
        let AugmentConfig { brightness, contrast, shift, cutout, cutout_share, .. } = self.config.augment;
        let side = self.settings.size;
        let mut draws = stream(self.settings.seed, Purpose::Augment, step);
        let (reach, hole) = ((side as f64 * shift) as usize, (side as f64 * cutout) as isize);
        let mut change = || {
            let brightness = draws.range(-brightness, brightness) as f32;
            let contrast = draws.range(1.0 - contrast, 1.0 + contrast) as f32;
            let shift = [0; 2].map(|_| draws.below(2 * reach + 1) as isize - reach as isize);
            let corner = [0; 2].map(|_| draws.below(side) as isize - hole / 2);
            let cut = draws.uniform() < cutout_share && hole > 0;
            let hole = cut.then_some([corner[0], corner[1], hole]);
            // Drawn last, and always, so that the other draws do not depend on the share.
            match draws.uniform() < self.changed {
                true => Change { brightness, contrast, shift, hole },
                false => Change { brightness: 0.0, contrast: 1.0, shift: [0; 2], hole: None },
            }
        };
        [0; 2].map(|_| (0..self.settings.batch).map(|_| change()).collect())
    }

    /// The parts of a step's batch that are this process's.
    fn parts(&self, data: &Data, step: u64) -> Vec<Part> {
        let batch = data.batch(&self.settings, step, &self.device);
        let [for_real, for_fake] = self.changes(step);
        let wrong =
            others(stream(self.settings.seed, Purpose::WrongGrade, step), &self.settings, &batch.labels);
        let part = |at: Range<usize>| Part {
            batch: batch.part(&at),
            for_real: for_real[at.clone()].to_vec(),
            for_fake: for_fake[at.clone()].to_vec(),
            wrong: wrong[at.clone()].to_vec(),
            at,
        };
        self.share.own(self.settings.batch).into_iter().map(part).collect()
    }

    /// What the critics see of a part's fakes, and the statistics of the batch norms that drew them. A generator that rests is
    /// off the tape: one that no backward pass goes along is never given back.
    fn fakes(&self, generator: &FastGenerator, step: u64, part: &Part) -> Fakes {
        let latents = latents(&self.settings, (Purpose::GeneratorLatent, step), &part.at, &self.device);
        let [_, count] = generator.inputs();
        let draws = stream(self.settings.seed, Purpose::GeneratorNoise, step);
        let noise = rows(draws, self.settings.batch, &part.at, count, &self.device);
        let mut statistics = Statistics::Batch(Vec::new());
        let images = generator.forward(latents, noise, &part.batch.labels, &mut statistics);
        match statistics {
            Statistics::Batch(found) => (self.seen(augment(images, &part.for_fake)), found),
            Statistics::Kept => unreachable!("a forward pass does not change the kind of statistics"),
        }
    }

    /// The critics' losses on what they saw of real and fake images, and the slopes: of one after the other, so that there is the
    /// tape of one at a time.
    fn critics_losses(&self, part: &Part, [real, fake]: [&[Tensor<4>]; 2]) -> (Losses, Parameters) {
        let (precision, mismatch) = (self.settings.precision, self.config.mismatch as f32);
        let labels = &part.batch.labels;
        let level = |scores: &[Tensor<4>]| scalar(&mean(scores)) / scores.len() as f64;
        let fake = self.critics.forward(fake, labels, precision);
        let (of_fake, loss) = (level(&fake), hinge(&fake, -1.0));
        drop(fake);
        let mut lost = scalar(&loss);
        let mut found = slopes(&self.critics, loss.backward());
        let (real, loss) = if mismatch > 0.0 && self.settings.grades.len() > 1 {
            let [real, wrong] = self.critics.forward_twice(real, [labels, &part.wrong], precision);
            let loss = hinge(&real, 1.0) + hinge(&wrong, -1.0) * mismatch;
            (real, loss)
        } else {
            let real = self.critics.forward(real, labels, precision);
            let loss = hinge(&real, 1.0);
            (real, loss)
        };
        lost += scalar(&loss);
        let losses =
            vec![(SIGNS, signs(&real)), ("critics", lost), ("real", level(&real)), ("fake", of_fake)];
        add(&mut found, slopes(&self.critics, loss.backward()));
        (losses, found)
    }

    fn generator_losses(
        &mut self,
        frozen: &Critics,
        seen: &[Tensor<4>],
        labels: &[usize],
    ) -> (Losses, Parameters) {
        let mut loss = -mean(&frozen.forward(seen, labels, self.settings.precision));
        let mut losses = vec![("generator", scalar(&loss))];
        if let Some(moments) = &mut self.moments {
            let (pull, apart) = moments.pull(seen, labels);
            loss = loss + pull * self.config.moments as f32;
            losses.push(("moments", apart));
        }
        (losses, slopes(&self.generator, loss.backward()))
    }

    /// The generator's step, and what the critics see of its fakes, off the tape: the tape is given back before theirs begins.
    fn generator_step(&mut self, step: u64, parts: &[Part]) -> (Losses, Vec<Vec<Tensor<4>>>) {
        self.critics = self.critics.clone().turned();
        let frozen = self.critics.clone().no_grad();
        let (mut all, mut found, mut statistics, mut fakes) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let (seen, own) = self.fakes(&self.generator, step, part);
            fakes.push(seen.iter().map(|x| x.clone().detach()).collect());
            let (losses, slopes) = self.generator_losses(&frozen, &seen, &part.batch.labels);
            all.push(losses);
            found.push(slopes);
            statistics.push(own);
        }
        let pace = (self.config.adam, &EVEN);
        self.generator = self.adams[0].descend(pace, self.generator.clone(), &self.share.mean(found));
        for part in self.share.statistics(statistics) {
            self.generator = self.generator.clone().settled(part);
        }
        follow(&mut self.average, &collect(&self.generator), self.settings.decay(step));
        (self.share.losses(all), fakes)
    }

    fn critics_step(&mut self, parts: &[Part], fakes: &[Vec<Tensor<4>>]) -> Losses {
        self.critics = self.critics.clone().turned();
        let (mut all, mut found) = (Vec::new(), Vec::new());
        for (part, fakes) in parts.iter().zip(fakes) {
            let real = self.seen(augment(part.batch.images.clone(), &part.for_real));
            let (losses, slopes) = self.critics_losses(part, [&real, fakes]);
            all.push(losses);
            found.push(slopes);
        }
        let mut losses = self.share.losses(all);
        let (_, signs) = losses.remove(0);
        self.adapt(signs);
        losses.push(("augmented", self.changed));
        let pace = (self.config.adam, &EVEN);
        self.critics = self.adams[1].descend(pace, self.critics.clone(), &self.share.mean(found));
        losses
    }

    /// Moves the share of changed images towards where the critics' scores of real images are as they should be.
    fn adapt(&mut self, signs: f64) {
        let target = self.config.augment.target;
        if target > 0.0 {
            let step = self.settings.batch as f64 / (ADAPTATION_KIMG * 1000.0);
            self.changed = (self.changed + (signs - target).signum() * step).clamp(0.0, 1.0);
        }
    }
}

/// What the fixed maps of a network are called in a checkpoint.
fn projector(at: usize) -> String {
    if at == 0 { "projector".to_owned() } else { format!("projector-{at}") }
}

/// A label of the same side and of a grade that each image is not of, the further off the likelier: neighbours overlap even for
/// those who grade them.
fn others(mut draws: Stream, settings: &Settings, labels: &[usize]) -> Vec<usize> {
    let count = settings.grades.len();
    if count < 2 {
        return labels.to_vec();
    }
    let other = |label: &usize| {
        let far = |grade: usize| (grade.abs_diff(settings.grade_of(*label)) as f64).powi(2);
        let weights: Vec<f64> = (0..count).map(far).collect();
        settings.regraded(*label, draws.choose(&weights))
    };
    labels.iter().map(other).collect()
}

/// The sum over levels of the mean of `relu(1 - sign * score)`.
fn hinge(scores: &[Tensor<4>], sign: f32) -> Tensor<1> {
    let of = |score: &Tensor<4>| relu(1.0 - score.clone() * sign).mean();
    scores.iter().map(of).reduce(|a, b| a + b).expect("there is a critic")
}

/// The mean over levels and positions of the scores' signs.
fn signs(scores: &[Tensor<4>]) -> f64 {
    let mean = |score: &Tensor<4>| scalar(&score.clone().sign().mean());
    scores.iter().map(mean).sum::<f64>() / scores.len() as f64
}

/// The sum over levels of the mean score.
fn mean(scores: &[Tensor<4>]) -> Tensor<1> {
    scores.iter().map(|score| score.clone().mean()).reduce(|a, b| a + b).expect("there is a critic")
}

impl Game for Play {
    /// Finds the real images' moments, augmented as they are in training, where they are wanted and not known yet.
    fn prepare(&mut self, data: &Data) -> Result<()> {
        if self.moments.is_some() || self.config.moments == 0.0 {
            return Ok(());
        }
        let (mut summaries, mut labels) = (Vec::new(), Vec::new());
        let images = REAL.min(REPEATS * data.counts.iter().sum::<usize>());
        for batch in 0..images.div_ceil(self.settings.batch) as u64 {
            let index = u64::MAX - 1 - batch;
            let Batch { images, labels: own } = data.batch(&self.settings, index, &self.device);
            let [changes, _] = self.changes(index);
            summaries.extend(values(moments::summary(&self.seen(augment(images, &changes)))));
            labels.extend(own);
        }
        self.moments = Some(Moments::of(summaries, &labels, self.settings.labels(), &self.device)?);
        Ok(())
    }

    fn start_from(&mut self, average: &Parameters) -> Result<(), String> {
        self.generator = load(self.generator.clone(), average)?;
        self.average = collect(&self.generator);
        Ok(())
    }

    fn step(&mut self, data: &Data, step: u64) -> Losses {
        let parts = self.parts(data, step);
        let (mut losses, fakes) = if self.settings.rests(step) {
            let generator = self.generator.clone().no_grad();
            (Losses::new(), parts.iter().map(|part| self.fakes(&generator, step, part).0).collect())
        } else {
            self.generator_step(step, &parts)
        };
        losses.extend(self.critics_step(&parts, &fakes));
        losses
    }

    fn average(&self) -> &Parameters {
        &self.average
    }

    /// The sum over levels of the mean score, of images that are not augmented. A last batch that fills no group is filled up.
    fn scores(&self, mut images: Vec<f32>, labels: &[usize]) -> Vec<f64> {
        let (side, count) = (self.settings.size, labels.len().next_multiple_of(GROUP));
        let more: Vec<f32> =
            images.iter().copied().cycle().take(count * side * side - images.len()).collect();
        images.extend(more);
        let filled: Vec<usize> = labels.iter().copied().cycle().take(count).collect();
        let images = TensorData::new(images, [count, 1, side, side]);
        let seen = self.seen(Tensor::from_data(images, &self.device));
        let levels = self.critics.clone().no_grad().forward(&seen, &filled, self.settings.precision);
        let means = levels.into_iter().map(|level| level.flatten::<2>(1, 3).mean_dim(1)); // [b, 1]
        let sum = means.reduce(|a, b| a + b).expect("there is a critic");
        values(sum).into_iter().take(labels.len()).map(f64::from).collect()
    }

    fn state(&self) -> Parameters {
        let mut state: Parameters = under("average", &self.average).collect();
        state.extend(under("generator", &collect(&self.generator)).chain(self.adams[0].state("generator")));
        state.extend(under("critics", &collect(&self.critics)).chain(self.adams[1].state("critics")));
        for (at, view) in self.views.iter().enumerate() {
            state.extend(under(&projector(at), &collect(&view.projector)));
        }
        // As two halves, since arrays hold single precision and the share moves by less than that resolves.
        let high = self.changed as f32;
        let values = vec![high, (self.changed - f64::from(high)) as f32];
        state.insert("augmented".to_owned(), Array { shape: vec![2], values });
        state.extend(
            self.moments.iter().flat_map(|moments| under("moments", &moments.state()).collect::<Vec<_>>()),
        );
        state
    }

    fn restore(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        if self.config.moments > 0.0 {
            self.moments = Some(Moments::restored(&below("moments", state), &self.device)?);
        }
        self.go_on(state, steps)
    }

    fn go_on(&mut self, state: &Parameters, steps: u64) -> Result<(), String> {
        self.generator = load(self.generator.clone(), &below("generator", state))?;
        self.critics = load(self.critics.clone(), &below("critics", state))?;
        for (at, view) in self.views.iter_mut().enumerate() {
            view.projector = load(view.projector.clone(), &below(&projector(at), state))?;
        }
        self.average = below("average", state);
        let changed = state.get("augmented").ok_or("tensor `augmented` is missing")?;
        self.changed = changed.values.iter().map(|v| f64::from(*v)).sum();
        self.adams = ["generator", "critics"].map(|name| Adam::restored(name, state, steps));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::game::{Alone, GameConfig};
    use crate::model;
    use crate::networks::Generator;

    /// The game small, on 64 px and random features.
    fn settings(folder: &Path) -> Settings {
        let features = crate::squeezenet::tests::random(folder);
        let changes = [
            format!("game.features={features:?}"),
            "game.also=[\"own\"]".into(),
            "size=64".into(),
            "batch=4".into(),
            "grades=[0, 1]".into(),
            "game.mismatch=0.5".into(),
            "game.moments=1.0".into(),
            "game.generator.latent=8".into(),
            "game.generator.embedding=4".into(),
            "game.generator.channels=[16, 12, 8, 8, 8]".into(),
            "game.critics.mixed=[8, 8, 8, 8]".into(),
            "game.critics.features=[[8, 8], [8], [8], [8]]".into(),
            "game.critics.bands=[8, 8]".into(),
        ];
        Settings::resolve("fast", &changes).unwrap()
    }

    fn alone() -> Share {
        Share::new(1, Arc::new(Alone))
    }

    fn begin(settings: &Settings, data: &Data) -> Play {
        let GameConfig::Projected(config) = &settings.game else { panic!("fast plays the projected game") };
        let mut play = Play::begin(settings, config, (data, &Device::flex()), alone()).unwrap();
        play.prepare(data).unwrap();
        play
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
    fn each_part_of_both_sides_moves_and_the_frozen_parts_stay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let mut play = begin(&settings, &data);
        let before = play.state();
        // A singular vector follows its weight in the next step.
        (0..2).for_each(|step| {
            play.step(&data, step);
        });
        let after = play.state();
        for (name, array) in &before {
            let moved = after[name] != *array;
            // Of one row the singular vector is 1; a score's bias moves real and fake alike, and may balance.
            let free = name.ends_with("score.left") || name.ends_with("score_bias");
            let found_once = ["moments/map", "moments/offset", "moments/real"].contains(&name.as_str());
            // Every image is augmented, always.
            let frozen = name.starts_with("projector") || found_once || name == "augmented";
            assert!(moved != frozen || free, "{name}");
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
        let draw = |position, seed| {
            model::draw(&generator, &settings.shares_at(position, 1.0), seed, model::Manner::default())
        };
        assert_eq!(draw(0, 7), draw(0, 7));
        assert_ne!(draw(0, 7), draw(0, 8));
        assert_ne!(draw(0, 7), draw(1, 7));
    }

    #[test]
    fn more_images_are_changed_while_the_critics_overfit_and_fewer_once_they_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        let GameConfig::Projected(config) = &mut settings.game else {
            panic!("fast plays the projected game")
        };
        config.augment.target = 0.6;
        let data = Data::of_noise(&settings, 6);
        let mut play = begin(&settings, &data);
        assert!(play.changes(0)[0].iter().all(|change| change.shift == [0; 2] && change.hole.is_none()));
        (0..100).for_each(|_| play.adapt(0.9));
        let grown = play.changed;
        assert!((grown - 100.0 * 4.0 / 500_000.0).abs() < 1e-12, "{grown}");
        let state = play.state();
        play.adapt(0.1);
        assert!(play.changed < grown);
        play.restore(&state, 0).unwrap();
        assert!((play.changed - grown).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_grade_is_never_the_right_one_and_a_far_one_comes_oftener() {
        let mut settings = Settings::resolve("fast", &["side=true".into()]).unwrap();
        let wrong = others(stream(0, Purpose::WrongGrade, 0), &settings, &[1; 3000]);
        let count = |grade| wrong.iter().filter(|g| **g == grade).count();
        assert_eq!(count(1), 0);
        assert!(count(4) > 5 * count(0) && count(0) > 0 && count(2) > 0);
        // A right knee stays one.
        let right = others(stream(0, Purpose::WrongGrade, 0), &settings, &[6; 3000]);
        assert_eq!(right, wrong.iter().map(|label| label + 5).collect::<Vec<_>>());
        settings.grades = vec![2];
        assert_eq!(others(stream(0, Purpose::WrongGrade, 0), &settings, &[0, 1]), [0, 1]);
    }

    #[test]
    fn a_generator_that_was_trained_before_rests_while_fresh_critics_learn() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.rest_steps = 1;
        let data = Data::of_noise(&settings, 6);
        let mut other = settings.clone();
        other.seed = 1;
        let trained = begin(&other, &data).average().clone();
        let mut play = begin(&settings, &data);
        play.start_from(&trained).unwrap();
        let critics = collect(&play.critics);
        play.step(&data, 0);
        assert_eq!(collect(&play.generator), trained);
        assert_ne!(collect(&play.critics), critics);
        play.step(&data, 1);
        assert_ne!(collect(&play.generator), trained);
    }

    #[test]
    fn features_that_are_not_there_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let GameConfig::Projected(config) = &mut settings.game else { unreachable!() };
        config.features = PathBuf::from("nowhere.safetensors").display().to_string();
        let config = config.clone();
        let message =
            Play::begin(&settings, &config, (&data, &Device::flex()), alone()).err().unwrap().to_string();
        assert!(message.contains("nowhere.safetensors"), "{message}");
    }

    #[test]
    fn critics_look_through_every_network_and_mobilenet_is_one() {
        let Some(mobilenet) = crate::pretrained::tests::shared("mobilenetv2-imagenet.safetensors") else {
            return;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        let data = Data::of_noise(&settings, 6);
        let GameConfig::Projected(config) = &mut settings.game else { unreachable!() };
        config.also.push(mobilenet.display().to_string());
        let mut play = begin(&settings, &data);
        let seen = play.seen(data.some(&settings, 4, &play.device));
        assert_eq!(seen.len(), 3 * LEVELS + 1);
        assert_eq!(seen[2 * LEVELS].dims(), [4, 8, 32, 32]);
        let losses = play.step(&data, 0);
        assert!(losses.iter().all(|(_, loss)| loss.is_finite()), "{losses:?}");
        let portable = settings.portable();
        let GameConfig::Projected(config) = portable.game else { unreachable!() };
        assert_eq!(config.also, ["own", "mobilenetv2-imagenet.safetensors"]);
    }
}
