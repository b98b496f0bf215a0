//! Which snapshot is the model: the one whose images come nearest to a real split that training does not see.

use doppelray_images::{Collection, Image, Row, resize};
use doppelray_measures::bank::{self, Bank};
use doppelray_measures::features::{FeatureError, Features};
use doppelray_measures::frechet::{Gaussian, frechet};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::label::Label;
use crate::model::{self, Manner};
use crate::networks::Generator;
use crate::settings::Settings;

/// The split that chooses.
pub(crate) const SPLIT: &str = "val";
/// Images that are drawn to be compared, at most; as many real ones suffice.
const IMAGES: usize = 512;
/// Fewer real images than this choose nothing.
const LEAST: usize = 32;
/// The seed from which images for the choice are drawn on: far from those that people sample.
const SEEDS: u64 = 1 << 40;

/// Real images that choose, as features of the built-in bank.
pub(crate) struct Judge {
    real: Gaussian,
    /// The labels to draw: those of the real images, as the generator takes them.
    labels: Vec<Vec<f32>>,
    manner: Manner,
    bank: Bank,
}

impl Judge {
    /// Of the collection's split [`SPLIT`]; `None` where it holds too few images of the learned grades.
    pub(crate) fn of(collection: &Collection, settings: &Settings) -> Result<Option<Self>> {
        let position = |row: &Row| settings.position(Label::of(row)?).ok();
        let rows = collection.split(SPLIT);
        let rows: Vec<_> = rows.iter().filter_map(|row| Some((*row, position(row)?))).collect();
        if rows.len() < LEAST {
            return Ok(None);
        }
        // Evenly over the manifest, which is in the order of grades.
        let count = rows.len().min(IMAGES);
        let chosen: Vec<(&Row, usize)> = (0..count).map(|i| rows[i * rows.len() / count]).collect();
        let bank = Bank::new();
        let side = settings.size as u32;
        let image = |(row, _): &(&Row, usize)| Ok(resize::square(&collection.load(row)?, side));
        let images = chosen.par_iter().map(image).collect::<Result<Vec<_>>>()?;
        let real = gaussian(&bank, &images).map_err(|e| Error::content(collection.root(), e.to_string()))?;
        let guidance = settings.sampling.guidance;
        let labels = chosen.iter().map(|(_, label)| settings.shares_at(*label, guidance)).collect();
        Ok(Some(Self { real, labels, manner: settings.sampling.into(), bank }))
    }

    /// The Frechet distance between the generator's images and the real ones, in the bank's space.
    pub(crate) fn distance(&self, generator: &Generator) -> f64 {
        let draw =
            |(i, label): (usize, &Vec<f32>)| model::draw(generator, label, SEEDS + i as u64, self.manner);
        let images: Vec<Image> = self.labels.par_iter().enumerate().map(draw).collect();
        // Images whose features are not finite are as far as can be: such a snapshot is never chosen.
        let found = gaussian(&self.bank, &images).and_then(|fake| frechet(&fake, &self.real));
        found.unwrap_or(f64::INFINITY)
    }
}

fn gaussian(bank: &Bank, images: &[Image]) -> std::result::Result<Gaussian, FeatureError> {
    let features =
        |image: &Image| bank.features(&image.to_unit(), image.width() as usize, image.height() as usize);
    let rows: Vec<Vec<f32>> = images.par_iter().map(features).collect();
    Gaussian::of(&Features::new(bank::WIDTH, rows.concat())?)
}
