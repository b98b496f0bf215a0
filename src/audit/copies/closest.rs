//! Of a few candidates, the one that lies best over an image.

use doppelray_images::Image;
use doppelray_images::copies::{Picture, Registered, Template};
use doppelray_images::look::mirror;
use doppelray_measures::audit::Neighbour;

/// The best candidate and how it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// Its place among those it was chosen from.
    pub(super) at: usize,
    pub(super) correlation: f64,
    /// How it lies over the image, or over its mirror image.
    pub(super) lies: Registered,
    pub(super) mirrored: bool,
}

/// The best of candidates for the image and of candidates for its mirror image; `None` where there are none.
pub(super) fn closest(
    image: &Image,
    candidates: [&[Neighbour]; 2],
    load: &dyn Fn(usize) -> anyhow::Result<Image>,
) -> anyhow::Result<Option<Match>> {
    let mut best: Option<Match> = None;
    for (mirrored, candidates) in [false, true].into_iter().zip(candidates) {
        if candidates.is_empty() {
            continue;
        }
        let template = if mirrored { Template::of(&mirror(image)) } else { Template::of(image) };
        for candidate in candidates {
            let lies = template.register(&Picture::of(&load(candidate.at)?));
            if best.is_none_or(|b| lies.correlation > b.correlation) {
                best = Some(Match { at: candidate.at, correlation: lies.correlation, lies, mirrored });
            }
        }
    }
    Ok(best)
}
