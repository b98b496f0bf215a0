//! Weights files by torchvision's names, batch normalisation beside its convolution or folded into it.

use super::layers::Spec;
use super::{Architecture, Classifier};
use crate::error::Result;
use crate::parameters::{Array, Parameters, collect};
use crate::pretrained::Weights;

/// Torch's constant in batch normalisation.
const EPSILON: f32 = 1e-5;

/// The network's parameters with those of the file; the head stays.
pub(super) fn adopted(
    network: &Classifier,
    file: &Weights,
    architecture: Architecture,
) -> Result<Parameters> {
    let array = |name: String, shape: &[usize]| -> Result<Array> {
        Ok(Array { values: file.values(&name, shape)?, shape: shape.to_vec() })
    };
    let mut parameters = collect(network);
    for (at, spec) in architecture.specs().iter().enumerate() {
        let (weight, bias) = folded(file, spec)?;
        parameters
            .insert(format!("layers.{at}.weight"), Array { shape: spec.shape.to_vec(), values: weight });
        parameters
            .insert(format!("layers.{at}.bias"), Array { shape: spec.shape[..1].to_vec(), values: bias });
    }
    for (at, (name, shape)) in architecture.dense().iter().enumerate() {
        parameters.insert(format!("dense.{at}.weight"), array(format!("{name}.weight"), shape)?);
        parameters.insert(format!("dense.{at}.bias"), array(format!("{name}.bias"), &shape[..1])?);
    }
    Ok(parameters)
}

impl Classifier {
    /// The convolutions' parameters by torchvision's names: what [`adopted`] takes.
    pub(crate) fn named(&self) -> Parameters {
        let all = collect(self);
        let specs = self.architecture.specs().into_iter().enumerate();
        let parts = specs.flat_map(|(at, spec)| {
            ["weight", "bias"].map(|part| (format!("{}.{part}", spec.name), format!("layers.{at}.{part}")))
        });
        parts.map(|(name, own)| (name, all[&own].clone())).collect()
    }
}

/// Weight and bias of a convolution.
fn folded(file: &Weights, spec: &Spec) -> Result<(Vec<f32>, Vec<f32>)> {
    let outputs = &spec.shape[..1];
    let mut weight = file.values(&format!("{}.weight", spec.name), &spec.shape)?;
    let bias = format!("{}.bias", spec.name);
    let Some(norm) = spec.norm.as_ref().filter(|_| !file.names().contains(&bias.as_str())) else {
        return Ok((weight, file.values(&bias, outputs)?));
    };
    let part = |name: &str| file.values(&format!("{norm}.{name}"), outputs);
    let (gain, mut bias) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let row = weight.len() / outputs[0];
    for (at, weights) in weight.chunks_exact_mut(row).enumerate() {
        let scale = gain[at] / (variance[at] + EPSILON).sqrt();
        weights.iter_mut().for_each(|w| *w *= scale);
        bias[at] -= mean[at] * scale;
    }
    Ok((weight, bias))
}
