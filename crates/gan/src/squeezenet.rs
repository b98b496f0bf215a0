//! SqueezeNet 1.1 (Iandola et al. 2016) as a describer of images: the mean over space of its last fire module.
//!
//! The weights come from a safetensors file with torchvision's names (`features.0.weight` ...), trained on RGB in 0..1
//! less [`MEAN`] over [`DEVIATION`]. A grey image is the same in all three channels, so that normalisation and the three
//! channels fold into a first convolution of one channel: it has no padding, so this is exact up to rounding.

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::ops::{Precision, Window, convolution_bias_relu, max_pool};

/// Mean of the channels in the images that the network was trained on.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
pub const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Side of the images it was trained on; features of other sizes are not comparable.
pub const SIDE: usize = 224;
/// Features an image.
pub const WIDTH: usize = 512;

/// Torchvision's number of each fire module, its input channels, and those of its squeeze and each expansion.
const FIRES: [(usize, [usize; 3]); 8] = [
    (3, [64, 16, 64]),
    (4, [128, 16, 64]),
    (6, [128, 32, 128]),
    (7, [256, 32, 128]),
    (9, [256, 48, 192]),
    (10, [384, 48, 192]),
    (11, [384, 64, 256]),
    (12, [512, 64, 256]),
];

/// The network without its classifier.
#[derive(Debug)]
pub struct SqueezeNet {
    stem: Conv,
    grey: Conv,
    fires: Vec<Fire>,
    hash: String,
    device: Device,
}

#[derive(Clone, Debug)]
struct Conv {
    weight: Tensor<4>,
    bias: Tensor<1>,
}

/// Fewer channels, then two expansions side by side.
#[derive(Debug)]
struct Fire {
    pooled: bool,
    squeeze: Conv,
    narrow: Conv,
    wide: Conv,
}

impl SqueezeNet {
    /// Reads the weights. The error names the tensor that is missing or has another shape than torchvision's.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::file(path))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| {
            Error::content(
                path,
                format!("not a whole safetensors file ({e}); copy it again from where it came"),
            )
        })?;
        let weights = Weights { path, file, device };
        let stem = weights.conv("features.0", [WIDTH / 8, 3, 3, 3])?;
        let grey = weights.grey_stem()?;
        let fires = FIRES.iter().map(|(at, channels)| weights.fire(*at, *channels)).collect::<Result<_>>()?;
        let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { stem, grey, fires, hash, device: device.clone() })
    }

    /// SHA-256 of the weights file, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Features of one grey image of [`SIDE`] x [`SIDE`] values in 0..1, row by row: [`WIDTH`] numbers.
    pub fn features(&self, pixels: Vec<f32>) -> Vec<f32> {
        let image = Tensor::<4>::from_data(TensorData::new(pixels, [1, 1, SIDE, SIDE]), &self.device);
        let last = self.levels(self.grey.forward(image, STEM), Precision::F32).pop().expect("there are four");
        let means: Tensor<4> = last.mean_dim(2).mean_dim(3); // [1, 512, 1, 1]
        means.into_data().convert::<f32>().try_to_vec().expect("just converted")
    }

    /// Normalised RGB `[b, 3, h, w]` to the last fire module's output `[b, 512, h', w']`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        self.levels(self.stem.forward(images, STEM), Precision::F32).pop().expect("there are four")
    }

    /// Grey images `[b, 1, h, w]` in -1..1 to the maps before each pooling and at the end: 64, 128, 256 and 512
    /// channels.
    pub fn pyramid(&self, images: Tensor<4>, precision: Precision) -> Vec<Tensor<4>> {
        self.levels(self.grey.forward((images + 1.0) * 0.5, STEM.precision(precision)), precision)
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

/// How the first convolution moves.
const STEM: Window = Window::new(2, 0);

impl Conv {
    /// `[b, in, h, w]` to `[b, out, h', w']`, then ReLU.
    fn forward(&self, x: Tensor<4>, window: Window) -> Tensor<4> {
        convolution_bias_relu(x, self.weight.clone(), self.bias.clone(), window, 0.0)
    }
}

impl Fire {
    /// `[b, in, h, w]` to `[b, narrow + wide, h, w]`.
    fn forward(&self, x: Tensor<4>, precision: Precision) -> Tensor<4> {
        let [point, same] = [Window::new(1, 0), Window::new(1, 1)].map(|window| window.precision(precision));
        let x = self.squeeze.forward(x, point);
        Tensor::cat(vec![self.narrow.forward(x.clone(), point), self.wide.forward(x, same)], 1)
    }
}

/// A weights file that is trusted in nothing.
struct Weights<'a> {
    path: &'a Path,
    file: SafeTensors<'a>,
    device: &'a Device,
}

impl Weights<'_> {
    fn fire(&self, at: usize, [inputs, squeezed, expanded]: [usize; 3]) -> Result<Fire> {
        let conv = |part: &str, shape| self.conv(&format!("features.{at}.{part}"), shape);
        Ok(Fire {
            pooled: [3, 6, 9].contains(&at),
            squeeze: conv("squeeze", [squeezed, inputs, 1, 1])?,
            narrow: conv("expand1x1", [expanded, squeezed, 1, 1])?,
            wide: conv("expand3x3", [expanded, squeezed, 3, 3])?,
        })
    }

    fn conv(&self, name: &str, shape: [usize; 4]) -> Result<Conv> {
        let weight = self.values(&format!("{name}.weight"), &shape)?;
        let bias = self.values(&format!("{name}.bias"), &shape[..1])?;
        Ok(self.conv_of(weight, bias, shape))
    }

    fn conv_of(&self, weight: Vec<f32>, bias: Vec<f32>, shape: [usize; 4]) -> Conv {
        let weight = Tensor::from_data(TensorData::new(weight, shape), self.device);
        Conv { weight, bias: Tensor::from_data(TensorData::new(bias, [shape[0]]), self.device) }
    }

    /// The first convolution for one grey channel in 0..1.
    fn grey_stem(&self) -> Result<Conv> {
        let outputs = WIDTH / 8;
        let weight = self.values("features.0.weight", &[outputs, 3, 3, 3])?;
        let mut bias = self.values("features.0.bias", &[outputs])?;
        let mut grey = vec![0.0; outputs * 9];
        for (at, value) in weight.iter().enumerate() {
            let (output, channel, tap) = (at / 27, at / 9 % 3, at % 9);
            let scaled = value / DEVIATION[channel];
            grey[output * 9 + tap] += scaled;
            bias[output] -= scaled * MEAN[channel];
        }
        Ok(self.conv_of(grey, bias, [outputs, 1, 3, 3]))
    }

    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bad = |reason| {
            Error::content(self.path, format!("{reason}; SqueezeNet 1.1 with torchvision's names is needed"))
        };
        let view = self.file.tensor(name).map_err(|_| bad(format!("holds no tensor `{name}`")))?;
        if view.shape() != shape || view.dtype() != Dtype::F32 {
            let (found, kind) = (view.shape(), view.dtype());
            return Err(bad(format!("tensor `{name}` is {kind:?} {found:?}, expected F32 {shape:?}")));
        }
        let value = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        let values: Vec<f32> = view.data().chunks_exact(4).map(value).collect();
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(bad(format!("tensor `{name}` holds values that are not finite"))),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use doppelray_measures::rng::{Purpose, stream};

    use super::*;
    use crate::parameters::{Array, Parameters};

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

    fn shared(name: &str) -> Option<std::path::PathBuf> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/weights").join(name);
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
        }
        path.exists().then_some(path)
    }

    fn npy(path: &Path) -> Vec<f32> {
        let bytes = std::fs::read(path).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
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
        let bytes = std::fs::read(&weights).unwrap();
        let file =
            Weights { path: &weights, file: SafeTensors::deserialize(&bytes).unwrap(), device: &device };
        let classifier = file.conv("classifier.1", [1000, WIDTH, 1, 1]).unwrap();
        let scores = classifier.forward(net.forward(images), Window::new(1, 0)).mean_dim(2).mean_dim(3);
        let scores: Vec<f32> = scores.into_data().try_to_vec().unwrap();
        let error = scores.iter().zip(npy(&logits)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("largest difference {error:e}");
        // PyTorch itself differs from the reference by 1.3e-4: sums of 4,608 products in another order.
        assert!(error < 2e-4, "{error}");
    }

    #[test]
    fn a_grey_image_is_described_as_its_normalised_rgb_is() {
        let Some(weights) = shared("squeezenet1_1-imagenet.safetensors") else { return };
        let device = Device::default();
        let net = SqueezeNet::read(&weights, &device).unwrap();
        let pixels: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 251) as f32 / 250.0).collect();
        let rgb = (0..3).flat_map(|c| pixels.iter().map(move |p| (p - MEAN[c]) / DEVIATION[c])).collect();
        let rgb = Tensor::<4>::from_data(TensorData::new(rgb, [1, 3, SIDE, SIDE]), &device);
        let whole: Vec<f32> = net.forward(rgb).mean_dim(2).mean_dim(3).into_data().try_to_vec().unwrap();
        let folded = net.features(pixels);
        let error = whole.iter().zip(&folded).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
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
