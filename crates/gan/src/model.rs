//! A model: the average generator in one file, with what is needed to sample from it.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::{Depth, Image};
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::networks::generator::Generator;
use crate::parameters::{Init, Parameters, load, values};
use crate::settings::Settings;
use crate::store;

/// The version of the file's meaning.
const FORMAT: u32 = 1;

/// What a model file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the file's meaning.
    pub format: u32,
    /// How it was trained.
    pub settings: Settings,
    /// Real images seen.
    pub images_seen: u64,
    /// Hash of the collection it was trained on.
    pub data: String,
    /// Training images of each learned grade.
    pub counts: Vec<usize>,
}

impl Header {
    /// The header of a snapshot.
    pub fn new(settings: &Settings, images_seen: u64, data: &str, counts: &[usize]) -> Self {
        let (settings, data, counts) = (settings.clone(), data.to_owned(), counts.to_vec());
        Self { format: FORMAT, settings, images_seen, data, counts }
    }
}

/// A generator ready to draw from.
pub struct Model {
    /// What its file says.
    pub header: Header,
    /// SHA-256 of its file.
    pub hash: String,
    generator: Generator,
    device: Device,
}

/// Writes a model file.
pub fn write(path: &Path, header: &Header, average: &Parameters) -> Result<()> {
    store::write(path, average, header)
}

impl Model {
    /// Reads a model file, or the chosen one of a run's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let file = find(path)?;
        let (parameters, header): (Parameters, Header) = store::read(&file)?;
        if header.format != FORMAT {
            let reason = format!("model format {}, this version reads {FORMAT}", header.format);
            return Err(Error::content(&file, reason));
        }
        let bytes = std::fs::read(&file).map_err(Error::file(&file))?;
        let hash = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let generator =
            build(&header.settings, &parameters).map_err(|reason| Error::content(&file, reason))?;
        Ok(Self { header, hash, generator, device: Device::flex() })
    }

    /// The image of a grade and seed, 8 bit: a function of the model and these two alone.
    ///
    /// Fails if the model did not learn the grade.
    pub fn draw(&self, grade: u8, seed: u64) -> Result<Image, String> {
        let settings = &self.header.settings;
        let position = settings
            .grades
            .iter()
            .position(|g| *g == grade)
            .ok_or_else(|| format!("the model learned the grades {:?}, not {grade}", settings.grades))?;
        let latent = stream(seed, Purpose::SampleLatent, 0).normals(settings.generator.latent);
        let image = draw(&self.generator, latent, &[position], &self.device);
        Ok(image.into_iter().next().expect("one latent makes one image"))
    }
}

/// Images of latents laid end to end, one for each grade's position.
pub(crate) fn draw(
    generator: &Generator,
    latents: Vec<f32>,
    grades: &[usize],
    device: &Device,
) -> Vec<Image> {
    let count = grades.len();
    let width = latents.len() / count;
    let latents = Tensor::from_data(TensorData::new(latents, [count, width]), device);
    let images = generator.forward(latents, grades);
    let size = images.dims()[2];
    let unit: Vec<f32> = values(images).iter().map(|v| (v + 1.0) * 0.5).collect();
    unit.chunks_exact(size * size)
        .map(|pixels| Image::from_unit(size as u32, size as u32, Depth::Eight, pixels))
        .collect()
}

/// The generator of these settings with these parameters, off the tape.
pub(crate) fn build(settings: &Settings, parameters: &Parameters) -> Result<Generator, String> {
    let device = Device::flex();
    let mut init = Init::new(settings.seed, Purpose::GeneratorWeights, &device);
    load(settings.generator.init(&mut init, settings.grades.len(), settings.size), parameters)
}

fn find(path: &Path) -> Result<PathBuf> {
    if path.is_file() {
        return Ok(path.to_owned());
    }
    let chosen = path.join("model.safetensors");
    if chosen.is_file() {
        return Ok(chosen);
    }
    let reason = if path.join("config.toml").is_file() {
        "a run without a model yet; train it to its first snapshot (doppelray train COLLECTION --out RUN)"
    } else {
        "neither a run nor a model file; give the folder that `doppelray train` made, or a .safetensors of one"
    };
    Err(Error::content(path, reason))
}
