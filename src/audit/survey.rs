//! One pass over the synthetic images, block by block, past all real ones.

use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::audit::{Density, Nearest, Neighbour};
use doppelray_measures::rng::{Purpose, stream};

use super::Plan;
use super::linking::Half;
use super::look::{Looked, look};
use super::real::{Population, Real, Whitened, either, pictures};
use crate::spaces::Kept;

/// Synthetic images in memory at a time.
const BLOCK: usize = 4096;

/// What the pass found.
pub(super) struct Found {
    /// By each picture of the sketch, for each real row and then for each one mirrored: the synthetic images that come nearest.
    pub(super) near: [Vec<Vec<Neighbour>>; 2],
    pub(super) spaces: Vec<InSpace>,
    /// For each half of the subjects and each of its rows, the distance to the nearest synthetic image in its embedding.
    pub(super) linked: Vec<Vec<f64>>,
    /// Synthetic images drawn by lot, with the other synthetic images nearest to each.
    pub(super) sample: Vec<(usize, Vec<usize>)>,
}

impl Found {
    /// The synthetic images that may be copies of a real row (or, from `rows.len()` on, mirrored ones).
    pub(super) fn candidates(&self, row: usize) -> Vec<usize> {
        either(&self.near, row)
    }
}

/// What it found in one space, for each real row.
pub(super) struct InSpace {
    /// Squared distance to the nearest synthetic image.
    pub(super) nearest: Vec<f64>,
    /// Log density of the synthetic images.
    pub(super) density: Option<Vec<f64>>,
}

/// Those who wait for synthetic images to pass.
struct Waiting<'a> {
    sketches: [Nearest<'a>; 2],
    sample: [Nearest<'a>; 2],
    spaces: Vec<WaitingIn<'a>>,
    halves: Vec<(&'a Half, Nearest<'a>)>,
}

/// The same in one space.
struct WaitingIn<'a> {
    nearest: Nearest<'a>,
    density: Option<(&'a Whitened, Density<'a>)>,
}

impl<'a> WaitingIn<'a> {
    fn new(population: &'a Population) -> Self {
        let density = population.whitened.as_ref().map(|w| (w, Density::new(&w.features, w.bandwidth)));
        Self { nearest: Nearest::new(&population.features, 1), density }
    }
}

pub(super) fn survey(real: &Real, plan: &Plan, listener: Listener) -> anyhow::Result<Found> {
    let Plan { synthetic, settings, .. } = plan;
    let total = synthetic.rows.len();
    let mut lot: Vec<usize> = (0..total).collect();
    stream(settings.seed, Purpose::Calibration, 0).shuffle(&mut lot);
    lot.truncate(settings.duplicates_looked_for);
    listener(Event::Begin {
        task: "describing synthetic images",
        total: (total + lot.len()) as u64,
        unit: "images",
    });
    let found = pass(real, plan, &lot, listener);
    listener(Event::End);
    found
}

fn pass(real: &Real, plan: &Plan, lot: &[usize], listener: Listener) -> anyhow::Result<Found> {
    let Plan { synthetic, spaces, settings, kept, .. } = plan;
    let kept = Kept::open(&synthetic.collection, &synthetic.rows, spaces, *kept)?;
    let chosen: Vec<_> = lot.iter().map(|at| synthetic.rows[*at].clone()).collect();
    let sample = sketched(&look((&synthetic.collection, &chosen), &[], &kept, listener)?, real)?;
    let halves = real.linking.iter().flat_map(|linking| &linking.halves);
    let mut waiting = Waiting {
        sketches: real.sketches.each_ref().map(|sketches| Nearest::new(sketches, settings.candidates)),
        sample: sample.each_ref().map(|sample| Nearest::new(sample, settings.candidates)),
        spaces: real.spaces.iter().map(WaitingIn::new).collect(),
        halves: halves.map(|half| (half, Nearest::new(&half.fixed, 1))).collect(),
    };
    for block in synthetic.rows.chunks(BLOCK) {
        waiting.see(&look((&synthetic.collection, block), spaces, &kept, listener)?, real, lot)?;
    }
    let spaces = waiting.spaces.into_iter().map(|space| InSpace {
        nearest: space.nearest.found().iter().map(|n| n[0].squared).collect(),
        density: space.density.map(|(_, density)| density.logs()),
    });
    let repeated = waiting.sample.map(Nearest::found);
    Ok(Found {
        spaces: spaces.collect(),
        linked: waiting.halves.into_iter().map(|(_, nearest)| distances(nearest)).collect(),
        near: waiting.sketches.map(Nearest::found),
        sample: lot.iter().enumerate().map(|(i, at)| (*at, either(&repeated, i))).collect(),
    })
}

impl Waiting<'_> {
    fn see(&mut self, looked: &Looked, real: &Real, lot: &[usize]) -> anyhow::Result<()> {
        let sketches = sketched(looked, real)?;
        for ((own, sample), more) in self.sketches.iter_mut().zip(&mut self.sample).zip(&sketches) {
            own.see(more)?;
            sample.see_unless(more, &|a, b| lot[a] == b)?;
        }
        for (half, nearest) in &mut self.halves {
            let last = looked.features.last().expect("halves are of a space");
            nearest.see(&half.embedding.project(last)?)?;
        }
        for (space, features) in self.spaces.iter_mut().zip(&looked.features) {
            space.nearest.see(features)?;
            if let Some((whitened, density)) = &mut space.density
                && let Some(projected) = whitened.basis.project(features)?
            {
                density.see_unless(&projected, &|_, _| false)?;
            }
        }
        Ok(())
    }
}

/// Distances to the nearest.
fn distances(nearest: Nearest) -> Vec<f64> {
    nearest.found().iter().map(|n| n[0].squared.sqrt()).collect()
}

fn sketched(looked: &Looked, real: &Real) -> anyhow::Result<[Features; 2]> {
    pictures(&real.frame, looked.sketches.iter())
}
