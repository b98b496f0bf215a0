//! Synthetic collections: one image a seed, each a function of (model, grade, seed) alone.

use std::path::Path;
use std::str::FromStr;

use doppelray_images::collection::{About, Begun, Writer};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Row, Side};
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::label::Label;
use crate::model::{Manner, Model};

/// In which proportion grades are drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Mix {
    /// As often as among the training images.
    AsTrained,
    /// Each as often.
    Even,
    /// With these weights, in the order of the grades.
    Weights(Vec<f64>),
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "as-trained" => Ok(Self::AsTrained),
            "even" => Ok(Self::Even),
            list => {
                let weights: Result<Vec<f64>, _> = list.split(',').map(str::parse).collect();
                let sound =
                    |w: &Vec<f64>| w.iter().all(|w| *w >= 0.0 && w.is_finite()) && w.iter().any(|w| *w > 0.0);
                weights.ok().filter(sound).map(Self::Weights).ok_or_else(|| {
                    format!("`{list}` is not as-trained, even, or weights like 0.4,0.2,0.2,0.1,0.1")
                })
            }
        }
    }
}

/// One image to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// What it is drawn from.
    pub seed: u64,
    /// Its grade.
    pub grade: u8,
    /// Its side, where the model learned sides.
    pub side: Option<Side>,
}

impl Draw {
    /// Of a model: the side wanted, or where none is, one by the seed's lot; none where the model learned none.
    pub fn new(model: &Model, seed: u64, grade: u8, wanted: Option<Side>) -> Self {
        let lot = || Side::BOTH[stream(seed, Purpose::SampleSide, 0).below(Side::BOTH.len())];
        let side = model.header.settings.side.then(|| wanted.unwrap_or_else(lot));
        Self { seed, grade, side }
    }
}

/// Which images are drawn.
pub struct Order {
    /// The seeds, first and last.
    pub seeds: [u64; 2],
    /// The grades, ascending.
    pub grades: Vec<u8>,
    /// Their proportion.
    pub mix: Mix,
    /// The side, of a model that learned sides; both where none is given.
    pub side: Option<Side>,
    /// Which part of the seeds, counted from 1, and of how many: shard i takes every seed that leaves i - 1.
    pub shard: [u64; 2],
}

impl Order {
    /// The images of its seeds, the grade of each drawn by its seed.
    pub fn draws(&self, model: &Model) -> Result<Vec<Draw>> {
        let weights = weights(model, self).map_err(|reason| Error::Setting(format!("grades: {reason}")))?;
        if self.side.is_some() && !model.header.settings.side {
            return Err(Error::Setting(
                "side: the model learned none; train one with --set side=true".into(),
            ));
        }
        let [part, parts] = self.shard;
        let seeds = (self.seeds[0]..=self.seeds[1]).filter(|seed| seed % parts == part - 1);
        let grade = |seed| self.grades[stream(seed, Purpose::SampleGrade, 0).choose(&weights)];
        Ok(seeds.map(|seed| Draw::new(model, seed, grade(seed), self.side)).collect())
    }
}

/// Draws a collection: one image a forward pass, images in parallel.
pub fn sample(
    model: &Model,
    draws: &[Draw],
    manner: Manner,
    (about, out): (About, &Path),
    listener: Listener,
) -> Result<Collection> {
    let writer = match Writer::begin(out, about)? {
        Begun::Open(writer) => writer,
        Begun::Finished(collection) => return Ok(collection),
    };
    listener(Event::Begin { task: "drawing", total: draws.len() as u64, unit: "images" });
    let rows = draws
        .par_iter()
        .map(|draw| {
            let row = row(draw);
            let row = match writer.found(&row) {
                Some(found) => found,
                None => {
                    let label = Label { grade: f64::from(draw.grade), side: draw.side };
                    writer.put(row, &model.draw(label, draw.seed, manner).map_err(Error::Setting)?)?
                }
            };
            listener(Event::Advance(1));
            Ok(row)
        })
        .collect::<Result<Vec<Row>>>()?;
    listener(Event::End);
    Ok(writer.finish(rows)?)
}

fn row(&Draw { seed, grade, side }: &Draw) -> Row {
    let id = format!("s{seed:07}");
    Row {
        file: Writer::place("synthetic", Some(grade), &id),
        id,
        subject: None,
        side,
        grade: Some(grade),
        split: "synthetic".to_owned(),
        seed: Some(seed),
        sha256: String::new(),
        flags: String::new(),
    }
}

fn weights(model: &Model, order: &Order) -> Result<Vec<f64>, String> {
    let learned = &model.header.settings.grades;
    let place = |grade: &u8| {
        learned
            .iter()
            .position(|g| g == grade)
            .ok_or_else(|| format!("the model learned {learned:?}, not {grade}"))
    };
    let places: Vec<usize> = order.grades.iter().map(place).collect::<Result<_, _>>()?;
    match &order.mix {
        Mix::AsTrained => Ok(places.iter().map(|p| model.header.counts[*p] as f64).collect()),
        Mix::Even => Ok(vec![1.0; places.len()]),
        Mix::Weights(w) if w.len() == places.len() => Ok(w.clone()),
        Mix::Weights(w) => Err(format!("{} weights in --mix for {} grades", w.len(), places.len())),
    }
}
