//! One decoding of each image: its sketch, and its features in every space.

use anyhow::Context;
use doppelray_images::copies::{Sketch, sketch};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, Row};
use doppelray_measures::Features;
use rayon::prelude::*;

use crate::spaces::Space;

/// What was seen of some images.
pub(super) struct Looked {
    /// A sketch an image, as it is.
    pub(super) sketches: Vec<Sketch>,
    /// Features by space.
    pub(super) features: Vec<Features>,
}

/// Looks at images in parallel; advances the listener, which has begun.
pub(super) fn look(
    collection: &Collection,
    rows: &[Row],
    spaces: &[Space],
    listener: Listener,
) -> anyhow::Result<Looked> {
    let load = |at: usize| Ok(collection.load(&rows[at])?);
    look_at(rows.len(), &load, spaces, listener).with_context(|| collection.root().display().to_string())
}

/// The same of `count` images from wherever they come.
pub(super) fn look_at(
    count: usize,
    load: &(dyn Fn(usize) -> anyhow::Result<Image> + Sync),
    spaces: &[Space],
    listener: Listener,
) -> anyhow::Result<Looked> {
    let image = |at| {
        let image = load(at)?;
        let described: Vec<Vec<f32>> = spaces.iter().map(|space| space.describe(&image)).collect();
        let sketch = sketch(&image);
        listener(Event::Advance(1));
        anyhow::Ok((sketch, described))
    };
    let seen = (0..count).into_par_iter().map(image).collect::<anyhow::Result<Vec<_>>>()?;
    let (sketches, described): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    let space = |(at, space): (usize, &Space)| {
        let values = described.iter().flat_map(|spaces| &spaces[at]).copied().collect();
        Features::new(space.width(), values).with_context(|| format!("in the space {}", space.name))
    };
    let features = spaces.iter().enumerate().map(space).collect::<anyhow::Result<_>>()?;
    Ok(Looked { sketches, features })
}
