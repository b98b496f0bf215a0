//! The training images, decoded once, and which of them make up a batch.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, Row, resize};
use doppelray_measures::rng::{Purpose, Stream, stream};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::label::Label;
use crate::settings::Settings;

/// The images of one split, decoded once, at the size that is trained, one byte a pixel.
pub(crate) struct Data {
    /// Hash of the collection's manifest.
    pub(crate) hash: String,
    /// Images of each learned grade, in the order of the settings' grades.
    pub(crate) counts: Vec<usize>,
    size: usize,
    pixels: Pixels,
    /// Positions among the images, by grade.
    grades: Vec<Vec<usize>>,
    /// Positions among the settings' labels, an image each.
    labels: Vec<usize>,
    shares: Vec<f64>,
}

/// Where decoded images wait, one after the other.
enum Pixels {
    Memory(Vec<u8>),
    /// A file without a name, which goes with the process; the system keeps in memory what fits.
    File(Mutex<File>),
}

/// What decoded images may take of the memory, and where they wait if that is too little.
#[derive(Clone, Copy)]
pub(crate) struct Room<'a> {
    /// In bytes.
    pub(crate) memory: u64,
    pub(crate) folder: &'a Path,
}

/// Real images with their labels.
pub(crate) struct Batch {
    /// `[b, 1, s, s]` in -1..1.
    pub(crate) images: Tensor<4>,
    /// Positions among the settings' labels.
    pub(crate) labels: Vec<usize>,
}

impl Pixels {
    /// `count` images of `area` bytes.
    fn decoded(
        count: usize,
        area: usize,
        room: Room,
        load: &(dyn Fn(usize) -> Result<Vec<u8>> + Sync),
    ) -> Result<Self> {
        if (count * area) as u64 <= room.memory {
            let mut all = vec![0; count * area];
            let fill = |(at, place): (usize, &mut [u8])| load(at).map(|image| place.copy_from_slice(&image));
            all.par_chunks_mut(area).enumerate().try_for_each(fill)?;
            return Ok(Self::Memory(all));
        }
        let unwritten = || Error::unwritten(room.folder);
        let file = Mutex::new(tempfile::tempfile_in(room.folder).map_err(unwritten())?);
        let write = |at: usize| {
            let image = load(at)?;
            seek(&file, at * area).and_then(|mut file| file.write_all(&image)).map_err(unwritten())
        };
        (0..count).into_par_iter().try_for_each(write)?;
        Ok(Self::File(file))
    }

    fn image(&self, at: usize, area: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Memory(all) => Cow::Borrowed(&all[at * area..(at + 1) * area]),
            Self::File(file) => {
                let mut image = vec![0; area];
                let read = seek(file, at * area).and_then(|mut file| file.read_exact(&mut image));
                read.expect("a file that nobody else can name");
                Cow::Owned(image)
            }
        }
    }
}

/// The file at a place, for as long as it is held.
fn seek(file: &Mutex<File>, place: usize) -> io::Result<MutexGuard<'_, File>> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.seek(SeekFrom::Start(place as u64))?;
    Ok(file)
}

impl Batch {
    /// A part of it.
    pub(crate) fn part(&self, part: &Range<usize>) -> Self {
        Self { images: self.images.clone().slice(part.clone()), labels: self.labels[part.clone()].to_vec() }
    }
}

/// The split that is trained on.
pub(crate) const SPLIT: &str = "train";

impl Data {
    /// Decodes the `train` split of a collection.
    pub(crate) fn read(
        collection: &Collection,
        settings: &Settings,
        room: Room,
        listener: Listener,
    ) -> Result<Self> {
        let position = |row: &Row| settings.position(Label::of(row)?).ok();
        let rows: Vec<(usize, &Row)> =
            collection.split(SPLIT).into_iter().filter_map(|row| Some((position(row)?, row))).collect();
        let sideless = rows.iter().map(|(_, row)| *row).filter(|row| settings.side && row.side.is_none());
        let sideless: Vec<&Row> = sideless.collect();
        if let Some(first) = sideless.first() {
            let reason = format!(
                "{} images of the split `{SPLIT}` have no side, the first is `{}`; import them with it, or train without `side`",
                sideless.len(),
                first.id
            );
            return Err(Error::content(collection.root(), reason));
        }
        let labels: Vec<usize> = rows.iter().map(|(label, _)| *label).collect();
        let mut grades = vec![Vec::new(); settings.grades.len()];
        labels.iter().enumerate().for_each(|(at, label)| grades[settings.grade_of(*label)].push(at));
        let counts: Vec<usize> = grades.iter().map(Vec::len).collect();
        if let Some(empty) = counts.iter().position(|c| *c == 0) {
            let reason = format!(
                "the split `{SPLIT}` holds no image of grade {}; train the grades it holds with --grades",
                settings.grades[empty]
            );
            return Err(Error::content(collection.root(), reason));
        }
        listener(Event::Begin { task: "reading images", total: rows.len() as u64, unit: "images" });
        let load = |at: usize| {
            let image = collection.load(rows[at].1).map(|image| bytes(&image, settings.size));
            listener(Event::Advance(1));
            Ok(image?)
        };
        let pixels = Pixels::decoded(rows.len(), settings.size * settings.size, room, &load);
        listener(Event::End);
        let shares = counts.iter().map(|c| (*c as f64).powf(settings.balance)).collect();
        Ok(Self {
            hash: collection.hash(),
            counts,
            size: settings.size,
            pixels: pixels?,
            grades,
            labels,
            shares,
        })
    }

    /// `count` images of noise of each grade.
    #[cfg(test)]
    pub(crate) fn of_noise(settings: &Settings, count: usize) -> Self {
        let area = settings.size * settings.size;
        let image = |index: usize| {
            let draws = stream(settings.seed, Purpose::Batch, index as u64).uniforms(area);
            draws.into_iter().map(|v| (v * 255.0) as u8)
        };
        let grades: Vec<Vec<usize>> =
            (0..settings.grades.len()).map(|grade| (grade * count..(grade + 1) * count).collect()).collect();
        let pixels = Pixels::Memory((0..grades.len() * count).flat_map(image).collect());
        let (counts, shares) = (vec![count; grades.len()], vec![1.0; grades.len()]);
        let labels = (0..grades.len() * count).map(|at| at / count).collect();
        Self { hash: "noise".into(), counts, size: settings.size, pixels, grades, labels, shares }
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
        let mut labels = Vec::with_capacity(count);
        for _ in 0..count {
            let grade = draws.choose(&self.shares);
            let at = self.grades[grade][draws.below(self.grades[grade].len())];
            values.extend(self.pixels.image(at, self.size * self.size).iter().copied().map(unit));
            labels.push(self.labels[at]);
        }
        let data = TensorData::new(values, [count, 1, self.size, self.size]);
        Batch { images: Tensor::from_data(data, device), labels }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_same_from_memory_and_from_a_file_that_leaves_nothing() {
        let (folder, area) = (tempfile::tempdir().unwrap(), 9);
        let load = |at: usize| Ok(vec![at as u8; 9]);
        let room = |memory| Room { memory, folder: folder.path() };
        let [memory, file] = [90, 89].map(|most| Pixels::decoded(10, area, room(most), &load).unwrap());
        assert!(matches!((&memory, &file), (Pixels::Memory(_), Pixels::File(_))));
        for at in 0..10 {
            assert_eq!(memory.image(at, area), vec![at as u8; area]);
            assert_eq!(memory.image(at, area), file.image(at, area));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let full = |_: usize| Err(Error::Setting("no image".into()));
        assert!(Pixels::decoded(10, area, room(0), &full).is_err());
    }
}
