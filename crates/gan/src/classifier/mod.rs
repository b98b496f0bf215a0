//! Classifiers that are trained whole: a known network with torchvision's weights, a new head, and its training.

mod kept;
mod layers;
mod mobilenet;
mod resnet;
mod squeezenet;
mod tune;
mod vgg;
mod weights;

#[cfg(test)]
mod tests;

use std::path::Path;

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use doppelray_measures::rng::Purpose;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::parameters::{Init, load, values};
use crate::pretrained::{DEVIATION, MEAN, SIDE, Weights, read};
use layers::{Dense, Layer, Spec, Walk};

pub use kept::{About, Basis, Kept};
pub use tune::{Course, Pixels, Recipe, Tuned, pace, tune};

/// A network that torchvision has too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// SqueezeNet 1.1 (Iandola et al. 2016).
    SqueezeNet,
    /// MobileNetV2 1.0 (Sandler et al. 2018).
    MobileNetV2,
    /// ResNet-18 (He et al. 2016).
    ResNet18,
    /// ResNet-34.
    ResNet34,
    /// VGG-16 without batch normalisation (Simonyan and Zisserman 2015), the paper's.
    Vgg16,
}

/// A tensor that a network's file has and those before it lack.
const TOLD_BY: [(&str, Architecture); 5] = [
    ("features.3.squeeze.weight", Architecture::SqueezeNet),
    ("features.1.conv.0.0.weight", Architecture::MobileNetV2),
    ("layer1.2.conv1.weight", Architecture::ResNet34),
    ("layer1.1.conv1.weight", Architecture::ResNet18),
    ("features.28.weight", Architecture::Vgg16),
];

impl Architecture {
    /// The network whose tensors a file holds; the error names those that are known.
    pub(crate) fn of(path: &Path, names: &[&str]) -> Result<Self> {
        let told =
            TOLD_BY.iter().find(|(name, _)| names.contains(name)).map(|(_, architecture)| *architecture);
        told.ok_or_else(|| {
            let known = TOLD_BY.map(|(_, architecture)| architecture.name()).join(", ");
            Error::content(
                path,
                format!("holds the tensors of no classifier known here; torchvision's {known} are"),
            )
        })
    }

    /// The network of a weights file, and the file's SHA-256 in hexadecimal.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        let (opened, device) = (read(path)?, Device::flex());
        let file = Weights::new(path, &opened, "the network", &device)?;
        Ok((Self::of(path, &file.names())?, file.hash()))
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqueezeNet => "SqueezeNet 1.1",
            Self::MobileNetV2 => "MobileNetV2",
            Self::ResNet18 => "ResNet-18",
            Self::ResNet34 => "ResNet-34",
            Self::Vgg16 => "VGG-16",
        }
    }

    /// Its convolutions in the order in which images pass them.
    fn specs(self) -> Vec<Spec> {
        match self {
            Self::SqueezeNet => squeezenet::specs(),
            Self::MobileNetV2 => mobilenet::specs(),
            Self::ResNet18 => resnet::specs(resnet::EIGHTEEN),
            Self::ResNet34 => resnet::specs(resnet::THIRTY_FOUR),
            Self::Vgg16 => vgg::specs(),
        }
    }

    /// Torchvision's names and sizes `[out, in]` of its dense layers before the last.
    fn dense(self) -> &'static [(&'static str, [usize; 2])] {
        if self == Self::Vgg16 { &vgg::DENSE } else { &[] }
    }

    /// Numbers that the head is given.
    pub fn width(self) -> usize {
        match self {
            Self::SqueezeNet | Self::ResNet18 | Self::ResNet34 => 512,
            Self::MobileNetV2 => 1280,
            Self::Vgg16 => 4096,
        }
    }
}

/// A network with a head. Batch normalisation is folded into the convolution before it: its statistics stay those of the
/// weights file, as fine-tuning on few images wants it, and its gain and bias are learned as the convolution's.
#[derive(Module, Debug)]
pub struct Classifier {
    layers: Vec<Layer>,
    dense: Vec<Dense>,
    head: Dense,
    #[module(skip)]
    architecture: Architecture,
}

impl Classifier {
    /// A network of random weights with `outputs` outputs.
    pub fn random(architecture: Architecture, outputs: usize, seed: u64, device: &Device) -> Self {
        let mut init = Init::new(seed, Purpose::ClassifierWeights, device);
        let layers = architecture.specs().iter().map(|spec| Layer::random(spec, &mut init)).collect();
        let dense = architecture.dense().iter().map(|(_, shape)| Dense::random(*shape, &mut init)).collect();
        let head = Dense::random([outputs, architecture.width()], &mut init);
        Self { layers, dense, head, architecture }
    }

    /// The network that a weights file holds by torchvision's names, with a head of `outputs` random outputs. The error names
    /// the tensor that is missing or has another shape.
    pub fn read(path: &Path, outputs: usize, seed: u64, device: &Device) -> Result<Self> {
        let opened = read(path)?;
        let file = Weights::new(path, &opened, "the network", device)?;
        let architecture = Architecture::of(path, &file.names())?;
        let file = file.of(architecture.name());
        let network = Self::random(architecture, outputs, seed, device);
        let parameters = weights::adopted(&network, &file, architecture)?;
        load(network, &parameters).map_err(|reason| Error::content(path, reason))
    }

    /// Which network it is.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Normalised RGB `[b, 3, h, w]` to the last maps `[b, c, h', w']`.
    fn maps(&self, images: Tensor<4>) -> Tensor<4> {
        let mut walk = Walk::new(&self.layers);
        match self.architecture {
            Architecture::SqueezeNet => squeezenet::forward(&mut walk, images),
            Architecture::MobileNetV2 => mobilenet::forward(&mut walk, images),
            Architecture::ResNet18 => resnet::forward(&mut walk, images, resnet::EIGHTEEN),
            Architecture::ResNet34 => resnet::forward(&mut walk, images, resnet::THIRTY_FOUR),
            Architecture::Vgg16 => vgg::forward(&mut walk, images),
        }
    }

    /// Normalised RGB `[b, 3, h, w]` to the numbers that the head is given, `[b, n]`.
    pub fn numbers(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.maps(images);
        let batch = maps.dims()[0] as i32;
        let numbers: Tensor<2> = match self.architecture {
            Architecture::Vgg16 => maps.reshape([batch, -1]), // [b, 25088]
            _ => maps.mean_dim(2).mean_dim(3).reshape([batch, -1]),
        };
        self.dense.iter().fold(numbers, |x, dense| relu(dense.forward(x)))
    }

    /// The numbers that the head is given for one grey image of [`SIDE`] x [`SIDE`] values in 0..1.
    pub fn describe(&self, pixels: Vec<f32>) -> Vec<f32> {
        values(self.numbers(normalised(&[pixels], &Device::flex())))
    }

    /// Normalised RGB `[b, 3, h, w]` to the head's outputs `[b, o]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.head.forward(self.numbers(images))
    }

    /// How deep a parameter lies, by its path: 0 at the image, 1 in the head.
    fn depth(&self, path: &str) -> f64 {
        let levels = (self.layers.len() + self.dense.len()) as f64;
        let number = |rest: &str| rest.split('.').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
        if let Some(rest) = path.strip_prefix("layers.") {
            number(rest) / levels
        } else if let Some(rest) = path.strip_prefix("dense.") {
            (self.layers.len() as f64 + number(rest)) / levels
        } else {
            1.0
        }
    }
}

/// Grey images of [`SIDE`] x [`SIDE`] values in 0..1 as the networks know colour ones: `[b, 3, 224, 224]`.
fn normalised(images: &[Vec<f32>], device: &Device) -> Tensor<4> {
    let mut values = Vec::with_capacity(images.len() * 3 * SIDE * SIDE);
    for image in images {
        for (mean, deviation) in MEAN.into_iter().zip(DEVIATION) {
            values.extend(image.iter().map(|v| (v - mean) / deviation));
        }
    }
    Tensor::from_data(TensorData::new(values, [images.len(), 3, SIDE, SIDE]), device)
}
