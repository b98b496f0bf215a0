//! The generator: FastGAN (Liu et al. 2021) made light, conditional on the grade.
//!
//! Bilinear upsampling and 3x3 convolutions, batch normalisation with a gain and bias linear in latent and grade,
//! gated linear units on the small maps, noise in every convolution, and gates from a small map onto the one eight
//! times its size. The last layer draws four Haar sub-bands, so that no layer runs at the image's own size.
//!
//! Training normalises by the batch; sampling by the statistics that training kept, so an image depends on its
//! latent, noise and grade alone.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use serde::{Deserialize, Serialize};

use crate::networks::fast::pooling::{POOLED, pooled};
use crate::networks::generator::{mixed, rows};
use crate::networks::{SLOPE, haar};
use crate::ops::{
    self, Activation, Frozen, NormRule, Precision, Window, convolution, convolution_bias_activation,
    leaky_relu, tanh,
};
use crate::parameters::{Init, replace, values};
use crate::settings::{broken, widths_fit};

/// Shape of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastConfig {
    /// Numbers in a latent.
    pub latent: usize,
    /// Numbers in a grade's embedding.
    pub embedding: usize,
    /// Channels of each level; each level but the first is twice the size of the one before, the image twice the
    /// size of the last.
    pub channels: Vec<usize>,
}

/// The network.
#[derive(Module, Debug)]
pub struct FastGenerator {
    embedding: Param<Tensor<2>>,
    seed: Param<Tensor<2>>,
    first: Norm,
    blocks: Vec<Block>,
    gates: Vec<Gate>,
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    base: usize,
    /// 3x3 that keeps the size.
    #[module(skip)]
    window: Window,
}

/// How an image is normalised.
pub enum Statistics {
    /// By its batch, whose means and variances are added in the order of the layers.
    Batch(Vec<[Vec<f32>; 2]>),
    /// By the means and variances that training kept.
    Kept,
}

/// Levels between a gate's map and the map that it gates.
const REACH: usize = 3;
/// Blocks from the smallest that end in gated linear units.
const GATED: usize = 2;
/// The slope of leaky ReLU where there is none.
const PLAIN: f32 = 1.0;
/// Keeps a normalisation from dividing by 0; PyTorch's value.
const EPSILON: f32 = 1e-5;
/// The share of a batch's statistics in the kept ones.
const MOMENTUM: f32 = 0.02;

impl FastConfig {
    /// The first rule that these settings break for images of `size`.
    pub(crate) fn check(&self, size: usize) -> Option<&'static str> {
        let levels = self.channels.len();
        let rules = [
            ((1..=4096).contains(&self.latent), "game.generator.latent: 1..=4096"),
            ((1..=4096).contains(&self.embedding), "game.generator.embedding: 1..=4096"),
            ((2..=8).contains(&levels), "game.generator.channels: 2 to 8 levels"),
            (widths_fit(&self.channels), "game.generator.channels: each 1..=4096"),
            (size.is_multiple_of(1 << levels), "size: a multiple of 2^levels of the generator"),
        ];
        broken(&rules)
    }

    /// A generator of `size` x `size` images for `labels` labels.
    pub fn init(&self, init: &mut Init, labels: usize, size: usize) -> FastGenerator {
        let condition = self.latent + self.embedding;
        let base = size >> self.channels.len();
        let (first, last) = (self.channels[0], self.channels[self.channels.len() - 1]);
        let deviation = 1.0 / (9.0 * last as f32).sqrt();
        // Details of a knee are a fifth of its broad shape.
        let weight = init.normal_rows([4, last, 3, 3], |band| deviation * if band == 0 { 1.0 } else { 0.2 });
        FastGenerator {
            embedding: init.normal([labels, self.embedding], 0.3),
            seed: init.normal([condition, 2 * first * base * base], 1.0 / (condition as f32).sqrt()),
            first: Norm::new(init, 2 * first, condition),
            blocks: (1..self.channels.len()).map(|level| self.block(init, level, condition)).collect(),
            gates: self
                .channels
                .iter()
                .zip(&self.channels[REACH.min(self.channels.len())..])
                .map(|(i, o)| Gate::new(init, [*i, *o]))
                .collect(),
            weight,
            bias: init.zeros([4]),
            base,
            window: Window::new(1, 1),
        }
    }

    fn block(&self, init: &mut Init, level: usize, condition: usize) -> Block {
        let [inputs, outputs] = [self.channels[level - 1], self.channels[level]];
        let gated = level <= GATED;
        let width = if gated { 2 * outputs } else { outputs };
        let mut steps = vec![Step::new(init, [inputs, width], condition)];
        if level + 1 < self.channels.len() {
            steps.push(Step::new(init, [outputs, width], condition));
        }
        Block { steps, gated }
    }
}

impl FastGenerator {
    /// The same in another precision.
    pub(crate) fn computing(mut self, precision: Precision) -> Self {
        self.window = self.window.precision(precision);
        self
    }

    /// The same for drawing alone, many images off the tape: weights are packed once.
    pub(crate) fn drawing(mut self) -> Self {
        self.blocks.iter_mut().flat_map(|block| &mut block.steps).for_each(Step::freeze);
        self
    }

    /// Standard normal numbers that an image is made of: in its latent, and as noise.
    pub(crate) fn inputs(&self) -> [usize; 2] {
        let latent = self.seed.val().dims()[0] - self.embedding.val().dims()[1];
        let area = |level: usize| (self.base << level).pow(2);
        let noise = self.blocks.iter().enumerate().map(|(i, block)| block.steps.len() * area(i + 1)).sum();
        [latent, noise]
    }

    /// Latents `[b, z]`, noise `[b, n]` and labels (positions among those trained), to images `[b, 1, s, s]` in -1..1.
    pub fn forward(
        &self,
        latents: Tensor<2>,
        noise: Tensor<2>,
        labels: &[usize],
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        self.conditioned(latents, noise, rows(&self.embedding.val(), labels), statistics)
    }

    fn conditioned(
        &self,
        latents: Tensor<2>,
        noise: Tensor<2>,
        labels: Tensor<2>,
        statistics: &mut Statistics,
    ) -> Tensor<4> {
        let (batch, side) = (latents.dims()[0] as i32, self.base as i32);
        let condition = Tensor::cat(vec![latents, labels], 1); // [b, z + e]
        let x = condition.clone().matmul(self.seed.val()).reshape([batch, -1, side, side]);
        let mut pass = Pass { condition, noise, drawn: 0, statistics, window: self.window };
        let mut levels = vec![ops::glu(self.first.forward(x, PLAIN, &mut pass))]; // [b, c0, base, base]
        for (i, block) in self.blocks.iter().enumerate() {
            let mut x = block.forward(levels[i].clone(), &mut pass); // [b, c, h, w]
            if let Some(from) = (i + 1).checked_sub(REACH) {
                x = self.gates[from].forward(levels[from].clone(), x);
            }
            levels.push(x);
        }
        let last = levels.pop().expect("there are two levels at least");
        let bands = convolution_bias_activation(
            last,
            self.weight.val(),
            self.bias.val(),
            self.window,
            Activation::Identity,
        );
        tanh(haar::inverse(bands))
    }

    /// One image of a latent `[1, z]`, noise `[1, n]` and shares in the labels, by the kept statistics.
    pub(crate) fn draw(&self, latent: Tensor<2>, noise: Tensor<2>, shares: &[f32]) -> Tensor<4> {
        let grade = mixed(&self.embedding.val(), shares);
        self.conditioned(latent, noise, grade, &mut Statistics::Kept)
    }

    /// The generator whose kept statistics have moved towards those of a batch.
    pub(crate) fn settled(mut self, batch: Vec<[Vec<f32>; 2]>) -> Self {
        let steps = self.blocks.iter_mut().flat_map(|block| &mut block.steps).map(|step| &mut step.norm);
        for (norm, [mean, variance]) in std::iter::once(&mut self.first).chain(steps).zip(batch) {
            norm.mean = moved(norm.mean.clone(), &mean);
            norm.variance = moved(norm.variance.clone(), &variance);
        }
        self
    }
}

fn moved(kept: Param<Tensor<1>>, batch: &[f32]) -> Param<Tensor<1>> {
    let mut values = values(kept.val());
    values.iter_mut().zip(batch).for_each(|(kept, new)| *kept += MOMENTUM * (new - *kept));
    replace(kept, values)
}

/// What all layers of one forward pass share.
struct Pass<'a> {
    condition: Tensor<2>,
    noise: Tensor<2>,
    /// Numbers of the noise that layers have taken.
    drawn: usize,
    statistics: &'a mut Statistics,
    window: Window,
}

impl Pass<'_> {
    /// The next layer's noise, `[b, 1, h, w]`.
    fn noise(&mut self, [height, width]: [usize; 2]) -> Tensor<4> {
        let batch = self.noise.dims()[0];
        let layer = self.noise.clone().narrow(1, self.drawn, height * width);
        self.drawn += height * width;
        layer.reshape([batch, 1, height, width])
    }
}

/// Twice the size, then one or two convolutions.
#[derive(Module, Debug)]
struct Block {
    steps: Vec<Step>,
    #[module(skip)]
    gated: bool,
}

impl Block {
    fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let windows = [pass.window.upsampled(), pass.window];
        let slope = if self.gated { PLAIN } else { SLOPE };
        self.steps.iter().zip(windows).fold(x, |x, (step, window)| {
            let x = step.forward(x, window, slope, pass);
            if self.gated { ops::glu(x) } else { x }
        })
    }
}

/// Convolution, noise, normalisation.
#[derive(Module, Debug)]
struct Step {
    weight: Param<Tensor<4>>,
    noise: Param<Tensor<1>>,
    norm: Norm,
    /// The weights of a generator that only draws.
    #[module(skip)]
    frozen: Option<Frozen>,
}

impl Step {
    fn new(init: &mut Init, [inputs, outputs]: [usize; 2], condition: usize) -> Self {
        let weight = init.normal([outputs, inputs, 3, 3], 1.0 / (9.0 * inputs as f32).sqrt());
        let (noise, norm) = (init.normal([outputs], 0.2), Norm::new(init, outputs, condition));
        Self { weight, noise, norm, frozen: None }
    }

    fn freeze(&mut self) {
        self.frozen = Some(Frozen::of(self.weight.val()));
    }

    fn forward(&self, x: Tensor<4>, window: Window, slope: f32, pass: &mut Pass) -> Tensor<4> {
        let x = match &self.frozen {
            Some(frozen) => frozen.convolve(x, window, Activation::Identity),
            None => convolution(x, self.weight.val(), window),
        }; // [b, c, h, w]
        let [_, _, height, width] = x.dims();
        let x = ops::add_noise(x, self.noise.val(), pass.noise([height, width]));
        self.norm.forward(x, slope, pass)
    }
}

/// Normalisation of each channel, with gain and bias linear in the condition.
#[derive(Module, Debug)]
struct Norm {
    style: Param<Tensor<2>>,
    offset: Param<Tensor<1>>,
    mean: Param<Tensor<1>>,
    variance: Param<Tensor<1>>,
}

impl Norm {
    fn new(init: &mut Init, channels: usize, condition: usize) -> Self {
        Self {
            style: init.normal([condition, 2 * channels], 0.02),
            offset: init.zeros([2 * channels]),
            mean: init.zeros([channels]),
            variance: init.ones([channels]),
        }
    }

    /// `[b, c, h, w]` to the same, then leaky ReLU.
    fn forward(&self, x: Tensor<4>, slope: f32, pass: &mut Pass) -> Tensor<4> {
        let channels = x.dims()[1];
        let style = pass.condition.clone().matmul(self.style.val()) + self.offset.val().unsqueeze(); // [b, 2c]
        let [gain, bias] = [style.clone().narrow(1, 0, channels) + 1.0, style.narrow(1, channels, channels)];
        match pass.statistics {
            Statistics::Batch(found) => {
                let (y, mean, variance) = ops::normalise(x, gain, bias, NormRule { epsilon: EPSILON, slope });
                found.push([mean, variance]);
                y
            }
            Statistics::Kept => {
                let gain = gain / (self.variance.val() + EPSILON).sqrt().unsqueeze();
                let bias = bias - gain.clone() * self.mean.val().unsqueeze();
                let y = ops::affine(x, gain, bias);
                if slope == PLAIN { y } else { leaky_relu(y, slope) }
            }
        }
    }
}

/// A small map pooled to 4x4 that opens and shuts the channels of a larger one.
#[derive(Module, Debug)]
struct Gate {
    look: Param<Tensor<2>>,
    look_bias: Param<Tensor<1>>,
    open: Param<Tensor<2>>,
    open_bias: Param<Tensor<1>>,
}

impl Gate {
    fn new(init: &mut Init, [inputs, outputs]: [usize; 2]) -> Self {
        let seen = inputs * POOLED * POOLED;
        Self {
            look: init.normal([seen, outputs], 1.0 / (seen as f32).sqrt()),
            look_bias: init.zeros([outputs]),
            open: init.normal([outputs, outputs], 1.0 / (outputs as f32).sqrt()),
            open_bias: init.zeros([outputs]),
        }
    }

    /// Maps `[b, in, h, w]` and `[b, out, h', w']` to the latter, gated by 0..2.
    fn forward(&self, low: Tensor<4>, high: Tensor<4>) -> Tensor<4> {
        let x: Tensor<2> = pooled(low).flatten(1, 2); // [b, in * 16]
        let x = leaky_relu(x.matmul(self.look.val()) + self.look_bias.val().unsqueeze(), 0.1);
        let gain = sigmoid(x.matmul(self.open.val()) + self.open_bias.val().unsqueeze()) * 2.0; // [b, out]
        let none = gain.zeros_like();
        ops::affine(high, gain, none)
    }
}
