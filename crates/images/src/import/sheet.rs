//! Sheets of pictures for whoever decides: what the look does, before and after; and who looks alike.

use doppelray_measures::rng::{Purpose, stream};

use super::{Candidate, Converted, Plan, convert, read};
use crate::collection::{About, Row, Writer};
use crate::error::Result;
use crate::look::Look;
use crate::text::Text;
use crate::{Depth, Image, png, resize};

/// Images beside each other.
const ACROSS: usize = 12;

/// Width and height of one, in pixels.
const CELL: usize = 112;

/// Paper between films, and its grey.
const GAP: usize = 4;
const PAPER: u16 = 251;

/// Width of a sheet.
const WIDTH: usize = ACROSS * (CELL + GAP) - GAP;

/// Writes `look.png`: a row of sources over a row of what became of them, chosen at random; and two such rows of images
/// that were mended (inverted, or their borders cut off), if there are any. Nothing where no look was asked for.
pub(super) fn look(
    plan: &Plan,
    writer: &Writer,
    about: &About,
    (candidates, results): (&[Candidate], &[Converted]),
) -> Result<()> {
    if plan.look == Look::default() && plan.text == Text::Keep {
        return Ok(());
    }
    let good = |at: &usize| results[*at].is_ok();
    let mended = |at: &usize| {
        let flags = results[*at].as_ref().map_or("", |(made, _)| &made.flags);
        flags.split(' ').any(|flag| matches!(flag, "inverted" | "borders" | "text"))
    };
    let all: Vec<usize> = (0..candidates.len()).filter(good).collect();
    let mended: Vec<usize> = all.iter().copied().filter(mended).collect();
    let mut sheet = Vec::new();
    for (number, from) in [all, mended].into_iter().enumerate() {
        let chosen = some(from, number as u64);
        let pairs =
            chosen.into_iter().filter_map(|at| pair(plan, about, &candidates[at])).collect::<Vec<_>>();
        if !pairs.is_empty() {
            part(&mut sheet);
            sheet.extend([0, 1].into_iter().flat_map(|which| strip(&pairs, which)));
        }
    }
    // Where every source was refused there is nothing to show.
    if sheet.is_empty() { Ok(()) } else { write(writer, "look.png", sheet) }
}

/// Writes `lookalikes.png`: pairs of images of different subjects that look like one film, one above the other; nothing
/// where there are none.
pub(super) fn lookalikes(writer: &Writer, pairs: &[[&Row; 2]]) -> Result<()> {
    const MOST: usize = 10 * ACROSS;
    let mut sheet = Vec::new();
    for rows in pairs[..pairs.len().min(MOST)].chunks(ACROSS) {
        let small =
            |row: &Row| writer.read(row).map(|image| resize::fit(&image.at(Depth::Eight), CELL as u32));
        let pairs: Vec<[Image; 2]> =
            rows.iter().map(|[a, b]| Ok([small(a)?, small(b)?])).collect::<Result<_>>()?;
        part(&mut sheet);
        sheet.extend([0, 1].into_iter().flat_map(|which| strip(&pairs, which)));
    }
    if sheet.is_empty() { Ok(()) } else { write(writer, "lookalikes.png", sheet) }
}

fn write(writer: &Writer, name: &str, sheet: Vec<u16>) -> Result<()> {
    let (width, height) = (WIDTH, sheet.len() / WIDTH);
    let mut bytes = Vec::new();
    let image = Image::new(width as u32, height as u32, Depth::Eight, sheet);
    png::encode(&image, &mut bytes).expect("memory takes all");
    writer.attach(name, &bytes)
}

/// At most [`ACROSS`] of these, in order.
fn some(mut from: Vec<usize>, number: u64) -> Vec<usize> {
    let mut random = stream(0, Purpose::Gallery, number);
    let mut chosen = Vec::new();
    while chosen.len() < ACROSS && !from.is_empty() {
        chosen.push(from.swap_remove(random.below(from.len())));
    }
    chosen.sort_unstable();
    chosen
}

/// A source and what the collection has of it; `None` where it can no longer be read.
fn pair(plan: &Plan, about: &About, candidate: &Candidate) -> Option<[Image; 2]> {
    // Without its text, which must not leave by this way either.
    let (before, texts) = read(plan, candidate).ok()?;
    let (after, _) = convert(plan, (about.size, about.depth), candidate, (before.clone(), texts));
    Some([before, after].map(|image| resize::fit(&image.at(Depth::Eight), CELL as u32)))
}

/// Sets what follows apart from what is there.
fn part(sheet: &mut Vec<u16>) {
    let rows = if sheet.is_empty() { 0 } else { 3 * GAP };
    sheet.resize(sheet.len() + rows * WIDTH, PAPER);
}

/// One image of each pair, side by side.
fn strip(pairs: &[[Image; 2]], which: usize) -> Vec<u16> {
    let mut pixels = vec![PAPER; WIDTH * (CELL + GAP)];
    for (at, pair) in pairs.iter().enumerate() {
        let source = pair[which].pixels().chunks_exact(CELL);
        for (target, source) in pixels.chunks_exact_mut(WIDTH).zip(source) {
            target[at * (CELL + GAP)..][..CELL].copy_from_slice(source);
        }
    }
    pixels
}
