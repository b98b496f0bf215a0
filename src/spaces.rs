//! Feature spaces: what turns an image into numbers that measures compare.

use std::path::Path;

use anyhow::Context;
use doppelray_gan::squeezenet::{self, SqueezeNet};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Image, resize};
use doppelray_measures::Features;
use doppelray_measures::bank::{self, Bank};
use rayon::prelude::*;

use crate::console::Usage;
use crate::report::evaluate::FileHash;
use crate::sets::Set;

/// A feature space with its name in reports.
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) weights: Option<FileHash>,
    network: Network,
}

enum Network {
    Bank(Bank),
    SqueezeNet(Box<SqueezeNet>),
}

impl Space {
    /// The built-in bank.
    pub(crate) fn bank() -> Self {
        Self { name: "bank".to_owned(), weights: None, network: Network::Bank(Bank::new()) }
    }

    /// The bank and what was asked for besides, each once: `bank`, or a file of SqueezeNet 1.1's weights.
    pub(crate) fn all(asked: &[String]) -> anyhow::Result<Vec<Self>> {
        let mut spaces = vec![Self::bank()];
        for name in asked.iter().filter(|name| *name != "bank") {
            let space = Self::from_file(name)?;
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

    fn from_file(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        if path.extension().is_none_or(|e| e != "safetensors") {
            let reason = format!(
                "--features {name}: neither `bank` nor a .safetensors file of SqueezeNet 1.1's weights"
            );
            return Err(Usage(reason).into());
        }
        let network = SqueezeNet::read(path, &Default::default())?;
        let weights = FileHash { file: name.to_owned(), sha256: network.hash().to_owned() };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name: stem, weights: Some(weights), network: Network::SqueezeNet(Box::new(network)) })
    }

    /// What it is, for a reader.
    pub(crate) fn about(&self) -> String {
        match self.network {
            Network::Bank(_) => format!(
                "A fixed bank of statistics ({}): brightness, contrast, oriented energies at three scales, spectrum, quantiles.",
                bank::VERSION
            ),
            Network::SqueezeNet(_) => {
                "SqueezeNet 1.1 by the weights named below: the mean over space of its last fire module."
                    .to_owned()
            }
        }
    }

    /// Features an image.
    pub(crate) fn width(&self) -> usize {
        match self.network {
            Network::Bank(_) => bank::WIDTH,
            Network::SqueezeNet(_) => squeezenet::WIDTH,
        }
    }

    fn describe(&self, image: &Image) -> Vec<f32> {
        match &self.network {
            Network::Bank(bank) => {
                bank.features(&image.to_unit(), image.width() as usize, image.height() as usize)
            }
            Network::SqueezeNet(network) => {
                network.features(resize::square(image, squeezenet::SIDE as u32).to_unit())
            }
        }
    }
}

/// Decodes each image once and describes it in every space, images in parallel: features of each space, in order.
pub(crate) fn describe(set: &Set, spaces: &[Space], listener: Listener) -> anyhow::Result<Vec<Features>> {
    let total = set.rows.len() as u64;
    listener(Event::Begin { task: "describing images", total, unit: "images" });
    let image = |row| {
        let image = set.collection.load(row)?;
        let described: Vec<Vec<f32>> = spaces.iter().map(|space| space.describe(&image)).collect();
        listener(Event::Advance(1));
        anyhow::Ok(described)
    };
    let rows = set.rows.par_iter().map(image).collect::<anyhow::Result<Vec<_>>>();
    listener(Event::End);
    let rows = rows?;
    let units = set.units();
    let features = spaces.iter().enumerate().map(|(at, space)| {
        let values = rows.iter().flat_map(|spaces| &spaces[at]).copied().collect();
        let features = Features::new(space.width(), values).and_then(|f| f.with_units(units.clone()));
        features.with_context(|| format!("{}: in the space {}", set.collection.root().display(), space.name))
    });
    features.collect()
}
