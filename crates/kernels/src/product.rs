//! Packed weights times gathered pixels: forward convolutions, input gradients, matrix products.

use rayon::prelude::*;

use crate::conv::Epilogue;
use crate::finish::{Out, Shared, finish};
use crate::gather::{Grid, Runs, Source};
use crate::pack::{Planes, channels, units};
use crate::scratch::{self, Lines, Scratch};
use crate::tile::{PIXELS, Tile, by_weights};
use crate::weights::{PackedWeights, Part};

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

/// One product on its way.
struct Product<'a> {
    layout: Layout,
    weights: &'a PackedWeights,
    x: &'a [f32],
    epilogue: Epilogue<'a>,
    y: Shared<'a>,
}

/// A part, its positions, and what a task does of it.
#[derive(Clone, Copy)]
struct Task<'a> {
    part: &'a Part,
    grid: Grid,
    first: usize,
    /// Which of how many shares of the output channels.
    share: [usize; 2],
}

/// One group of one tile.
#[derive(Clone, Copy)]
struct At {
    group: usize,
    pixels: usize,
    /// Where the tile begins in channel 0 of the output, if it is one stretch of it.
    direct: Option<usize>,
}

/// Computes all of `y`; every element is written once.
pub(crate) fn product(
    layout: Layout,
    weights: &PackedWeights,
    x: &[f32],
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let product = Product { layout, weights, x, epilogue, y: Shared::new(y) };
    let tasks: Vec<_> = weights.parts.iter().flat_map(|part| product.tasks(part)).collect();
    tasks.par_iter().for_each(|&task| scratch::with(|scratch| product.run(task, scratch)));
}

impl<'a> Product<'a> {
    /// Positions of a part: those of the output that are `part.first` and multiples of the step from there.
    fn grid(&self, part: &Part) -> Grid {
        let Layout { images, size, step, .. } = self.layout;
        let [rows, cols] =
            [0, 1].map(|axis| size[axis].saturating_sub(part.first[axis]).div_ceil(step[axis]));
        Grid { images, rows, cols }
    }

    /// The tiles of a part; where they are fewer than a few for each thread, shares of them.
    fn tasks(&self, part: &'a Part) -> impl Iterator<Item = Task<'a>> + use<'a> {
        let grid = self.grid(part);
        let tiles = grid.len().div_ceil(PIXELS);
        let wanted = (4 * rayon::current_num_threads()).div_ceil(tiles.max(1));
        let shares = wanted.clamp(1, self.weights.groups.max(self.weights.panels()));
        (0..tiles).flat_map(move |tile| {
            (0..shares).map(move |share| Task { part, grid, first: tile * PIXELS, share: [share, shares] })
        })
    }

    fn run(&self, task: Task<'_>, scratch: &mut Scratch) {
        let Scratch { panel, sums, runs, places, .. } = scratch;
        let pixels = PIXELS.min(task.grid.len() - task.first);
        runs.find(task.grid, self.layout.source, &task.part.taps, [task.first, pixels]);
        self.places(task, pixels, places);
        // Most tiles are one stretch of one image: their sums go straight from the registers where they belong.
        let direct = match places[..] {
            [Place { first, .. }] if self.layout.step[1] == 1 && pixels == PIXELS => Some(first),
            _ => None,
        };
        let (groups, panels) = self.share(task.share);
        for group in groups {
            let at = At { group, pixels, direct: direct.filter(|_| !task.part.taps.is_empty()) };
            self.sum(task.part, at, panels.clone(), (runs, panel, sums));
            if at.direct.is_none() {
                for index in panels.clone() {
                    let sums = &mut sums.as_mut()[index * self.weights.rows() * PIXELS..];
                    self.write([group, index, pixels], places, sums);
                }
            }
        }
    }

    /// The groups and panels of one share.
    fn share(&self, [share, shares]: [usize; 2]) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (groups, panels) = (self.weights.groups, self.weights.panels());
        let cut = |count: usize| share * count / shares..(share + 1) * count / shares;
        if groups > 1 { (cut(groups), 0..panels) } else { (0..groups, cut(panels)) }
    }

    /// Sums of all `panels` of one group for one tile.
    fn sum(
        &self,
        part: &Part,
        at: At,
        panels: std::ops::Range<usize>,
        (runs, panel, sums): (&Runs, &mut Lines, &mut Lines),
    ) {
        let weights = self.weights;
        let sums = sums.take(panels.end * weights.rows() * PIXELS);
        let panel = panel.take(weights.depth(part) * PIXELS);
        if part.taps.is_empty() {
            sums.fill(0.0);
        }
        for block in weights.blocks(part) {
            self.gather(part, [at.group, block.channel, block.channels], runs, panel);
            let last = block.channel + block.channels == weights.inputs;
            for index in panels.clone() {
                let tile = Tile {
                    depth: part.taps.len() * block.units,
                    left: weights.panel(part, block, [at.group, index]),
                    right: panel,
                    right_stride: PIXELS,
                    sums: &mut sums[index * weights.rows() * PIXELS..],
                    sums_stride: PIXELS,
                    fresh: block.channel == 0,
                    out: at.direct.filter(|_| last).map(|first| self.out(at.group, index, first)),
                };
                by_weights(weights.mode, weights.height(index), at.pixels, tile);
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

    /// Gathers `count` channels of `group` from `channel` on, under all taps.
    fn gather(&self, part: &Part, [group, channel, count]: [usize; 3], runs: &Runs, panel: &mut [f32]) {
        let source = self.layout.source;
        let planes = Planes {
            data: self.x,
            first: (group * self.weights.inputs + channel) * source.plane(),
            stride: source.plane(),
            count,
            step: source.step[1],
        };
        let rows = PIXELS * units(self.weights.mode, count);
        for (tap, rows) in panel.chunks_mut(rows).take(part.taps.len()).enumerate() {
            channels(self.weights.mode, runs, tap, planes, (rows, PIXELS));
        }
    }

    /// Where the pixels of a tile go, for channel 0.
    fn places(&self, task: Task<'_>, pixels: usize, places: &mut Vec<Place>) {
        let Layout { size, step, .. } = self.layout;
        let channels = self.weights.groups * self.weights.outputs;
        // Where the part is all of the output, an image is one long row.
        let whole = step == [1, 1];
        let grid = if whole { Grid { rows: 1, cols: size[0] * size[1], ..task.grid } } else { task.grid };
        places.clear();
        grid.rows_of(task.first, pixels, |at| {
            let [y, x] = [at.row * step[0] + task.part.first[0], at.col * step[1] + task.part.first[1]];
            let first = (at.image * channels * size[0] + y) * size[1] + x;
            places.push(Place { lane: at.lane, len: at.len, first });
        });
    }

    /// Writes one panel's sums where they belong.
    fn write(&self, [group, index, pixels]: [usize; 3], places: &[Place], sums: &mut [f32]) {
        let plane = self.layout.size[0] * self.layout.size[1];
        let first = group * self.weights.outputs + index * self.weights.rows();
        let rows = sums.chunks_mut(PIXELS).take(self.weights.height(index));
        for (channel, row) in (first..).zip(rows) {
            finish(self.epilogue, channel, &mut row[..pixels]);
            for place in places {
                let values = &row[place.lane..][..place.len];
                // SAFETY: tiles and parts and shares are disjoint, and each output lies in one of them.
                unsafe { self.y.write(place.first + channel * plane, self.layout.step[1], values) }
            }
        }
    }
}

/// Lanes of a tile that stand in one row of the output.
pub(crate) struct Place {
    lane: usize,
    len: usize,
    /// Where they begin, in channel 0.
    first: usize,
}
