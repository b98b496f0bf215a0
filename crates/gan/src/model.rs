//! A model: the average generator in one file, with what is needed to sample from it.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::{Depth, Image};
use doppelray_measures::rng::{Purpose, stream};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::game;
use crate::label::Label;
use crate::networks::Generator;
use crate::parameters::{Parameters, values};
use crate::settings::{Sampling, Settings};
use crate::store::{self, Width};

/// Models that come with the program, by name.
const SHIPPED: [(&str, &[u8]); 1] = [("knee", include_bytes!("../../../models/knee/model.safetensors"))];

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
        let (settings, data, counts) = (settings.portable(), data.to_owned(), counts.to_vec());
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

/// A model's file, read and not yet built.
pub(crate) struct Stored {
    /// Where it was read, or the name of one that comes with the program.
    pub(crate) path: PathBuf,
    pub(crate) parameters: Parameters,
    pub(crate) header: Header,
    /// SHA-256 of the file.
    pub(crate) hash: String,
}

impl Stored {
    fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        let (parameters, header): (Parameters, Header) = store::parse(&path, bytes)?;
        if header.format != FORMAT {
            let reason = format!("model format {}, this version reads {FORMAT}", header.format);
            return Err(Error::content(&path, reason));
        }
        let hash = hash(bytes);
        Ok(Self { path, parameters, header, hash })
    }

    /// Of a model file, of the chosen one of a run's folder, or of a model that comes with the program; what lies at the path
    /// goes before a name.
    pub(crate) fn find(path: &Path) -> Result<Self> {
        let named = SHIPPED.iter().find(|(name, _)| path == Path::new(name) && !path.exists());
        if let Some((name, bytes)) = named {
            return Self::parse(name.into(), bytes);
        }
        let file = find(path)?;
        let bytes = std::fs::read(&file).map_err(Error::file(&file))?;
        Self::parse(file, &bytes)
    }
}

/// SHA-256 of a file's bytes, in hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Writes a model file: large arrays in half precision, whose error is below a grey level of 8 bits.
pub fn write(path: &Path, header: &Header, average: &Parameters) -> Result<()> {
    store::write(path, average, header, Width::Half)
}

impl Model {
    /// Reads a model file, the chosen one of a run's folder, or a model that comes with the program: `knee`.
    pub fn open(path: &Path) -> Result<Self> {
        let Stored { path, parameters, header, hash } = Stored::find(path)?;
        let generator =
            game::generator(&header.settings, &parameters).map_err(|reason| Error::content(&path, reason))?;
        Ok(Self { header, hash, generator: generator.drawing() })
    }

    /// The image of a label and seed: a function of the model, these two and the manner alone. Its grade may lie between two
    /// that the model learned next to each other.
    ///
    /// Fails if the model did not learn the grade.
    pub fn draw(&self, label: impl Into<Label>, seed: u64, manner: Manner) -> Result<Image, String> {
        let shares = self.header.settings.shares(label.into(), manner.sampling.guidance)?;
        Ok(draw(&self.generator, &shares, seed, manner))
    }

    /// How this model draws where nobody asks otherwise.
    pub fn manner(&self) -> Manner {
        self.header.settings.sampling.into()
    }

    /// The image at a share of the way from one seed's latent to another's, along the arc between them; the noise is the
    /// first one's.
    ///
    /// Fails if the model did not learn the grade.
    pub fn between(
        &self,
        label: impl Into<Label>,
        seeds: [u64; 2],
        share: f64,
        manner: Manner,
    ) -> Result<Image, String> {
        let shares = self.header.settings.shares(label.into(), manner.sampling.guidance)?;
        let [count, _] = self.generator.inputs();
        let [from, to] = seeds.map(|seed| stream(seed, Purpose::SampleLatent, 0).normals(count));
        Ok(painted(&self.generator, &shares, arc(&from, &to, share), seeds[0], manner))
    }
}

/// The point at a share of the arc between two vectors (Shoemake 1985), lengths mixed alike.
fn arc(from: &[f32], to: &[f32], share: f64) -> Vec<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let angle = (dot(from, to) / (dot(from, from) * dot(to, to)).sqrt()).clamp(-1.0, 1.0).acos();
    let weight = |share: f64| if angle < 1e-6 { share } else { (share * angle).sin() / angle.sin() };
    let (first, second) = (weight(1.0 - share) as f32, weight(share) as f32);
    from.iter().zip(to).map(|(a, b)| a * first + b * second).collect()
}

/// How an image is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Manner {
    /// How the latent and the grade are taken.
    pub sampling: Sampling,
    /// Bits of the image.
    pub depth: Depth,
}

impl Default for Manner {
    fn default() -> Self {
        Sampling::default().into()
    }
}

impl From<Sampling> for Manner {
    fn from(sampling: Sampling) -> Self {
        Self { sampling, depth: Depth::Eight }
    }
}

/// The image of a seed and of shares in the labels: one image, one forward pass.
pub(crate) fn draw(generator: &Generator, shares: &[f32], seed: u64, manner: Manner) -> Image {
    let [count, _] = generator.inputs();
    painted(generator, shares, stream(seed, Purpose::SampleLatent, 0).normals(count), seed, manner)
}

/// The image of a latent, with the noise of a seed.
fn painted(generator: &Generator, shares: &[f32], mut latent: Vec<f32>, seed: u64, manner: Manner) -> Image {
    let tensor = |draws: Vec<f32>| {
        let shape = [1, draws.len()];
        Tensor::<2>::from_data(TensorData::new(draws, shape), &Device::flex())
    };
    let truncation = manner.sampling.truncation as f32;
    latent.iter_mut().for_each(|v| *v *= truncation);
    let [_, count] = generator.inputs();
    let noise = stream(seed, Purpose::SampleNoise, 0).normals(count);
    let image = generator.draw(tensor(latent), tensor(noise), shares);
    let size = image.dims()[2] as u32;
    let unit: Vec<f32> = values(image).iter().map(|v| (v + 1.0) * 0.5).collect();
    Image::from_unit(size, size, manner.depth, &unit)
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
        "neither a run nor a model file; give the folder that `doppelray train` made, a .safetensors of one, or `knee`"
    };
    Err(Error::content(path, reason))
}
