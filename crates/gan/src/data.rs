//! The training images in memory, and which of them make up a batch.

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, resize};
use doppelray_measures::rng::{Purpose, Stream, stream};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::settings::Settings;

/// The images of one split, decoded once, at the size that is trained, one byte a pixel.
pub(crate) struct Data {
    /// Hash of the collection's manifest.
    pub(crate) hash: String,
    /// Images of each learned grade, in the order of the settings' grades.
    pub(crate) counts: Vec<usize>,
    size: usize,
    grades: Vec<Vec<Vec<u8>>>,
    shares: Vec<f64>,
}

/// Real images with the positions of their grades.
pub(crate) struct Batch {
    /// `[b, 1, s, s]` in -1..1.
    pub(crate) images: Tensor<4>,
    /// Positions among the settings' grades.
    pub(crate) grades: Vec<usize>,
}

/// The split that is trained on.
pub(crate) const SPLIT: &str = "train";

impl Data {
    /// Decodes the `train` split of a collection.
    pub(crate) fn read(collection: &Collection, settings: &Settings, listener: Listener) -> Result<Self> {
        let rows = collection.split(SPLIT);
        listener(Event::Begin { task: "reading images", total: rows.len() as u64, unit: "images" });
        let mut grades = vec![Vec::new(); settings.grades.len()];
        let read: Vec<(usize, Vec<u8>)> = rows
            .par_iter()
            .filter_map(|row| {
                let position = settings.grades.iter().position(|g| Some(*g) == row.grade)?;
                let image = collection.load(row).map(|image| bytes(&image, settings.size));
                listener(Event::Advance(1));
                Some(image.map(|image| (position, image)))
            })
            .collect::<Result<_, _>>()?;
        listener(Event::End);
        read.into_iter().for_each(|(position, image)| grades[position].push(image));
        let counts: Vec<usize> = grades.iter().map(Vec::len).collect();
        if let Some(empty) = counts.iter().position(|c| *c == 0) {
            let reason = format!(
                "the split `{SPLIT}` holds no image of grade {}; train the grades it holds with --grades",
                settings.grades[empty]
            );
            return Err(Error::content(collection.root(), reason));
        }
        let shares = counts.iter().map(|c| (*c as f64).powf(settings.balance)).collect();
        Ok(Self { hash: collection.hash(), counts, size: settings.size, grades, shares })
    }

    /// `count` images of noise of each grade.
    #[cfg(test)]
    pub(crate) fn of_noise(settings: &Settings, count: usize) -> Self {
        let area = settings.size * settings.size;
        let image = |index: usize| {
            let draws = stream(settings.seed, Purpose::Batch, index as u64).uniforms(area);
            draws.into_iter().map(|v| (v * 255.0) as u8).collect()
        };
        let grades: Vec<Vec<Vec<u8>>> = (0..settings.grades.len())
            .map(|grade| (0..count).map(|i| image(grade * count + i)).collect())
            .collect();
        let (counts, shares) = (vec![count; grades.len()], vec![1.0; grades.len()]);
        Self { hash: "noise".into(), counts, size: settings.size, grades, shares }
    }

    /// The real images of the `index`-th batch of a run with this seed.
    pub(crate) fn batch(&self, settings: &Settings, index: u64, device: &Device) -> Batch {
        self.draw(settings.batch, stream(settings.seed, Purpose::Batch, index), device)
    }

    /// `count` real images that stand for all, `[count, 1, s, s]`.
    pub(crate) fn some(&self, settings: &Settings, count: usize, device: &Device) -> Tensor<4> {
        self.draw(count, stream(settings.seed, Purpose::Batch, u64::MAX), device).images
    }

    fn draw(&self, count: usize, mut draws: Stream, device: &Device) -> Batch {
        let mut values = Vec::with_capacity(count * self.size * self.size);
        let mut grades = Vec::with_capacity(count);
        for _ in 0..count {
            let grade = draws.choose(&self.shares);
            let image = &self.grades[grade][draws.below(self.grades[grade].len())];
            values.extend(image.iter().copied().map(unit));
            grades.push(grade);
        }
        let data = TensorData::new(values, [count, 1, self.size, self.size]);
        Batch { images: Tensor::from_data(data, device), grades }
    }
}

/// An image at the size that is trained, in -1..1, as batches hold it.
pub(crate) fn pixels(image: &Image, size: usize) -> Vec<f32> {
    bytes(image, size).into_iter().map(unit).collect()
}

fn unit(byte: u8) -> f32 {
    f32::from(byte) * (2.0 / 255.0) - 1.0
}

fn bytes(image: &Image, size: usize) -> Vec<u8> {
    let side = size as u32;
    let values = if image.width() == side && image.height() == side {
        image.to_unit()
    } else {
        resize::square(image, side).to_unit()
    };
    values.into_iter().map(|v| (v * 255.0 + 0.5) as u8).collect()
}
