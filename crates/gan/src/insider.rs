//! What someone can do who holds a run: ask its critic, and look for the latent of an image.

use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::Listener;
use doppelray_images::{Collection, Image};

use crate::checkpoint::Checkpoint;
use crate::data::{Data, Room, pixels};
use crate::error::{Error, Result};
use crate::game::{self, Alone, Game, Share};
use crate::label::Label;
use crate::model::Stored;
use crate::networks::Generator;
use crate::parameters::values;
use crate::run::Record;
use crate::settings::Settings;

/// The critic of a run's checkpoint.
pub struct Critic {
    /// Real images that it has seen.
    pub images_seen: u64,
    settings: Settings,
    game: Box<dyn Game>,
}

impl Critic {
    /// The critic of the newest checkpoint of a run that was trained on `collection`; `None` where there is no checkpoint.
    pub fn open(run: &Path, collection: &Collection, listener: Listener) -> Result<Option<Self>> {
        let settings = Record::read(run)?.config.settings;
        let folder = run.join("checkpoint");
        let Some((Checkpoint { position, state }, _)) = Checkpoint::read(&folder)? else { return Ok(None) };
        let data = Data::read(collection, &settings, Room { memory: u64::MAX, folder: run }, listener)?;
        let mut game =
            game::begin(&settings, &data, &Device::flex(), Share::new(settings.passes, Arc::new(Alone)))?;
        game.restore(&state, position.step).map_err(|reason| Error::content(&folder, reason))?;
        Ok(Some(Self { images_seen: settings.seen(position.step), settings, game }))
    }

    /// Images that it looks at together: what it thinks of one may depend on those beside it.
    pub fn batch(&self) -> usize {
        self.settings.batch
    }

    /// Its scores of one batch of images and their labels: the higher, the realer it takes an image to be.
    ///
    /// Fails if the run did not learn a grade.
    pub fn scores(&self, batch: &[(Image, Label)]) -> Result<Vec<f64>, String> {
        let labels = batch.iter().map(|(_, label)| self.settings.position(*label));
        let labels = labels.collect::<Result<Vec<usize>, _>>()?;
        let images = batch.iter().flat_map(|(image, _)| pixels(image, self.settings.size)).collect();
        Ok(self.game.scores(images, &labels))
    }
}

/// Looks for latents.
pub struct Inverter {
    settings: Settings,
    generator: Generator,
    device: Device,
}

/// The optimiser of a latent: Adam's rate, and its memories of the mean and of the square.
const RATE: f64 = 0.1;
const MEMORY: [f64; 2] = [0.9, 0.99];
/// Pixels, along each axis, whose mean is compared: finer detail is drawn from noise that no latent decides.
const COARSE: usize = 4;

impl Inverter {
    /// Of a model's file, or of a run's chosen model.
    pub fn open(path: &Path) -> Result<Self> {
        let Stored { path, parameters, header, .. } = Stored::find(path)?;
        let device = Device::flex().autodiff();
        let generator = game::generator_on(&header.settings, &parameters, &device)
            .map_err(|reason| Error::content(&path, reason))?;
        Ok(Self { settings: header.settings, generator: generator.frozen(), device })
    }

    /// The mean squared difference, in units of a scale of -1..1, that is left between a coarse image and the best one
    /// drawn of its label after some steps of gradient descent from the latent 0, without noise.
    ///
    /// Fails if the model did not learn the grade.
    pub fn distance(&self, image: &Image, label: impl Into<Label>, steps: usize) -> Result<f64, String> {
        let shares = self.settings.shares(label.into(), 1.0)?;
        let side = self.settings.size;
        let tensor = |values: Vec<f32>, shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(values, shape), &self.device)
        };
        let target = coarse(tensor(pixels(image, side), [1, 1, side, side]));
        let [count, noise] = self.generator.inputs();
        let row = |values: Vec<f32>| {
            let shape = [1, values.len()];
            Tensor::<2>::from_data(TensorData::new(values, shape), &self.device)
        };
        let noise = row(vec![0.0; noise]);
        let (mut latent, mut moments) = (vec![0.0f64; count], vec![[0.0f64; 2]; count]);
        let mut best = f64::INFINITY;
        for step in 1..=steps {
            let at = row(latent.iter().map(|v| *v as f32).collect()).require_grad();
            let apart = coarse(self.generator.draw(at.clone(), noise.clone(), &shares)) - target.clone();
            let loss = apart.powf_scalar(2.0).mean();
            best = best.min(game::scalar(&loss));
            let gradient = at.grad(&loss.backward()).map(values).unwrap_or_default();
            for ((value, memory), slope) in latent.iter_mut().zip(&mut moments).zip(gradient) {
                *value -= RATE * direction(memory, f64::from(slope), step);
            }
        }
        Ok(best)
    }
}

/// Adam's direction, of a slope and what is remembered of those before.
fn direction(memory: &mut [f64; 2], slope: f64, step: usize) -> f64 {
    let now = [slope, slope * slope];
    let mut settled = [0.0; 2];
    for at in 0..2 {
        memory[at] += (1.0 - MEMORY[at]) * (now[at] - memory[at]);
        settled[at] = memory[at] / (1.0 - MEMORY[at].powi(step as i32));
    }
    settled[0] / (settled[1].sqrt() + 1e-12)
}

/// `[1, 1, s, s]` to the means of its squares, `[n, 4, n, 4]` over 4 and 4; what is left at the edges does not count.
fn coarse(image: Tensor<4>) -> Tensor<4> {
    let cells = (image.dims()[2] / COARSE).max(1);
    let width = COARSE.min(image.dims()[2]);
    let image = image.narrow(2, 0, cells * width).narrow(3, 0, cells * width);
    image.reshape([cells, width, cells, width]).mean_dim(1).mean_dim(3)
}

#[cfg(test)]
mod tests {
    use doppelray_images::Depth;

    use super::*;
    use crate::model::{self, Header, Manner};
    use crate::parameters::{Init, collect};
    use doppelray_measures::rng::Purpose;

    /// A generator as it begins, in a file.
    fn stored(folder: &Path) -> std::path::PathBuf {
        let changes = ["size=32", "game.generator.channels=[16,8]", "game.critic.channels=[8,16]"];
        let settings = Settings::resolve("tiny", &changes.map(str::to_owned)).unwrap();
        let game::GameConfig::Wasserstein(config) = &settings.game else {
            panic!("tiny is a Wasserstein GAN")
        };
        let device = Device::flex();
        let mut init = Init::new(3, Purpose::GeneratorWeights, &device);
        let generator = config.generator.init(&mut init, settings.labels(), settings.size);
        let path = folder.join("model.safetensors");
        model::write(&path, &Header::new(&settings, 0, "", &[1; 5]), &collect(&generator)).unwrap();
        path
    }

    #[test]
    fn an_image_that_the_model_draws_is_found_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = stored(folder.path());
        let drawn = model::Model::open(&path).unwrap().draw(1.0, 5, Manner::default()).unwrap();
        let inverter = Inverter::open(&path).unwrap();
        let after = |image: &Image, steps| inverter.distance(image, 1.0, steps).unwrap();
        let (first, last) = (after(&drawn, 1), after(&drawn, 60));
        assert!(last < 0.2 * first, "{first} {last}");
        let stripes = (0..32 * 32).map(|i| if i / 32 % 16 < 8 { 230 } else { 20 }).collect();
        assert!(after(&Image::new(32, 32, Depth::Eight, stripes), 60) > 3.0 * last);
        assert!(inverter.distance(&drawn, 9.0, 1).unwrap_err().contains("not 9"));
    }
}
