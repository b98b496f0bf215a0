//! A model: the average generator in one file, with what is needed to sample from it.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::{Depth, Image};
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::game;
use crate::networks::Generator;
use crate::parameters::{Parameters, values};
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
            game::generator(&header.settings, &parameters).map_err(|reason| Error::content(&file, reason))?;
        Ok(Self { header, hash, generator })
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
        Ok(draw(&self.generator, position, seed))
    }
}

/// The image of a seed and of the grade at a position among those learned: one image, one forward pass.
pub(crate) fn draw(generator: &Generator, grade: usize, seed: u64) -> Image {
    let numbers = |purpose, count| {
        let draws = stream(seed, purpose, 0).normals(count);
        Tensor::<2>::from_data(TensorData::new(draws, [1, count]), &Device::flex())
    };
    let [latent, noise] = generator.inputs();
    let image = generator.forward(
        numbers(Purpose::SampleLatent, latent),
        numbers(Purpose::SampleNoise, noise),
        grade,
    );
    let size = image.dims()[2] as u32;
    let unit: Vec<f32> = values(image).iter().map(|v| (v + 1.0) * 0.5).collect();
    Image::from_unit(size, size, Depth::Eight, &unit)
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
