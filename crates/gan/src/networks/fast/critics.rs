//! The critics: a light one on each level of projected features, and one on the image's Haar sub-bands.
//!
//! Strided 4x4 convolutions with spectral normalisation and that of [`Norm`], the deviation within groups of the batch as one more
//! channel (Karras et al. 2018), and the grade by projection at every position (Miyato and Koyama 2018).

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::networks::SLOPE;
use crate::networks::fast::projector::ChannelMoments;
use crate::networks::generator::rows;
use crate::ops::{self, NormRule, Precision, Window, convolution};
use crate::parameters::{Init, replace, values};
use crate::settings::{broken, widths_fit};

/// Shape of the critics and of what they look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CriticsConfig {
    /// Channels to which each level of features is mixed.
    pub mixed: Vec<usize>,
    /// Output channels of each critic's strided convolutions, a critic a level.
    pub features: Vec<Vec<usize>>,
    /// Those of the critic on the sub-bands.
    pub bands: Vec<usize>,
    /// How their convolutions' outputs are normalised. Not to be changed midway: critics of another norm begin anew.
    #[serde(default)]
    pub norm: Norm,
}

/// How the critics' maps are brought to a mean of 0 and a deviation of 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// By each batch, real ones and fakes by themselves: what all fakes of a batch share, and how little they differ, is hidden.
    #[default]
    Batch,
    /// By some real images, before the first step; gains and biases go on from there (Salimans and Kingma 2016).
    Real,
}

impl CriticsConfig {
    /// The first rule that these settings break for features of `levels` levels.
    pub(crate) fn check(&self, levels: usize) -> Option<&'static str> {
        let rules = [
            (
                self.mixed.len() == levels && widths_fit(&self.mixed),
                "game.critics.mixed: a width a level, each 1..=4096",
            ),
            (
                self.features.len() == levels && self.features.iter().all(|w| widths_fit(w)),
                "game.critics.features: a list a level, each width 1..=4096",
            ),
            (widths_fit(&self.bands), "game.critics.bands: each 1..=4096"),
        ];
        broken(&rules)
    }

    /// Critics of images of `labels` labels, which are looked at through so many frozen networks.
    pub fn init(&self, init: &mut Init, labels: usize, networks: usize) -> Critics {
        let levels = self.mixed.iter().zip(&self.features);
        let levels = levels.cycle().take(networks * self.mixed.len()).chain([(&4, &self.bands)]);
        let critics = levels.map(|(i, w)| LevelCritic::new(init, (*i, w), labels, self.norm)).collect();
        let mut critics = Critics { critics };
        (0..SETTLING).for_each(|_| critics = critics.clone().turned());
        critics
    }
}

/// The critics of all levels.
#[derive(Module, Debug)]
pub struct Critics {
    critics: Vec<LevelCritic>,
}

/// Steps of the power iteration before training; PyTorch's.
const SETTLING: usize = 15;

impl Critics {
    /// Maps of each level, `[b, c, h, w]`, and the labels, to scores of each level's positions, `[b, 1, h', w']`.
    pub fn forward(&self, levels: &[Tensor<4>], labels: &[usize], precision: Precision) -> Vec<Tensor<4>> {
        let of =
            |(critic, x): (&LevelCritic, &Tensor<4>)| critic.score(critic.look(x.clone(), precision), labels);
        self.critics.iter().zip(levels).map(of).collect()
    }

    /// The same for two gradings of the same images, which are looked at once.
    pub fn forward_twice(
        &self,
        levels: &[Tensor<4>],
        labels: [&[usize]; 2],
        precision: Precision,
    ) -> [Vec<Tensor<4>>; 2] {
        let of = |(critic, x): (&LevelCritic, &Tensor<4>)| {
            let looked = critic.look(x.clone(), precision);
            (critic.score(looked.clone(), labels[0]), critic.score(looked, labels[1]))
        };
        let (one, other) = self.critics.iter().zip(levels).map(of).unzip();
        [one, other]
    }

    /// The critics as they begin where [`Norm::Real`] is asked for: by what they see of real images, a map of each level.
    pub(crate) fn standardised(mut self, real: Vec<Tensor<4>>, precision: Precision) -> Self {
        self.critics.iter_mut().zip(real).for_each(|(critic, x)| critic.standardise(x, precision));
        self
    }

    /// The critics after one step of the power iteration for their largest singular values.
    pub(crate) fn turned(mut self) -> Self {
        for critic in &mut self.critics {
            let halvings = critic.halvings.iter_mut().map(|h| &mut h.weight);
            halvings
                .chain([&mut critic.head, &mut critic.score, &mut critic.grades])
                .for_each(Spectral::turn);
        }
        self
    }
}

/// The critic of one level.
#[derive(Module, Debug)]
struct LevelCritic {
    halvings: Vec<Halving>,
    head: Spectral,
    head_bias: Param<Tensor<1>>,
    score: Spectral,
    score_bias: Param<Tensor<1>>,
    grades: Spectral,
}

/// Images whose deviation from each other is measured together.
pub(crate) const GROUP: usize = 4;

impl LevelCritic {
    fn new(init: &mut Init, (inputs, widths): (usize, &[usize]), labels: usize, norm: Norm) -> Self {
        let last = *widths.last().expect("settings were checked");
        let pairs = std::iter::once(&inputs).chain(widths).zip(widths);
        Self {
            halvings: pairs.map(|(i, o)| Halving::new(init, [*i, *o], norm)).collect(),
            head: Spectral::new(init, [last, last + 1, 3, 3]),
            head_bias: init.zeros([last]),
            score: Spectral::new(init, [1, last, 1, 1]),
            score_bias: init.zeros([1]),
            grades: Spectral::new(init, [labels, last, 1, 1]),
        }
    }

    fn standardise(&mut self, real: Tensor<4>, precision: Precision) {
        self.halvings.iter_mut().fold(real, |x, halving| halving.standardise(x, precision));
    }

    /// `[b, c, h, w]` to `[b, c', h', w']`, before the grade is known.
    fn look(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        let x = self.halvings.iter().fold(x, |x, halving| halving.forward(x, precision));
        let x = ops::join(x.clone(), deviation(x)); // [b, c + 1, h', w']
        let same = Window::new(1, 1).precision(precision);
        ops::convolution_bias_activation(
            x,
            self.head.normal(),
            self.head_bias.val(),
            same,
            ops::Activation::LeakyRelu(SLOPE),
        )
    }

    /// What was looked at, `[b, c', h', w']`, as images of these labels: `[b, 1, h', w']`.
    fn score(&self, x: Tensor<4>, labels: &[usize]) -> Tensor<4> {
        let [batch, channels, _, _] = x.dims();
        let table: Tensor<2> = self.grades.normal().flatten::<2>(1, 3);
        let shared: Tensor<2> = self.score.normal().flatten::<2>(1, 3); // [1, c]
        let direction = (rows(&table, labels) + shared).reshape([batch, channels, 1, 1]);
        (x * direction).sum_dim(1) + self.score_bias.val().reshape([1, 1, 1, 1])
    }
}

/// The mean standard deviation of each value within its group of the batch, spread over a map, `[b, 1, h, w]`.
fn deviation(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let groups: Tensor<3> = x.reshape([batch / GROUP, GROUP, channels * height * width]);
    let centred = groups.clone() - groups.mean_dim(1);
    let variance = (centred.clone() * centred).mean_dim(1); // [b / 4, 1, c h w]
    let deviation: Tensor<3> = (variance + 1e-6).sqrt().mean_dim(2); // [b / 4, 1, 1]
    deviation.expand([batch / GROUP, GROUP, height * width]).reshape([batch, 1, height, width])
}

/// Half the size: 4x4 with stride 2, normalisation, leaky ReLU.
#[derive(Module, Debug)]
struct Halving {
    weight: Spectral,
    gain: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    norm: Norm,
}

impl Halving {
    fn new(init: &mut Init, [inputs, outputs]: [usize; 2], norm: Norm) -> Self {
        Self {
            weight: Spectral::new(init, [outputs, inputs, 4, 4]),
            gain: init.ones([outputs]),
            bias: init.zeros([outputs]),
            norm,
        }
    }

    /// Sets gain and bias by real maps, and gives what they become. Off the tape, along which nobody would go back.
    fn standardise(&mut self, real: Tensor<4>, precision: Precision) -> Tensor<4> {
        let weight = self.weight.clone().no_grad().normal();
        let mut moments = ChannelMoments::default();
        moments.add(convolution(real.clone(), weight, Self::window(precision)));
        let gains: Vec<f32> =
            moments.deviations().iter().map(|deviation| 1.0 / deviation.max(1e-6)).collect();
        let biases = moments.means().iter().zip(&gains).map(|(mean, gain)| -mean * gain).collect();
        self.gain = replace(self.gain.clone(), gains);
        self.bias = replace(self.bias.clone(), biases);
        self.clone().no_grad().forward(real, precision)
    }

    fn window(precision: Precision) -> Window {
        Window::new(2, 1).precision(precision)
    }

    fn forward(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        let (weight, window) = (self.weight.normal(), Self::window(precision));
        if self.norm == Norm::Real {
            let weight = weight * self.gain.val().reshape([-1, 1, 1, 1]);
            let activation = ops::Activation::LeakyRelu(SLOPE);
            return ops::convolution_bias_activation(x, weight, self.bias.val(), window, activation);
        }
        let batch = x.dims()[0] as i32;
        let x = convolution(x, weight, window);
        let each = |v: &Param<Tensor<1>>| v.val().unsqueeze::<2>().expand([batch, -1]); // [b, c]
        let rule = NormRule { epsilon: 1e-5, slope: SLOPE };
        ops::normalise(x, each(&self.gain), each(&self.bias), rule).0
    }
}

/// A weight over its largest singular value (Miyato et al. 2018), as a matrix of outputs by everything else.
#[derive(Module, Debug)]
struct Spectral {
    weight: Param<Tensor<4>>,
    left: Param<Tensor<1>>,
    right: Param<Tensor<1>>,
}

impl Spectral {
    fn new(init: &mut Init, shape: [usize; 4]) -> Self {
        let columns: usize = shape[1..].iter().product();
        Self {
            weight: init.normal(shape, 1.0 / (3.0 * columns as f32).sqrt()),
            left: init.normal([shape[0]], 1.0),
            right: init.zeros([columns]),
        }
    }

    /// The weight over `left . weight . right`, differentiable in the weight alone.
    fn normal(&self) -> Tensor<4> {
        let weight = self.weight.val();
        let [rows, ..] = weight.dims();
        let [left, right] = [&self.left, &self.right].map(|v| v.val().detach());
        let (left, right) = (left.reshape([rows as i32, 1]), right.reshape([-1, 1]));
        let matrix = weight.clone().reshape([rows as i32, -1]);
        let largest: Tensor<1> = (matrix.matmul(right) * left).sum();
        weight / largest.reshape([1, 1, 1, 1])
    }

    /// One step of the power iteration.
    fn turn(&mut self) {
        let weight = values(self.weight.val());
        let mut left = values(self.left.val());
        let columns = weight.len() / left.len();
        let mut right = vec![0.0; columns];
        for (row, factor) in weight.chunks_exact(columns).zip(&left) {
            right.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
        }
        unit(&mut right);
        for (row, out) in weight.chunks_exact(columns).zip(&mut left) {
            *out = row.iter().zip(&right).map(|(a, b)| a * b).sum();
        }
        unit(&mut left);
        self.left = replace(self.left.clone(), left);
        self.right = replace(self.right.clone(), right);
    }
}

fn unit(vector: &mut [f32]) {
    let length = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt().max(1e-12) as f32;
    vector.iter_mut().for_each(|v| *v /= length);
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;

    /// Critics of one level and the sub-bands, made for maps like these, and the maps: `[8, 4, 32, 32]` each.
    fn begun(norm: Norm) -> (Critics, Vec<Tensor<4>>) {
        let device = Device::flex().autodiff();
        let config = CriticsConfig { mixed: vec![4], features: vec![vec![6, 8]], bands: vec![6], norm };
        let maps = |level| {
            let draws = stream(3, Purpose::Batch, level).normals(8 * 4 * 32 * 32);
            let values = draws.into_iter().map(|v| 5.0 * v + 2.0).collect();
            Tensor::from_data(TensorData::new(values, [8, 4, 32, 32]), &device)
        };
        let real = vec![maps(0), maps(1)];
        let critics = config.init(&mut Init::new(0, Purpose::CriticWeights, &device), 2, 1);
        let critics =
            if norm == Norm::Real { critics.standardised(real.clone(), Precision::F32) } else { critics };
        (critics, real)
    }

    /// How far the scores of maps move when all of them become so much larger.
    fn moved(norm: Norm, scale: f32) -> f32 {
        let (critics, real) = begun(norm);
        let other: Vec<Tensor<4>> = real.iter().map(|x| x.clone() * scale).collect();
        let scores = |maps: &[Tensor<4>]| {
            let levels = critics.forward(maps, &[0, 0, 0, 0, 1, 1, 1, 1], Precision::F32);
            levels.into_iter().flat_map(values).collect::<Vec<f32>>()
        };
        let pairs = scores(&real).into_iter().zip(scores(&other));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_batch_that_is_duller_as_a_whole_is_seen_by_those_that_normalise_by_real_images_alone() {
        for scale in [0.7, 1.5] {
            let [batch, real] = [Norm::Batch, Norm::Real].map(|norm| moved(norm, scale));
            assert!(real > 0.05 && batch < 0.1 * real, "{batch} {real}");
        }
    }

    #[test]
    fn real_maps_begin_with_a_mean_of_0_and_a_deviation_of_1() {
        let (critics, real) = begun(Norm::Real);
        for (critic, x) in critics.critics.iter().zip(real) {
            let halving = &critic.halvings[0];
            let halving = halving.clone().no_grad();
            let weight = halving.weight.normal() * halving.gain.val().reshape([-1, 1, 1, 1]);
            let window = Halving::window(Precision::F32);
            let mut moments = ChannelMoments::default();
            let y = ops::convolution_bias_activation(
                x,
                weight,
                halving.bias.val(),
                window,
                ops::Activation::Identity,
            );
            moments.add(y);
            assert!(moments.means().iter().all(|mean| mean.abs() < 1e-4), "{:?}", moments.means());
            assert!(
                moments.deviations().iter().all(|d| (d - 1.0).abs() < 1e-3),
                "{:?}",
                moments.deviations()
            );
        }
    }
}
