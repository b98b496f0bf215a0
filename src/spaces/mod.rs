//! Feature spaces: what turns an image into numbers that measures compare.

mod cache;
mod given;
mod onnx;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use doppelray_gan::describer::{Describer, KNOWN};
use doppelray_gan::pretrained::{PICKLED, SIDE};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, Row, resize};
use doppelray_measures::Features;
use doppelray_measures::bank::{self, Bank};
use doppelray_measures::compare::{Comparison, Measure};
use doppelray_measures::estimate::Estimate;
use doppelray_measures::radial::{self, Radial};
use doppelray_measures::radiomics;
use rayon::prelude::*;

use self::cache::Cache;
use self::given::Matrix;
use crate::console::Usage;
use crate::report::evaluate::FileHash;
use crate::report::seal::hex;
use crate::sets::Set;

/// A feature space with its name in reports.
pub(crate) struct Space {
    pub(crate) name: String,
    /// Of the network that makes it, where one does.
    pub(crate) weights: Option<FileHash>,
    source: Source,
}

enum Source {
    Bank(Box<Bank>),
    Pretrained(Describer),
    /// The same network's maps halfway, for graders.
    Fine(Describer),
    Radial(Box<Radial>),
    Radiomics,
    /// Someone else's network.
    Onnx(Box<onnx::Network>),
    /// Computed by someone else: of real images, of synthetic ones.
    Given(Box<[(Matrix, FileHash); 2]>),
}

/// Which of the two sets is described.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    Real,
    Synthetic,
}

impl Space {
    /// The built-in bank.
    pub(crate) fn bank() -> Self {
        Self { name: "bank".to_owned(), weights: None, source: Source::Bank(Box::new(Bank::new())) }
    }

    /// Radial spectra of images of `size` pixels a side.
    pub(crate) fn radial(size: u32) -> Self {
        let source = Source::Radial(Box::new(Radial::new(size as usize)));
        Self { name: "spectrum".to_owned(), weights: None, source }
    }

    fn radiomics() -> Self {
        Self { name: "radiomics".to_owned(), weights: None, source: Source::Radiomics }
    }

    /// The one that graders want of what is named: the bank, or of a file of a known network's weights the maps that tell
    /// grades apart best.
    pub(crate) fn grading(name: &str) -> anyhow::Result<Self> {
        if name == "bank" {
            return Ok(Self::bank());
        }
        let space = Self::from_weights(name)?;
        let source = match space.source {
            Source::Pretrained(network) => Source::Fine(network),
            other => other,
        };
        Ok(Self { source, ..space })
    }

    /// The bank and what was asked for besides, each once: `bank`, `radiomics`, a file of a known network's weights, any ONNX
    /// network, or `NAME=REAL,SYNTHETIC`, files of features.
    pub(crate) fn all(asked: &[String]) -> anyhow::Result<Vec<Self>> {
        let mut spaces = vec![Self::bank()];
        for name in asked.iter().filter(|name| *name != "bank") {
            let space = match (name.as_str(), name.split_once('=')) {
                ("radiomics", _) => Self::radiomics(),
                (_, Some((name, files))) => Self::given(name, files)?,
                (name, None) => Self::from_weights(name)?,
            };
            if spaces.iter().any(|s| s.name == space.name) {
                return Err(Usage(format!(
                    "--features {name}: a space named {} is there already",
                    space.name
                ))
                .into());
            }
            spaces.push(space);
        }
        Ok(spaces)
    }

    fn from_weights(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        let (source, hash) = match path.extension().and_then(|e| e.to_str()) {
            Some(ending) if ending == "safetensors" || PICKLED.contains(&ending) => {
                let network = Describer::read(path, &Default::default())?;
                let hash = network.hash().to_owned();
                (Source::Pretrained(network), hash)
            }
            Some("onnx") => {
                let network = onnx::Network::read(path)?;
                let hash = network.hash.clone();
                (Source::Onnx(Box::new(network)), hash)
            }
            _ => {
                let reason = format!(
                    "--features {name}: neither `bank` nor `radiomics` nor a .safetensors or .pth file ({KNOWN}) nor an .onnx file nor \
                     NAME=REAL.npy,SYNTHETIC.npy"
                );
                return Err(Usage(reason).into());
            }
        };
        let weights = Some(FileHash { file: name.to_owned(), sha256: hash });
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name: stem, weights, source })
    }

    fn given(name: &str, files: &str) -> anyhow::Result<Self> {
        let Some((real, synthetic)) = files.split_once(',').filter(|_| !name.is_empty()) else {
            return Err(Usage(format!(
                "--features {name}={files}: two files are needed, NAME=REAL,SYNTHETIC"
            ))
            .into());
        };
        let read = |file: &str| {
            let (matrix, bytes) = given::read(Path::new(file))?;
            anyhow::Ok((matrix, FileHash { file: file.to_owned(), sha256: hex(&bytes) }))
        };
        let sides = [read(real)?, read(synthetic)?];
        let [a, b] = sides.each_ref().map(|(matrix, _)| matrix.width);
        if a != b {
            bail!("{real} holds {a} features an image, {synthetic} {b}; give both of one network");
        }
        Ok(Self { name: name.to_owned(), weights: None, source: Source::Given(Box::new(sides)) })
    }

    /// The files that it rests on: a network's weights, or the features themselves.
    pub(crate) fn files(&self) -> Vec<FileHash> {
        match &self.source {
            Source::Given(sides) => sides.iter().map(|(_, file)| file.clone()).collect(),
            _ => self.weights.iter().cloned().collect(),
        }
    }

    /// What it is, for a reader.
    pub(crate) fn about(&self) -> String {
        match &self.source {
            Source::Bank(_) => format!(
                "A fixed bank of statistics ({}): brightness, contrast, oriented energies at three scales, spectrum, quantiles.",
                bank::VERSION
            ),
            Source::Pretrained(network) => {
                format!("{} by the weights named below: {}.", network.name(), network.layer())
            }
            Source::Fine(network) => {
                format!("{} by the weights named below: {}.", network.name(), network.fine_layers())
            }
            Source::Onnx(_) => "The first output of the ONNX network named below.".to_owned(),
            Source::Radial(_) => "Power by spatial frequency.".to_owned(),
            Source::Radiomics => format!(
                "Radiomics ({}): first-order statistics and texture by the definitions of the IBSI, each in deviations of the real images; \
                 one that does not vary among these counts for nothing.",
                radiomics::VERSION
            ),
            Source::Given(_) => "Features that were computed elsewhere, in the files named below.".to_owned(),
        }
    }

    /// Whether a network makes it.
    pub(crate) fn is_learned(&self) -> bool {
        matches!(self.source, Source::Pretrained(_) | Source::Fine(_) | Source::Onnx(_) | Source::Given(_))
    }

    /// Features an image.
    pub(crate) fn width(&self) -> usize {
        match &self.source {
            Source::Bank(_) => bank::WIDTH,
            Source::Pretrained(network) => network.width(),
            Source::Fine(network) => network.fine_width(),
            Source::Radial(radial) => radial.width(),
            Source::Radiomics => radiomics::names().len(),
            Source::Onnx(network) => network.width(),
            Source::Given(sides) => sides[0].0.width,
        }
    }

    /// Both sets as they are compared: radiomics have units of their own, and are taken in deviations of the real images.
    pub(crate) fn scaled<'a>(
        &self,
        [real, synthetic]: [&'a Features; 2],
    ) -> anyhow::Result<[Cow<'a, Features>; 2]> {
        Ok(match self.source {
            Source::Radiomics => {
                [Cow::Owned(real.standardised_by(real)?), Cow::Owned(synthetic.standardised_by(real)?)]
            }
            _ => [Cow::Borrowed(real), Cow::Borrowed(synthetic)],
        })
    }

    /// What radiomics' distance is published as.
    pub(crate) fn frechet_radiomics(&self, of: &Comparison) -> Option<Estimate> {
        let distance = of.measures[Measure::Frechet].filter(|_| matches!(self.source, Source::Radiomics))?;
        distance.through(radiomics::frechet_radiomics)
    }

    /// Names what an image's features depend on besides the image; nothing where they are not computed here.
    fn key(&self) -> Option<String> {
        match &self.source {
            Source::Bank(_) => Some(bank::VERSION.to_owned()),
            Source::Pretrained(network) => Some(format!("network-2-{}", &network.hash()[..16])),
            Source::Fine(network) => Some(format!("fine-1-{}", &network.hash()[..16])),
            Source::Radial(radial) => Some(format!("{}-{}", radial::VERSION, radial.width())),
            Source::Radiomics => Some(radiomics::VERSION.to_owned()),
            Source::Onnx(network) => Some(format!("onnx-1-{}", &network.key[..16])),
            Source::Given(_) => None,
        }
    }

    /// Names files of its features: other weights, another name.
    pub(crate) fn file_stem(&self) -> String {
        self.key().unwrap_or_else(|| self.name.clone())
    }

    /// The features of one image; nothing where they were given.
    pub(crate) fn describe(&self, image: &Image) -> Vec<f32> {
        match &self.source {
            Source::Bank(bank) => {
                bank.features(&image.to_unit(), image.width() as usize, image.height() as usize)
            }
            Source::Pretrained(network) => network.features(resize::square(image, SIDE as u32).to_unit()),
            Source::Fine(network) => network.fine(resize::square(image, SIDE as u32).to_unit()),
            Source::Radial(radial) => radial.profile(&image.to_unit()),
            Source::Radiomics => {
                let features = radiomics::features(&image.to_unit(), image.width() as usize);
                features.into_iter().map(|v| v as f32).collect()
            }
            Source::Onnx(network) => network.describe(image),
            Source::Given(_) => Vec::new(),
        }
    }
}

/// What is kept of some spaces beside a collection.
pub(crate) struct Kept(Vec<Option<Cache>>);

impl Kept {
    /// Opens it for whoever describes images as they pass. With `whole`, fails where a space lacks one of the images.
    pub(crate) fn open(
        collection: &Collection,
        rows: &[Row],
        spaces: &[Space],
        whole: bool,
    ) -> anyhow::Result<Self> {
        let caches = open(collection.root(), &spaces.iter().collect::<Vec<_>>(), None)?;
        if whole {
            complain(collection.root(), &missing(rows, &caches))?;
        }
        Ok(Self(caches))
    }

    /// An image's features in the space at a place.
    pub(crate) fn get(&self, space: usize, row: &Row) -> Option<&[f32]> {
        self.0[space].as_ref()?.get(&row.sha256)
    }
}

/// Features of each space, in order. What was computed before is taken from beside the collection; the other images
/// are decoded once and described in parallel, unless `kept` forbids that.
pub(crate) fn describe(
    set: &Set,
    which: Which,
    spaces: &[&Space],
    (kept, listener): (bool, Listener),
) -> anyhow::Result<Vec<Features>> {
    let root = set.collection.root();
    let mut caches = open(root, spaces, None)?;
    let missing = missing(&set.rows, &caches);
    if kept {
        complain(root, &missing)?;
    }
    complete(set, &missing, spaces, &mut caches, listener)?;
    let units = set.units();
    let features = spaces.iter().zip(&caches).map(|(space, cache)| {
        let values = match (&space.source, cache) {
            (Source::Given(sides), _) => chosen(set, &sides[which as usize])?,
            (_, cache) => {
                let row = |row: &Row| cache.as_ref().and_then(|cache| cache.get(&row.sha256));
                set.rows.iter().filter_map(row).flatten().copied().collect()
            }
        };
        let features = Features::new(space.width(), values).and_then(|f| f.with_units(units.clone()));
        features.with_context(|| match &space.source {
            Source::Given(sides) => format!("{}: for {}", sides[which as usize].1.file, root.display()),
            _ => format!("{}: in the space {}", root.display(), space.name),
        })
    });
    features.collect()
}

/// Describes every `n`-th image from the `i`-th on and keeps that for whoever compares; how many images that were.
pub(crate) fn describe_shard(
    set: &Set,
    spaces: &[&Space],
    [i, n]: [u64; 2],
    listener: Listener,
) -> anyhow::Result<usize> {
    let mut caches = open(set.collection.root(), spaces, Some([i, n]))?;
    let rows: Vec<Row> = set.rows.iter().skip(i as usize - 1).step_by(n as usize).cloned().collect();
    let missing = missing(&rows, &caches);
    complete(set, &missing, spaces, &mut caches, listener)?;
    Ok(rows.len())
}

/// What is kept of each space.
fn open(root: &Path, spaces: &[&Space], shard: Option<[u64; 2]>) -> anyhow::Result<Vec<Option<Cache>>> {
    let of =
        |space: &&Space| space.key().map(|key| Cache::open(root, &key, space.width(), shard)).transpose();
    spaces.iter().map(of).collect()
}

fn lacks(cache: &Option<Cache>, row: &Row) -> bool {
    cache.as_ref().is_some_and(|cache| cache.get(&row.sha256).is_none())
}

/// The rows that a cache lacks.
fn missing<'a>(rows: &'a [Row], caches: &[Option<Cache>]) -> Vec<&'a Row> {
    rows.iter().filter(|row| caches.iter().any(|cache| lacks(cache, row))).collect()
}

/// The error that features which had to be kept are not.
fn complain(root: &Path, missing: &[&Row]) -> anyhow::Result<()> {
    if let Some(first) = missing.first() {
        bail!(
            "{}: features of {} images are not kept, the first {}; run the shards that are missing, or leave --kept out",
            root.display(),
            missing.len(),
            first.file
        );
    }
    Ok(())
}

/// Describes the images that a cache lacks, and keeps what is new.
fn complete(
    set: &Set,
    missing: &[&Row],
    spaces: &[&Space],
    caches: &mut [Option<Cache>],
    listener: Listener,
) -> anyhow::Result<()> {
    if !missing.is_empty() {
        listener(Event::Begin { task: "describing images", total: missing.len() as u64, unit: "images" });
    }
    let image = |row: &&Row| {
        let image = set.collection.load(row)?;
        let wanted = (0..spaces.len()).filter(|at| lacks(&caches[*at], row));
        let described: Vec<(usize, Vec<f32>)> = wanted.map(|at| (at, spaces[at].describe(&image))).collect();
        listener(Event::Advance(1));
        anyhow::Ok(described)
    };
    let described = missing.par_iter().map(image).collect::<anyhow::Result<Vec<_>>>();
    if !missing.is_empty() {
        listener(Event::End);
    }
    for (row, features) in missing.iter().zip(described?) {
        for (at, features) in features {
            caches[at].iter_mut().for_each(|cache| cache.insert(&row.sha256, features.clone()));
        }
    }
    // Those of shards are joined, whether anything is new or not.
    for error in caches.iter().flatten().filter_map(|cache| cache.keep().err()) {
        let place = set.collection.root().display();
        listener(Event::Note(format!("{place}: features are not kept for the next time ({error})")));
    }
    Ok(())
}

/// The rows of given features that belong to a set: of a file for the whole collection, or for the set alone.
fn chosen(set: &Set, (matrix, file): &(Matrix, FileHash)) -> anyhow::Result<Vec<f32>> {
    let file = &file.file;
    let all = set.collection.rows();
    if matrix.rows == set.rows.len() {
        return Ok(matrix.values.clone());
    }
    if matrix.rows != all.len() {
        bail!(
            "{file}: holds features of {} images, but {} has {} in its manifest and {} are compared; give a row for each, in \
             the manifest's order",
            matrix.rows,
            set.collection.root().display(),
            all.len(),
            set.rows.len()
        );
    }
    let places: BTreeMap<&str, usize> =
        all.iter().enumerate().map(|(at, row)| (row.id.as_str(), at)).collect();
    let row = |row: &Row| {
        let at = places[row.id.as_str()];
        &matrix.values[at * matrix.width..(at + 1) * matrix.width]
    };
    Ok(set.rows.iter().flat_map(row).copied().collect())
}
