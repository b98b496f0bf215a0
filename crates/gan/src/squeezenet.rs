//! SqueezeNet 1.1 (Iandola et al. 2016) as a describer of images: the mean over space of its last fire module.
//!
//! The weights come from a safetensors file with torchvision's names (`features.0.weight` ...), trained on RGB in 0..1
//! less [`MEAN`] over [`DEVIATION`]. A grey image is the same in all three channels, so that normalisation and the three
//! channels fold into a first convolution of one channel: it has no padding, so this is exact up to rounding.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use crate::error::Result;
use crate::ops::{Activation, Frozen, Precision, Window, join, max_pool};
use crate::pretrained::{DEVIATION, MEAN, SIDE, Weights, means, read};

/// Features an image.
pub const WIDTH: usize = 512;

/// Torchvision's number of each fire module, its input channels, and those of its squeeze and each expansion.
pub(crate) const FIRES: [(usize, [usize; 3]); 8] = [
    (3, [64, 16, 64]),
    (4, [128, 16, 64]),
    (6, [128, 32, 128]),
    (7, [256, 32, 128]),
    (9, [256, 48, 192]),
    (10, [384, 48, 192]),
    (11, [384, 64, 256]),
    (12, [512, 64, 256]),
];

/// Fire modules that a pooling stands before.
pub(crate) const POOLED: [usize; 3] = [3, 6, 9];

/// The network without its classifier.
#[derive(Debug)]
pub struct SqueezeNet {
    stem: Frozen,
    grey: Frozen,
    fires: Vec<Fire>,
    hash: String,
    device: Device,
}

/// Fewer channels, then two expansions side by side.
#[derive(Debug)]
struct Fire {
    pooled: bool,
    squeeze: Frozen,
    narrow: Frozen,
    wide: Frozen,
}

impl SqueezeNet {
    /// Reads the weights. The error names the tensor that is missing or has another shape than torchvision's.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let opened = read(path)?;
        Self::of(&Weights::new(path, &opened, "SqueezeNet 1.1", device)?, device)
    }

    pub(crate) fn of(weights: &Weights, device: &Device) -> Result<Self> {
        let stem = weights.conv("features.0", [WIDTH / 8, 3, 3, 3])?;
        let grey = grey_stem(weights)?;
        let fires = FIRES.iter().map(|(at, channels)| Fire::read(weights, *at, *channels));
        let fires = fires.collect::<Result<_>>()?;
        Ok(Self { stem, grey, fires, hash: weights.hash(), device: device.clone() })
    }

    /// SHA-256 of the weights file, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Features of one grey image of [`SIDE`] x [`SIDE`] values in 0..1, row by row: [`WIDTH`] numbers.
    pub fn features(&self, pixels: Vec<f32>) -> Vec<f32> {
        let image = Tensor::<4>::from_data(TensorData::new(pixels, [1, 1, SIDE, SIDE]), &self.device);
        means(
            self.levels(self.grey.convolve(image, STEM, RELU), Precision::Filtered)
                .pop()
                .expect("there are four"),
        )
    }

    /// Normalised RGB `[b, 3, h, w]` to the last fire module's output `[b, 512, h', w']`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.levels(self.stem.convolve(images, STEM, RELU), Precision::Filtered)
            .pop()
            .expect("there are four")
    }

    /// Grey images `[b, 1, h, w]` in -1..1 to the maps before each pooling and at the end: 64, 128, 256 and 512
    /// channels.
    pub fn pyramid(&self, images: Tensor<4>, precision: Precision) -> Vec<Tensor<4>> {
        self.levels(self.grey.convolve((images + 1.0) * 0.5, STEM.precision(precision), RELU), precision)
    }

    fn levels(&self, stem: Tensor<4>, precision: Precision) -> Vec<Tensor<4>> {
        let mut levels = vec![stem];
        for fire in &self.fires {
            let x = levels.last_mut().expect("there is the stem");
            if fire.pooled {
                let next = fire.forward(max_pool(x.clone()), precision);
                levels.push(next);
            } else {
                *x = fire.forward(x.clone(), precision);
            }
        }
        levels
    }
}

const RELU: Activation = Activation::RELU;
/// How the first convolution moves.
const STEM: Window = Window::new(2, 0);

impl Fire {
    fn read(weights: &Weights, at: usize, [inputs, squeezed, expanded]: [usize; 3]) -> Result<Self> {
        let conv = |part: &str, shape| weights.conv(&format!("features.{at}.{part}"), shape);
        Ok(Self {
            pooled: POOLED.contains(&at),
            squeeze: conv("squeeze", [squeezed, inputs, 1, 1])?,
            narrow: conv("expand1x1", [expanded, squeezed, 1, 1])?,
            wide: conv("expand3x3", [expanded, squeezed, 3, 3])?,
        })
    }

    /// `[b, in, h, w]` to `[b, narrow + wide, h, w]`.
    fn forward(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        let [point, same] = [Window::new(1, 0), Window::new(1, 1)].map(|window| window.precision(precision));
        let x = self.squeeze.convolve(x, point, RELU);
        join(self.narrow.convolve(x.clone(), point, RELU), self.wide.convolve(x, same, RELU))
    }
}

/// The first convolution for one grey channel in 0..1.
fn grey_stem(weights: &Weights) -> Result<Frozen> {
    let outputs = WIDTH / 8;
    let weight = weights.values("features.0.weight", &[outputs, 3, 3, 3])?;
    let mut bias = weights.values("features.0.bias", &[outputs])?;
    let mut grey = vec![0.0; outputs * 9];
    for (at, value) in weight.iter().enumerate() {
        let (output, channel, tap) = (at / 27, at / 9 % 3, at % 9);
        let scaled = value / DEVIATION[channel];
        grey[output * 9 + tap] += scaled;
        bias[output] -= scaled * MEAN[channel];
    }
    Ok(weights.conv_of(grey, bias, [outputs, 1, 3, 3]))
}

#[cfg(test)]
pub(crate) mod tests {
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;
    use crate::parameters::{Array, Parameters};
    use crate::pretrained::tests::{apart, grey_and_rgb, npy, shared};

    /// A file of random weights with the right names and shapes.
    pub(crate) fn random(folder: &Path) -> std::path::PathBuf {
        let mut arrays = Parameters::new();
        let mut conv = |name: String, shape: [usize; 4]| {
            let count: usize = shape.iter().product();
            let deviation = (2.0 / (count / shape[0]) as f32).sqrt();
            let draws = stream(1, Purpose::Projection, arrays.len() as u64).normals(count);
            let values = draws.iter().map(|v| v * deviation).collect();
            arrays.insert(format!("{name}.weight"), Array { shape: shape.to_vec(), values });
            arrays
                .insert(format!("{name}.bias"), Array { shape: vec![shape[0]], values: vec![0.0; shape[0]] });
        };
        conv("features.0".into(), [WIDTH / 8, 3, 3, 3]);
        for (at, [inputs, squeezed, expanded]) in FIRES {
            conv(format!("features.{at}.squeeze"), [squeezed, inputs, 1, 1]);
            conv(format!("features.{at}.expand1x1"), [expanded, squeezed, 1, 1]);
            conv(format!("features.{at}.expand3x3"), [expanded, squeezed, 3, 3]);
        }
        let path = folder.join("random.safetensors");
        crate::store::write(&path, &arrays, &(), crate::store::Width::Single).unwrap();
        path
    }

    #[test]
    fn the_logits_are_those_of_the_reference() {
        let names = [
            "squeezenet1_1-imagenet.safetensors",
            "squeezenet1_1-reference-input.npy",
            "squeezenet1_1-reference-logits.npy",
        ];
        let [Some(weights), Some(input), Some(logits)] = names.map(shared) else { return };
        let device = Device::default();
        let net = SqueezeNet::read(&weights, &device).unwrap();
        let images = Tensor::<4>::from_data(TensorData::new(npy(&input), [1, 3, SIDE, SIDE]), &device);
        let opened = read(&weights).unwrap();
        let file = Weights::new(&weights, &opened, "SqueezeNet 1.1", &device).unwrap();
        let classifier = file.conv("classifier.1", [1000, WIDTH, 1, 1]).unwrap();
        let scores = means(classifier.convolve(net.forward(images), Window::new(1, 0), RELU));
        let error = apart(&scores, &npy(&logits));
        println!("largest difference {error:e}");
        // PyTorch itself differs from the reference by 1.3e-4: sums of 4,608 products in another order.
        assert!(error < 2e-4, "{error}");
    }

    #[test]
    fn a_grey_image_is_described_as_its_normalised_rgb_is() {
        let Some(weights) = shared("squeezenet1_1-imagenet.safetensors") else { return };
        let device = Device::default();
        let net = SqueezeNet::read(&weights, &device).unwrap();
        let (pixels, rgb) = grey_and_rgb(&device);
        let whole = means(net.forward(rgb));
        let error = apart(&whole, &net.features(pixels));
        println!("largest difference {error:e} of {:?}", whole.iter().copied().fold(0.0, f32::max));
        assert!(error < 1e-4, "{error}");
        let began = std::time::Instant::now();
        (0..8).for_each(|_| drop(net.features(vec![0.5; SIDE * SIDE])));
        println!("{:.1} images/s, one after the other", 8.0 / began.elapsed().as_secs_f64());
    }

    #[test]
    fn another_networks_weights_are_refused_by_the_tensor() {
        let Some(weights) = shared("mobilenetv2-imagenet.safetensors") else { return };
        let error = SqueezeNet::read(&weights, &Device::default()).unwrap_err().to_string();
        assert!(error.contains("features.0.weight"), "{error}");
    }
}
