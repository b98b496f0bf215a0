//! A pretrained network that describes images, told by the tensors of its weights file.

use std::path::Path;

use burn::tensor::{Device, Tensor};

use crate::classifier::{Architecture, Basis, Classifier, Kept, Tuned};
use crate::error::{Error, Result};
use crate::mobilenet::{self, MobileNet};
use crate::ops::Precision;
use crate::pretrained::{Weights, read};
use crate::squeezenet::{self, SqueezeNet};

/// Weights files that can be told, in words.
pub const KNOWN: &str = "SqueezeNet 1.1, MobileNetV2, ResNet-18, ResNet-34 or VGG-16 with torchvision's names, or a classifier of \
    `doppelray utility` that was trained whole";

/// One of the networks that describe images.
#[derive(Debug)]
pub enum Describer {
    /// 512 features.
    SqueezeNet(Box<SqueezeNet>),
    /// 1280 features.
    MobileNet(Box<MobileNet>),
    /// What a classifier's head is given, and the SHA-256 of its file.
    Classifier(Box<Classifier>, String),
}

impl Describer {
    /// Reads a weights file of whichever network has its tensors.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let opened = read(path)?;
        let weights = Weights::new(path, &opened, "SqueezeNet 1.1", device)?;
        let has = |name| weights.names().contains(&name);
        if has("features.3.squeeze.weight") {
            return Ok(Self::SqueezeNet(Box::new(SqueezeNet::of(&weights, device)?)));
        }
        if has("features.1.conv.0.0.weight") {
            return Ok(Self::MobileNet(Box::new(MobileNet::of(&weights.of("MobileNetV2"), device)?)));
        }
        if Architecture::of(path, &weights.names()).is_ok() {
            let network = Classifier::read(path, 1, 0, device)?;
            return Ok(Self::Classifier(Box::new(network), weights.hash()));
        }
        let unknown =
            || Error::content(path, format!("holds the tensors of no network known here; {KNOWN} is needed"));
        let Kept { about, parameters } = Kept::read(path).map_err(|_| unknown())?;
        match about.basis {
            Basis::Whole { architecture } => {
                let tuned = Tuned::restored(architecture, about.task, about.temperature, &parameters);
                let network = tuned.map_err(|reason| Error::content(path, reason))?.into_network();
                Ok(Self::Classifier(Box::new(network), weights.hash()))
            }
            Basis::Head { space, .. } => {
                let reason =
                    format!("is a linear head on the features `{space}`, which are a space by themselves");
                Err(Error::content(path, format!("{reason}; give those, or a classifier trained whole")))
            }
        }
    }

    /// Grey images `[b, 1, h, w]` in -1..1 to maps of four levels, from the finest to the coarsest; nothing of a network that has no
    /// such levels.
    pub(crate) fn pyramid(&self, images: Tensor<4>, precision: Precision) -> Option<Vec<Tensor<4>>> {
        match self {
            Self::SqueezeNet(network) => Some(network.pyramid(images, precision)),
            Self::MobileNet(network) => Some(network.pyramid(images, precision)),
            Self::Classifier(..) => None,
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SqueezeNet(_) => "SqueezeNet 1.1",
            Self::MobileNet(_) => "MobileNetV2",
            Self::Classifier(network, _) => network.architecture().name(),
        }
    }

    /// Which of its numbers the features are.
    pub fn layer(&self) -> &'static str {
        match self {
            Self::SqueezeNet(_) => "the mean over space of its last fire module",
            Self::MobileNet(_) => "the mean over space of its last convolution",
            Self::Classifier(..) => "what its last, dense layer is given",
        }
    }

    /// Features an image.
    pub fn width(&self) -> usize {
        match self {
            Self::SqueezeNet(_) => squeezenet::WIDTH,
            Self::MobileNet(_) => mobilenet::WIDTH,
            Self::Classifier(network, _) => network.architecture().width(),
        }
    }

    /// Numbers of [`Self::fine`].
    pub fn fine_width(&self) -> usize {
        match self {
            Self::MobileNet(_) => mobilenet::FINE_WIDTH,
            _ => self.width(),
        }
    }

    /// Which of its numbers [`Self::fine`] are.
    pub fn fine_layers(&self) -> &'static str {
        match self {
            Self::MobileNet(_) => "the mean over space of the widened maps of its blocks 7, 11 and 14",
            _ => self.layer(),
        }
    }

    /// SHA-256 of the weights file, in hexadecimal.
    pub fn hash(&self) -> &str {
        match self {
            Self::SqueezeNet(network) => network.hash(),
            Self::MobileNet(network) => network.hash(),
            Self::Classifier(_, hash) => hash,
        }
    }

    /// Features of one grey image of `SIDE` x `SIDE` ([`crate::pretrained::SIDE`]) values in 0..1, row by row.
    pub fn features(&self, pixels: Vec<f32>) -> Vec<f32> {
        match self {
            Self::SqueezeNet(network) => network.features(pixels),
            Self::MobileNet(network) => network.features(pixels),
            Self::Classifier(network, _) => network.describe(pixels),
        }
    }

    /// Features of the same image that tell grades apart best: of maps that still resolve the joint, where the network has
    /// such.
    pub fn fine(&self, pixels: Vec<f32>) -> Vec<f32> {
        match self {
            Self::MobileNet(network) => network.fine(pixels),
            _ => self.features(pixels),
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
    fn a_classifier_trained_whole_describes_by_what_its_head_is_given() {
        use crate::classifier::About;
        use doppelray_measures::classify::Task;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classifier.safetensors");
        let network =
            Classifier::random(Architecture::SqueezeNet, Task::Ordinal.outputs(), 3, &Device::flex());
        let pixels = vec![0.4; crate::pretrained::SIDE * crate::pretrained::SIDE];
        let expected = network.describe(pixels.clone());
        let kept = |basis| Kept {
            about: About {
                task: Task::Ordinal,
                temperature: 1.0,
                basis,
                size: 224,
                look: Default::default(),
                learned_from: "phantoms".into(),
                collections: Default::default(),
                made_by: "0".into(),
            },
            parameters: crate::parameters::collect(&network),
        };
        kept(Basis::Whole { architecture: Architecture::SqueezeNet }).write(&path).unwrap();
        let describer = Describer::read(&path, &Device::flex()).unwrap();
        assert_eq!((describer.name(), describer.width()), ("SqueezeNet 1.1", expected.len()));
        assert_eq!(describer.features(pixels), expected);

        kept(Basis::Head { space: "bank-1".into(), weights: None }).write(&path).unwrap();
        let error = Describer::read(&path, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("a linear head on the features `bank-1`"), "{error}");
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
