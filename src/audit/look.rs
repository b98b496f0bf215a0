//! One decoding of each image: its sketch, and its features in every space.

use anyhow::Context;
use doppelray_images::copies::sketch;
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Row};
use doppelray_measures::Features;
use rayon::prelude::*;

use crate::spaces::Space;

/// What was seen of some images.
pub(super) struct Looked {
    /// A sketch an image, as it is.
    pub(super) sketches: Vec<Vec<f32>>,
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
    let image = |row| {
        let image = collection.load(row)?;
        let described: Vec<Vec<f32>> = spaces.iter().map(|space| space.describe(&image)).collect();
        let sketch = sketch(&image);
        listener(Event::Advance(1));
        anyhow::Ok((sketch, described))
    };
    let seen = rows.par_iter().map(image).collect::<anyhow::Result<Vec<_>>>()?;
    let (sketches, described): (Vec<_>, Vec<_>) = seen.into_iter().unzip();
    let space = |(at, space): (usize, &Space)| {
        let values = described.iter().flat_map(|spaces| &spaces[at]).copied().collect();
        Features::new(space.width(), values)
            .with_context(|| format!("{}: in the space {}", collection.root().display(), space.name))
    };
    let features = spaces.iter().enumerate().map(space).collect::<anyhow::Result<_>>()?;
    Ok(Looked { sketches, features })
}
