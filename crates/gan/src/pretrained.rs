//! What networks trained on ImageNet share: a weights file that is trusted in nothing, and the images they saw.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use half::f16;
use pytorch_reader::{DType, PytorchReader};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::ops::Frozen;

/// Mean of the channels in the images that the networks were trained on.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
pub const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Side of the images they were trained on; features of other sizes are not comparable.
pub const SIDE: usize = 224;

/// A weights file in memory.
pub(crate) struct Opened {
    /// Safetensors, whatever the file is.
    bytes: Cow<'static, [u8]>,
    /// SHA-256 of the file, in hexadecimal.
    hash: String,
}

impl Opened {
    /// A file that is part of the program.
    pub(crate) fn built_in(bytes: &'static [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), hash: hash(bytes) }
    }
}

/// A weights file: safetensors, or a checkpoint of PyTorch's.
pub(crate) fn read(path: &Path) -> Result<Opened> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    let hash = hash(&bytes);
    let pickled = path.extension().is_some_and(|ending| PICKLED.iter().any(|known| ending == *known));
    let bytes = if pickled { unpickled(path, bytes.len())? } else { bytes };
    Ok(Opened { bytes: Cow::Owned(bytes), hash })
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The real numbers of a checkpoint as safetensors. Its pickle is read, never run.
fn unpickled(path: &Path, size: usize) -> Result<Vec<u8>> {
    let bad = |reason: &dyn Display| {
        let mend = "give a state dictionary as torch.save writes it, or safetensors";
        Error::content(path, format!("no checkpoint of PyTorch's that can be read ({reason}); {mend}"))
    };
    let kind = |tensor: &pytorch_reader::Tensor| match tensor.dtype() {
        DType::F32 => Some(Dtype::F32),
        DType::F16 => Some(Dtype::F16),
        _ => None,
    };
    let all = PytorchReader::new(path).map_err(|error| bad(&error))?.into_tensors();
    let kept: BTreeMap<String, (Dtype, pytorch_reader::Tensor)> =
        all.into_iter().filter_map(|(name, tensor)| Some((name, (kind(&tensor)?, tensor)))).collect();
    // Values stand in it as they are: what declares more repeats some without end.
    if kept.values().map(|(_, tensor)| tensor.byte_len()).sum::<usize>() > size {
        return Err(bad(&"it declares more values than it holds"));
    }
    let read = |(name, (kind, tensor)): (String, (Dtype, pytorch_reader::Tensor))| {
        Ok((name, kind, tensor.shape().to_vec(), tensor.read().map_err(|error| bad(&error))?))
    };
    let read = kept.into_iter().map(read).collect::<Result<Vec<_>>>()?;
    let views = read.iter().map(|(name, kind, shape, bytes)| {
        TensorView::new(*kind, shape.clone(), bytes).map(|view| (name, view)).map_err(|error| bad(&error))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>>>()?, None).map_err(|error| bad(&error))
}

/// Endings of checkpoints that PyTorch writes.
pub const PICKLED: [&str; 2] = ["pth", "pt"];

/// Tensors of a weights file by torchvision's names.
pub(crate) struct Weights<'a> {
    path: &'a Path,
    /// Whose weights are looked for, in messages.
    network: &'static str,
    file: SafeTensors<'a>,
    device: &'a Device,
    hash: String,
}

impl<'a> Weights<'a> {
    pub(crate) fn new(
        path: &'a Path,
        opened: &'a Opened,
        network: &'static str,
        device: &'a Device,
    ) -> Result<Self> {
        let file = SafeTensors::deserialize(&opened.bytes).map_err(|e| {
            Error::content(
                path,
                format!("not a whole safetensors file ({e}); copy it again from where it came"),
            )
        })?;
        Ok(Self { path, network, file, device, hash: opened.hash.clone() })
    }

    /// The same tensors, looked through for another network's.
    pub(crate) fn of(self, network: &'static str) -> Self {
        Self { network, ..self }
    }

    /// SHA-256 of the file, in hexadecimal.
    pub(crate) fn hash(&self) -> String {
        self.hash.clone()
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.file.names()
    }

    /// `NAME.weight` of the shape and `NAME.bias`.
    pub(crate) fn conv(&self, name: &str, shape: [usize; 4]) -> Result<Frozen> {
        let weight = self.values(&format!("{name}.weight"), &shape)?;
        let bias = self.values(&format!("{name}.bias"), &shape[..1])?;
        Ok(self.conv_of(weight, bias, shape))
    }

    /// A convolution of values at hand.
    pub(crate) fn conv_of(&self, weight: Vec<f32>, bias: Vec<f32>, shape: [usize; 4]) -> Frozen {
        Frozen::new(weight, shape, bias, self.device)
    }

    /// The values of a tensor of this shape; the error names it.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let bad = |reason| {
            let network = self.network;
            Error::content(self.path, format!("{reason}; {network} with torchvision's names is needed"))
        };
        let view = self.file.tensor(name).map_err(|_| bad(format!("holds no tensor `{name}`")))?;
        let (found, bytes) = (view.shape(), view.data());
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 if found == shape => {
                bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
            }
            Dtype::F16 if found == shape => {
                bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
            }
            kind => {
                return Err(bad(format!(
                    "tensor `{name}` is {kind:?} {found:?}, expected F32 or F16 {shape:?}"
                )));
            }
        };
        match values.iter().all(|v| v.is_finite()) {
            true => Ok(values),
            false => Err(bad(format!("tensor `{name}` holds values that are not finite"))),
        }
    }
}

/// The mean over space, `[1, c, h, w]` to `c` numbers.
pub(crate) fn means(maps: Tensor<4>) -> Vec<f32> {
    let means: Tensor<4> = maps.mean_dim(2).mean_dim(3); // [1, c, 1, 1]
    means.into_data().convert::<f32>().try_to_vec().expect("just converted")
}

#[cfg(test)]
pub(crate) mod tests {
    use burn::tensor::TensorData;

    use super::*;

    /// A file of the shared weights, or nothing, said, where it is not there.
    pub(crate) fn shared(name: &str) -> Option<std::path::PathBuf> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/weights").join(name);
        if !path.exists() {
            println!("skipped: {} is not there", path.display());
        }
        path.exists().then_some(path)
    }

    /// The values of a single-precision .npy file.
    pub(crate) fn npy(path: &Path) -> Vec<f32> {
        let bytes = std::fs::read(path).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        bytes[header..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    /// A grey image with edges, and the same in normalised RGB.
    pub(crate) fn grey_and_rgb(device: &Device) -> (Vec<f32>, Tensor<4>) {
        let pixels: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 251) as f32 / 250.0).collect();
        let rgb = (0..3).flat_map(|c| pixels.iter().map(move |p| (p - MEAN[c]) / DEVIATION[c])).collect();
        let rgb = Tensor::<4>::from_data(TensorData::new(rgb, [1, 3, SIDE, SIDE]), device);
        (pixels, rgb)
    }

    /// The largest difference.
    pub(crate) fn apart(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }
}
