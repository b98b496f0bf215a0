//! Packed weights times pixels: forward convolutions, input gradients, matrix products.
//!
//! A task is a strip of positions. It stages its part of the source (`stage`), and goes through the strip a few
//! tiles at a time, so that a panel of weights in the first cache serves them all.

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use crate::conv::Epilogue;
use crate::finish::{Out, Shared, finish};
use crate::gather::{Grid, Source};
use crate::memory::Room;
use crate::pack::{Planes, channels};
use crate::passes::vectorised;
use crate::scratch::{self, Scratch};
use crate::stage::{Stage, Strip};
use crate::tile::{PIXELS, Tile, by_weights};
use crate::weights::{Block, PackedWeights, Part, Way};
use crate::winograd;

/// Tiles that share a panel of weights while it is in the first cache.
pub(crate) const TILES: usize = 2;
/// Positions of a strip, about: eight tiles pay for the rows that two strips stage both.
const POSITIONS: usize = 8 * PIXELS;
/// Lanes of a stage, at most: what leaves room for panels in the second cache.
const STAGED: usize = 96 << 10;

/// Where a product reads and writes; both tensors are `[images, channels, height, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) images: usize,
    pub(crate) source: Source,
    /// Height and width of the output.
    pub(crate) size: [usize; 2],
    /// Between the positions of one part in the output.
    pub(crate) step: [usize; 2],
}

impl Layout {
    /// Whether a product with these weights sets out what it reads, and may upsample it.
    pub(crate) fn is_set_out(&self, weights: &PackedWeights) -> bool {
        weights.way == Way::Pixels && Stage::new(self.source, weights, self.size[1]).is_some()
    }
}

/// One product on its way.
struct Product<'a> {
    layout: Layout,
    weights: &'a PackedWeights,
    x: &'a [f32],
    epilogue: Epilogue<'a>,
    y: Shared<'a>,
    /// Rows and columns of positions, those of the largest part.
    positions: [usize; 2],
    stage: Option<Stage>,
}

/// A strip, and which of how many shares of the output channels.
#[derive(Clone)]
struct Task {
    strip: Strip,
    share: [usize; 2],
}

/// Some tiles of one group: where they begin among the strip's positions, and how many positions they have.
#[derive(Clone, Copy)]
struct At {
    group: usize,
    first: usize,
    len: usize,
}

impl At {
    /// Where each tile begins, and its positions.
    fn tiles(self) -> impl Iterator<Item = [usize; 2]> {
        (0..self.len).step_by(PIXELS).map(move |lane| [self.first + lane, PIXELS.min(self.len - lane)])
    }
}

/// Computes all of `y`; every element is written once.
pub(crate) fn product<'y>(
    layout: Layout,
    weights: &PackedWeights,
    x: &[f32],
    epilogue: Epilogue<'_>,
    mut y: Room<'y>,
) -> &'y mut [f32] {
    if let Way::Tiles(kind) = weights.way {
        return winograd::product(kind, layout, (weights, x), epilogue, y);
    }
    let positions = [0, 1].map(|axis| layout.size[axis].div_ceil(layout.step[axis]));
    let stage = Stage::new(layout.source, weights, positions[1]);
    let product = Product { layout, weights, x, epilogue, y: Shared::over(&mut y), positions, stage };
    product.tasks().into_par_iter().for_each(|task| scratch::with(|scratch| product.run(&task, scratch)));
    // SAFETY: the strips are all positions, and each writes all of its channels.
    unsafe { y.written() }
}

impl<'a> Product<'a> {
    /// The strips, and where they are fewer than a few for each thread, shares of them.
    fn tasks(&self) -> Vec<Task> {
        let ([rows, cols], images) = (self.positions, self.layout.images);
        let fit = self.stage.map_or(rows, |stage| stage.rows_within(STAGED, self.weights.inputs));
        let tall = POSITIONS.div_ceil(cols).min(fit).min(rows);
        // Strips of equal height; several images where one is less than a strip.
        let tall = rows.div_ceil(rows.div_ceil(tall));
        let many = if tall < rows { 1 } else { (POSITIONS / (rows * cols)).min(fit / rows).max(1) };
        let strips = images.div_ceil(many) * rows.div_ceil(tall);
        let wanted = (2 * rayon::current_num_threads()).div_ceil(strips.max(1));
        let shares = wanted.clamp(1, self.weights.groups.max(self.weights.panels()));
        let strip = |image: usize, row: usize| Strip {
            images: image..(image + many).min(images),
            rows: row..(row + tall).min(rows),
        };
        (0..images)
            .step_by(many)
            .flat_map(|image| (0..rows).step_by(tall).map(move |row| strip(image, row)))
            .flat_map(|strip| {
                (0..shares).map(move |share| Task { strip: strip.clone(), share: [share, shares] })
            })
            .collect()
    }

    fn run(&self, task: &Task, scratch: &mut Scratch) {
        let (groups, panels) = self.share(task.share);
        let len = task.strip.grid(self.positions[1]).len();
        for group in groups {
            if let Some(stage) = self.stage {
                let inputs = self.weights.inputs;
                let staged = scratch.staged.take(stage.len(&task.strip, inputs));
                stage.fill(self.x, &task.strip, group * inputs..(group + 1) * inputs, staged);
            }
            for first in (0..len).step_by(TILES * PIXELS) {
                let at = At { group, first, len: (TILES * PIXELS).min(len - first) };
                // The parts of one row of outputs take turns in its columns.
                for parts in self.weights.parts.chunks(self.layout.step[1]) {
                    self.row_of_parts(parts, &task.strip, (at, panels.clone()), scratch);
                }
            }
        }
    }

    /// The groups and panels of one share.
    fn share(&self, [share, shares]: [usize; 2]) -> (Range<usize>, Range<usize>) {
        let (groups, panels) = (self.weights.groups, self.weights.panels());
        let cut = |count: usize| share * count / shares..(share + 1) * count / shares;
        if groups > 1 { (cut(groups), 0..panels) } else { (0..groups, cut(panels)) }
    }

    /// Lanes of one part's sums of all tiles.
    fn sums(&self) -> usize {
        TILES * self.weights.panels() * self.weights.rows() * PIXELS
    }

    fn row_of_parts(
        &self,
        parts: &[Part],
        strip: &Strip,
        (at, panels): (At, Range<usize>),
        scratch: &mut Scratch,
    ) {
        let direct = self.layout.step == [1, 1];
        scratch.sums.take(parts.len() * self.sums());
        let Scratch { places, directs, .. } = scratch;
        directs.clear();
        for (tile, [first, len]) in at.tiles().enumerate() {
            self.places(parts[0].first[0], strip, [first, len], &mut places[tile]);
            // Most tiles are one stretch of one image: their sums go straight from the registers where they belong.
            directs.push(match places[tile][..] {
                [Place { first, .. }] if direct && len == PIXELS && !parts[0].taps.is_empty() => Some(first),
                _ => None,
            });
        }
        for (slot, part) in parts.iter().enumerate() {
            self.sum(part, strip, (at, panels.clone(), slot), scratch);
        }
        for tile in 0..at.len.div_ceil(PIXELS) {
            if scratch.directs[tile].is_none() {
                self.write((at.group, panels.clone()), (tile, parts.len()), scratch);
            }
        }
    }

    /// Sums of all `panels` of some tiles for one part.
    fn sum(
        &self,
        part: &Part,
        strip: &Strip,
        (at, panels, slot): (At, Range<usize>, usize),
        scratch: &mut Scratch,
    ) {
        let weights = self.weights;
        let each = self.sums() / TILES;
        if part.taps.is_empty() {
            scratch.sums.as_mut()[slot * self.sums()..][..self.sums()].fill(0.0);
        }
        let depth = weights.depth(part) * PIXELS;
        scratch.panel.take(TILES * depth);
        for block in weights.blocks(part) {
            for (tile, positions) in at.tiles().enumerate() {
                self.gather(part, (strip, at.group, block), (positions, tile * depth), scratch);
            }
            let Scratch { panel, sums, directs, .. } = &mut *scratch;
            let (panel, sums) = (panel.as_ref(), &mut sums.as_mut()[slot * self.sums()..]);
            let last = block.channel + block.channels == weights.inputs;
            for index in panels.clone() {
                for (tile, [_, len]) in at.tiles().enumerate() {
                    let call = Tile {
                        depth: part.taps.len() * block.units,
                        left: weights.panel(part, block, [at.group, index]),
                        right: &panel[tile * depth..][..depth],
                        right_stride: PIXELS,
                        sums: &mut sums[tile * each + index * weights.rows() * PIXELS..],
                        sums_stride: PIXELS,
                        fresh: block.channel == 0,
                        out: directs[tile].filter(|_| last).map(|first| self.out(at.group, index, first)),
                    };
                    by_weights(weights.mode, weights.height(index), len, call);
                }
            }
        }
    }

    /// Where the rows of one panel go, in a tile whose channel 0 begins at `first`.
    fn out(&self, group: usize, index: usize, first: usize) -> Out<'_> {
        let stride = self.layout.size[0] * self.layout.size[1];
        let channel = group * self.weights.outputs + index * self.weights.rows();
        Out {
            y: &self.y,
            first: first + channel * stride,
            stride,
            bias: self.epilogue.bias.map(|bias| &bias[channel..]),
            activation: self.epilogue.activation,
        }
    }

    /// Gathers one block of one tile, under all taps, into the panel from `to` on.
    fn gather(
        &self,
        part: &Part,
        (strip, group, block): (&Strip, usize, Block),
        (positions, to): ([usize; 2], usize),
        scratch: &mut Scratch,
    ) {
        let Scratch { panel, staged, spots, runs, .. } = scratch;
        let rows = PIXELS * block.units;
        let panel = &mut panel.take(to + part.taps.len() * rows)[to..];
        let inputs = self.weights.inputs;
        if let Some(stage) = self.stage {
            let plane = stage.plane(strip);
            let skip = self.weights.units(block.channel) * plane;
            stage.spots(strip, inputs, positions, spots);
            for (tap, rows) in part.taps.iter().zip(panel.chunks_mut(rows)) {
                let from = (staged.as_ref(), skip + stage.offset(*tap), plane);
                spots.copy(self.weights.mode.level, from, block.units, (rows, PIXELS));
            }
            return;
        }
        let source = self.layout.source;
        let planes = Planes {
            data: self.x,
            first: (group * inputs + block.channel) * source.plane(),
            stride: source.plane(),
            count: block.channels,
            step: source.step[1],
        };
        // The strip's positions among those of all images: whole images, or rows of one.
        let grid = Grid { images: self.layout.images, rows: self.positions[0], cols: self.positions[1] };
        let first = strip.images.start * grid.plane() + strip.rows.start * grid.cols + positions[0];
        runs.find(grid, source, &part.taps, [first, positions[1]]);
        for (tap, rows) in panel.chunks_mut(rows).take(part.taps.len()).enumerate() {
            channels(self.weights.mode, runs, tap, planes, (rows, PIXELS));
        }
    }

    /// Where the pixels of a tile go, for channel 0 and the first of a row of parts, which begins in row `top`.
    fn places(&self, top: usize, strip: &Strip, [first, len]: [usize; 2], places: &mut Vec<Place>) {
        let Layout { size, step, .. } = self.layout;
        let channels = self.weights.groups * self.weights.outputs;
        let grid = strip.grid(self.positions[1]);
        // Where the part is all of the output, an image is one long row.
        let whole = step == [1, 1];
        let grid = if whole { Grid { rows: 1, cols: grid.plane(), ..grid } } else { grid };
        places.clear();
        grid.rows_of(first, len, |at| {
            let image = (strip.images.start + at.image) * channels * size[0] * size[1];
            let row = (strip.rows.start + at.row) * step[0] + top;
            if row < size[0] {
                let col = at.col * step[1];
                let end = ((at.col + at.len) * step[1]).min(if whole { usize::MAX } else { size[1] });
                let first = image + row * size[1] + col;
                places.push(Place { lane: at.lane, len: end - col, first });
            }
        });
    }

    /// Writes one tile's sums where they belong; the columns of `parts` parts take turns.
    fn write(
        &self,
        (group, panels): (usize, Range<usize>),
        (tile, parts): (usize, usize),
        scratch: &mut Scratch,
    ) {
        let Scratch { sums, places, .. } = scratch;
        let plane = self.layout.size[0] * self.layout.size[1];
        let (each, rows) = (self.sums() / TILES, self.weights.rows());
        for row in panels.start * rows..(panels.end * rows).min(self.weights.outputs) {
            let channel = group * self.weights.outputs + row;
            let at = tile * each + row * PIXELS;
            if parts == 1 {
                finish(self.epilogue, channel, &mut sums.as_mut()[at..][..PIXELS]);
            }
            let sums = sums.as_ref();
            for place in &places[tile] {
                // SAFETY: strips, parts and shares are disjoint, and each output lies in one of them.
                let to = unsafe { self.y.room(place.first + channel * plane, place.len) };
                let from = &sums[at + place.lane..];
                match parts {
                    1 => _ = to.write_copy_of_slice(&from[..to.len()]),
                    2 => interleave([from, &sums[self.sums() + at + place.lane..]], to),
                    _ => to.iter_mut().enumerate().for_each(|(i, to)| {
                        to.write(sums[i % parts * self.sums() + at + place.lane + i / parts]);
                    }),
                }
            }
        }
    }
}

/// The values of two rows in turn.
fn interleave([even, odd]: [&[f32]; 2], to: &mut [MaybeUninit<f32>]) {
    vectorised(
        #[inline(always)]
        || {
            let (pairs, rest) = to.as_chunks_mut::<2>();
            let count = pairs.len();
            for ((to, &even), &odd) in pairs.iter_mut().zip(&even[..count]).zip(&odd[..count]) {
                *to = [even, odd].map(MaybeUninit::new);
            }
            if let [last] = rest {
                last.write(even[count]);
            }
        },
    );
}

/// Lanes of a tile that stand in one row of the output.
pub(crate) struct Place {
    lane: usize,
    /// Outputs, of all parts of a row together.
    len: usize,
    /// Where they begin, in channel 0.
    first: usize,
}
