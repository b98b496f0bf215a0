//! A classifier that `doppelray utility` left, ready to judge images.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use doppelray_gan::classifier::{About, Basis, Kept, Tuned};
use doppelray_gan::pretrained::SIDE;
use doppelray_images::{Image, resize};
use doppelray_measures::classify::{GRADES, Grader};

use crate::spaces::Space;

/// What a head's weights are called in its file.
pub(crate) const HEAD: &str = "head.weight";

/// A classifier and what its file says of it.
pub(crate) struct Classifier {
    pub(crate) about: About,
    judge: Judge,
}

enum Judge {
    Whole(Tuned),
    Head(Grader, Box<Space>),
}

impl Classifier {
    /// Reads a classifier's file; a head on a network's features needs that network's weights as well.
    pub(crate) fn open(path: &Path, features: Option<&str>) -> anyhow::Result<Self> {
        let Kept { about, parameters } = Kept::read(path)?;
        let place = || path.display().to_string();
        let judge = match &about.basis {
            Basis::Whole { architecture } => {
                let tuned = Tuned::restored(*architecture, about.task, about.temperature, &parameters);
                Judge::Whole(tuned.map_err(anyhow::Error::msg).with_context(place)?)
            }
            Basis::Head { space, weights } => {
                let found = match (weights, features) {
                    (None, None | Some("bank")) => Space::bank(),
                    (Some(_), Some(file)) => Space::grading(file)?,
                    (None, Some(_)) => bail!("{}: rests on the built-in bank; leave --features out", place()),
                    (Some(hash), None) => {
                        bail!(
                            "{}: rests on a network's features; give its weights, the file of SHA-256 {hash}, by --features",
                            place()
                        )
                    }
                };
                ensure!(
                    found.file_stem() == *space,
                    "{}: rests on the features `{space}` and those given are `{}`; give the weights file{} by --features, to the version of \
                     doppelray that made it ({})",
                    place(),
                    found.file_stem(),
                    weights.as_ref().map_or_else(String::new, |hash| format!(" of SHA-256 {hash}")),
                    about.made_by
                );
                let head = parameters.get(HEAD).map(|array| array.values.clone());
                let grader = head.and_then(|w| Grader::of(about.task, found.width(), w, about.temperature));
                let grader = grader.with_context(|| {
                    format!("{}: holds no `{HEAD}` of {} features", place(), found.width())
                })?;
                Judge::Head(grader, Box::new(found))
            }
        };
        Ok(Self { about, judge })
    }

    /// What it rests on, in words.
    pub(crate) fn basis(&self) -> String {
        match &self.judge {
            Judge::Whole(network) => format!("{}, trained whole", network.architecture().name()),
            Judge::Head(_, space) => format!("a linear head on {}", space.name),
        }
    }

    /// Probabilities of the answers for an image.
    pub(crate) fn judge(&self, image: &Image) -> [f64; GRADES] {
        match &self.judge {
            Judge::Whole(network) => network.judge(&[shown(image)])[0],
            Judge::Head(grader, space) => grader.judge(&space.describe(image)),
        }
    }

    /// The answer that probabilities are: a grade, or for the binary question 0 or 1.
    pub(crate) fn decide(&self, probabilities: &[f64; GRADES]) -> usize {
        self.about.task.decide(probabilities)
    }
}

/// An image as networks are shown it: values in 0..1 at their size.
pub(crate) fn shown(image: &Image) -> Vec<f32> {
    resize::square(image, SIDE as u32).to_unit()
}
