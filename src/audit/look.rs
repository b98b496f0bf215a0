//! One decoding of each image: its sketch, and its features in every space.

use anyhow::Context;
use doppelray_images::copies::{Sketch, sketch};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Image, Row};
use doppelray_measures::Features;
use rayon::prelude::*;

use crate::spaces::{Kept, Space};

/// What was seen of some images.
pub(super) struct Looked {
    /// A sketch an image, as it is.
    pub(super) sketches: Vec<Sketch>,
    /// Features by space.
    pub(super) features: Vec<Features>,
}

/// Looks at images in parallel, and takes of their features what is kept; advances the listener, which has begun.
pub(super) fn look(
    (collection, rows): (&Collection, &[Row]),
    spaces: &[Space],
    kept: &Kept,
    listener: Listener,
) -> anyhow::Result<Looked> {
    let load = |at: usize| Ok(collection.load(&rows[at])?);
    let known = |at: usize, space: usize| kept.get(space, &rows[at]).map(<[f32]>::to_vec);
    look_at(rows.len(), (&load, &known), spaces, listener)
        .with_context(|| collection.root().display().to_string())
}

/// Gives an image.
pub(super) type Load<'a> = dyn Fn(usize) -> anyhow::Result<Image> + Sync + 'a;
/// Gives an image's features in a space, where they are known.
pub(super) type Known<'a> = dyn Fn(usize, usize) -> Option<Vec<f32>> + Sync + 'a;

/// The same of `count` images from wherever they come.
pub(super) fn look_at(
    count: usize,
    (load, known): (&Load, &Known),
    spaces: &[Space],
    listener: Listener,
) -> anyhow::Result<Looked> {
    let image = |at| {
        let image = load(at)?;
        let features =
            |(place, space): (usize, &Space)| known(at, place).unwrap_or_else(|| space.describe(&image));
        let described: Vec<Vec<f32>> = spaces.iter().enumerate().map(features).collect();
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
