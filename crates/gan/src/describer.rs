//! A pretrained network that describes images, told by the tensors of its weights file.

use std::path::Path;

use burn::tensor::Device;

use crate::error::{Error, Result};
use crate::mobilenet::{self, MobileNet};
use crate::pretrained::{Weights, read};
use crate::squeezenet::{self, SqueezeNet};

/// Weights files that can be told, in words.
pub const KNOWN: &str = "SqueezeNet 1.1 or MobileNetV2 with torchvision's names";

/// One of the networks that describe images.
#[derive(Debug)]
pub enum Describer {
    /// 512 features.
    SqueezeNet(Box<SqueezeNet>),
    /// 1280 features.
    MobileNet(Box<MobileNet>),
}

impl Describer {
    /// Reads a weights file of whichever network has its tensors.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let bytes = read(path)?;
        let weights = Weights::new(path, &bytes, "SqueezeNet 1.1", device)?;
        let has = |name| weights.names().contains(&name);
        if has("features.3.squeeze.weight") {
            return Ok(Self::SqueezeNet(Box::new(SqueezeNet::of(&weights, device)?)));
        }
        if has("features.1.conv.0.0.weight") {
            return Ok(Self::MobileNet(Box::new(MobileNet::of(&weights.of("MobileNetV2"), device)?)));
        }
        Err(Error::content(path, format!("holds the tensors of no network known here; {KNOWN} is needed")))
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SqueezeNet(_) => "SqueezeNet 1.1",
            Self::MobileNet(_) => "MobileNetV2",
        }
    }

    /// Of which of its layers the features are the mean over space.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::SqueezeNet(_) => "fire module",
            Self::MobileNet(_) => "convolution",
        }
    }

    /// Features an image.
    pub fn width(&self) -> usize {
        match self {
            Self::SqueezeNet(_) => squeezenet::WIDTH,
            Self::MobileNet(_) => mobilenet::WIDTH,
        }
    }

    /// Numbers of [`Self::fine`].
    pub fn fine_width(&self) -> usize {
        match self {
            Self::SqueezeNet(_) => squeezenet::WIDTH,
            Self::MobileNet(_) => mobilenet::FINE_WIDTH,
        }
    }

    /// Of which of its layers [`Self::fine`] is the mean over space.
    pub fn fine_layers(&self) -> &'static str {
        match self {
            Self::SqueezeNet(_) => "its last fire module",
            Self::MobileNet(_) => "the widened maps of its blocks 7, 11 and 14",
        }
    }

    /// SHA-256 of the weights file, in hexadecimal.
    pub fn hash(&self) -> &str {
        match self {
            Self::SqueezeNet(network) => network.hash(),
            Self::MobileNet(network) => network.hash(),
        }
    }

    /// Features of one grey image of `SIDE` x `SIDE` ([`crate::pretrained::SIDE`]) values in 0..1, row by row.
    pub fn features(&self, pixels: Vec<f32>) -> Vec<f32> {
        match self {
            Self::SqueezeNet(network) => network.features(pixels),
            Self::MobileNet(network) => network.features(pixels),
        }
    }

    /// Features of the same image that tell grades apart best: of maps that still resolve the joint, where the network has
    /// such.
    pub fn fine(&self, pixels: Vec<f32>) -> Vec<f32> {
        match self {
            Self::SqueezeNet(network) => network.features(pixels),
            Self::MobileNet(network) => network.fine(pixels),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrained::tests::shared;

    #[test]
    fn a_weights_file_tells_its_network() {
        for (file, name, width) in [
            ("squeezenet1_1-imagenet.safetensors", "SqueezeNet 1.1", 512),
            ("mobilenetv2-imagenet.safetensors", "MobileNetV2", 1280),
        ] {
            let Some(path) = shared(file) else { return };
            let network = Describer::read(&path, &Device::default()).unwrap();
            assert_eq!((network.name(), network.width()), (name, width));
        }
    }

    #[test]
    fn any_other_file_is_refused_with_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.safetensors");
        crate::store::write(&path, &Default::default(), &(), crate::store::Width::Single).unwrap();
        let error = Describer::read(&path, &Device::default()).unwrap_err().to_string();
        assert!(error.contains("other.safetensors") && error.contains("MobileNetV2"), "{error}");
    }
}
