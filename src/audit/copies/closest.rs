//! Of a few candidates, the one that lies best over an image.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use doppelray_images::Image;
use doppelray_images::copies::{Picture, Registered, Template};
use doppelray_images::look::mirror;

use super::scale::Scale;
use crate::sets::Set;

/// A candidate and how it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// Its place among those it was chosen from.
    pub(super) at: usize,
    /// How well it agrees, by both bands of detail.
    pub(super) agreement: f64,
    /// How it lies over the image, or over its mirror image.
    pub(super) lies: Registered,
    pub(super) mirrored: bool,
}

/// The best of candidates for the image and of candidates for its mirror image; `None` where there are none.
pub(super) fn closest(
    image: &Image,
    candidates: [&[usize]; 2],
    load: &dyn Fn(usize) -> anyhow::Result<Arc<Picture>>,
    scale: Option<&Scale>,
) -> anyhow::Result<Option<Match>> {
    let all = laid(image, candidates, load)?.into_iter();
    let all = all.map(|m| Match { agreement: Scale::agreement(scale, &m.lies), ..m });
    Ok(all.max_by(|a, b| a.agreement.total_cmp(&b.agreement)))
}

/// All of them, in the fine band.
pub(super) fn laid(
    image: &Image,
    candidates: [&[usize]; 2],
    load: &dyn Fn(usize) -> anyhow::Result<Arc<Picture>>,
) -> anyhow::Result<Vec<Match>> {
    let mut all = Vec::new();
    for (mirrored, candidates) in [false, true].into_iter().zip(candidates) {
        if candidates.is_empty() {
            continue;
        }
        let template = if mirrored { Template::of(&mirror(image)) } else { Template::of(image) };
        for at in candidates {
            let lies = template.register(&*load(*at)?);
            all.push(Match { at: *at, agreement: lies.correlation, lies, mirrored });
        }
    }
    Ok(all)
}

/// The images of a set as pictures: a few are candidates for many, so each is made once while there is room.
pub(super) struct Pictures<'a> {
    set: &'a Set,
    kept: Mutex<BTreeMap<usize, Arc<Picture>>>,
}

/// Pictures that are kept, of 48 kB each.
const ROOM: usize = 4096;

impl<'a> Pictures<'a> {
    pub(super) fn of(set: &'a Set) -> Self {
        Self { set, kept: Mutex::default() }
    }

    pub(super) fn get(&self, at: usize) -> anyhow::Result<Arc<Picture>> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = kept().get(&at) {
            return Ok(Arc::clone(picture));
        }
        let picture = Arc::new(Picture::of(&self.set.collection.load(&self.set.rows[at])?));
        let mut kept = kept();
        if kept.len() < ROOM {
            kept.insert(at, Arc::clone(&picture));
        }
        Ok(picture)
    }
}
