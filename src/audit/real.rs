//! What is known of the real images before a synthetic one is seen.

use doppelray_images::copies::{Frame, Sketch, WIDTHS};
use doppelray_images::progress::{Event, Listener};
use doppelray_measures::Features;
use doppelray_measures::audit::density::bandwidth;
use doppelray_measures::audit::{Basis, Density, Nearest, Neighbour};

use super::Plan;
use super::linking::Linking;
use super::look::look;
use super::people::People;
use crate::report::audit::Settings;
use crate::spaces::Kept;

/// The real images as numbers.
pub(super) struct Real {
    /// What all sketches have in common.
    pub(super) frame: Frame,
    /// Both pictures of all rows' sketches, then of all rows mirrored.
    pub(super) sketches: [Features; 2],
    pub(super) spaces: Vec<Population>,
    /// Who is who, in the last space; absent where too few subjects have two images.
    pub(super) linking: Option<Linking>,
}

/// The real images in one space.
pub(super) struct Population {
    pub(super) features: Features,
    /// Squared distance of each to its nearest image of another subject.
    pub(super) apart: Vec<f64>,
    /// Where the population varies; absent where it does not.
    pub(super) whitened: Option<Whitened>,
}

/// A few whitened directions.
pub(super) struct Whitened {
    pub(super) basis: Basis,
    pub(super) features: Features,
    pub(super) bandwidth: f64,
    /// Log density of the images of other subjects at each.
    pub(super) density: Vec<f64>,
}

impl Real {
    pub(super) fn of(
        Plan { people, spaces, settings, kept, .. }: &Plan,
        listener: Listener,
    ) -> anyhow::Result<Self> {
        let kept = Kept::open(&people.collection, &people.rows, spaces, *kept)?;
        let total = people.rows.len() as u64;
        listener(Event::Begin { task: "describing real images", total, unit: "images" });
        let looked = look((&people.collection, &people.rows), spaces, &kept, listener);
        listener(Event::End);
        let looked = looked?;
        let frame = Frame::of(&looked.sketches);
        let turned: Vec<Sketch> = looked.sketches.iter().map(Sketch::mirrored).collect();
        let sketches = pictures(&frame, looked.sketches.iter().chain(&turned))?;
        let linking = looked
            .features
            .last()
            .map(|last| Linking::of(last, people, settings.seed))
            .transpose()?
            .flatten();
        let same = |a: usize, b: usize| people.units[a] == people.units[b];
        let population = |features| Population::of(features, settings, &same);
        let spaces = looked.features.into_iter().map(population).collect::<anyhow::Result<_>>()?;
        Ok(Self { frame, sketches, spaces, linking })
    }

    /// The real images of other subjects whose sketches come nearest to some rows', and, from `rows.len()` on, to their
    /// mirrored ones.
    pub(super) fn strangers(
        &self,
        rows: &[usize],
        people: &People,
        k: usize,
    ) -> anyhow::Result<Vec<Vec<usize>>> {
        let count = people.rows.len();
        let own: Vec<usize> = rows.iter().copied().chain(rows.iter().map(|r| r + count)).collect();
        let near = |sketches: &Features| {
            let (fixed, all) = (sketches.select(&own), sketches.select(&(0..count).collect::<Vec<_>>()));
            let mut nearest = Nearest::new(&fixed, k);
            nearest.see_unless(&all, &|a, b| people.units[rows[a % rows.len()]] == people.units[b])?;
            anyhow::Ok(nearest.found())
        };
        let near = [near(&self.sketches[0])?, near(&self.sketches[1])?];
        Ok((0..own.len()).map(|at| either(&near, at)).collect())
    }
}

/// Both pictures of some sketches.
pub(super) fn pictures<'a>(
    frame: &Frame,
    sketches: impl Iterator<Item = &'a Sketch>,
) -> anyhow::Result<[Features; 2]> {
    let mut values = [Vec::new(), Vec::new()];
    for sketch in sketches {
        values.iter_mut().zip(frame.pictures(sketch)).for_each(|(all, own)| all.extend(own));
    }
    let [plain, moved] = values;
    Ok([Features::new(WIDTHS[0], plain)?, Features::new(WIDTHS[1], moved)?])
}

/// Who is near a place by one picture or by the other, each once.
pub(super) fn either(near: &[Vec<Vec<Neighbour>>; 2], at: usize) -> Vec<usize> {
    let mut found: Vec<usize> = near.iter().flat_map(|near| &near[at]).map(|near| near.at).collect();
    found.sort_unstable();
    found.dedup();
    found
}

impl Population {
    fn of(
        features: Features,
        settings: &Settings,
        same: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> anyhow::Result<Self> {
        let mut nearest = Nearest::new(&features, 1);
        nearest.see_unless(&features, same)?;
        // Alone in the world: nothing is near.
        let apart = nearest.found().iter().map(|n| n.first().map_or(f64::INFINITY, |n| n.squared)).collect();
        let whitened =
            if features.len() > 2 { Whitened::of(&features, settings.directions, same)? } else { None };
        Ok(Self { features, apart, whitened })
    }
}

impl Whitened {
    fn of(
        set: &Features,
        directions: usize,
        same: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> anyhow::Result<Option<Self>> {
        let basis = Basis::of(set, directions)?;
        let Some(features) = basis.project(set)? else { return Ok(None) };
        let bandwidth = bandwidth(features.len(), features.width());
        let mut density = Density::new(&features, bandwidth);
        density.see_unless(&features, same)?;
        let density = density.logs();
        Ok(Some(Self { basis, features, bandwidth, density }))
    }
}
