//! Weights in the order in which the register tile reads them.

use std::ops::Range;

use crate::level::{Mode, Precision};
use crate::pack::{pack_pair, rounded, units};
use crate::scratch::Lines;
use crate::tile::panel_rows;

/// Lanes of depth in one panel of pixels. 576 rows of 48 pixels are 108 KiB: the second cache feeds the register
/// tile as well as the first does, and sums that stay in registers four times as long as in 27 KiB gave 3 to 5%.
const DEPTH: usize = 576;

/// The weights of one convolution in one direction, packed once a call, or once a step and used in many.
#[derive(Clone)]
pub struct PackedWeights {
    pub(crate) mode: Mode,
    pub(crate) groups: usize,
    /// Channels read and written by a group.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) made_for: MadeFor,
}

/// What packed weights are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MadeFor {
    pub(crate) direction: Direction,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: [usize; 2],
}

/// Which way the weights carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    InputGradient,
}

/// One product: output position `(row, col) * step + first` sums over `taps` at `(row, col) * source step + tap`.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) first: [usize; 2],
    pub(crate) taps: Vec<[isize; 2]>,
    lanes: Lines,
}

/// A stretch of input channels, as deep as a panel of pixels.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    pub(crate) channel: usize,
    pub(crate) channels: usize,
    /// Lanes of one tap.
    pub(crate) units: usize,
}

impl PackedWeights {
    /// Output channels in one panel.
    pub(crate) fn rows(&self) -> usize {
        panel_rows(self.mode.level)
    }

    pub(crate) fn panels(&self) -> usize {
        self.outputs.div_ceil(self.rows())
    }

    /// Output channels of `panel`.
    pub(crate) fn height(&self, panel: usize) -> usize {
        self.rows().min(self.outputs - panel * self.rows())
    }

    /// Packs `weight([group, output, input, tap])` for one part.
    pub(crate) fn add_part(
        &mut self,
        first: [usize; 2],
        taps: Vec<[isize; 2]>,
        weight: impl Fn([usize; 4]) -> f32,
    ) {
        let lanes = Lines::zeros(self.groups * self.group_lanes(taps.len()));
        let mut part = Part { first, taps, lanes };
        for group in 0..self.groups {
            for block in self.blocks(&part) {
                for panel in 0..self.panels() {
                    let range = self.range(&part, block, [group, panel]);
                    let lanes = &mut part.lanes.as_mut()[range];
                    self.pack_panel(lanes, block, panel, |[output, input, tap]| {
                        weight([group, output, input, tap])
                    });
                }
            }
        }
        self.parts.push(part);
    }

    /// Fills the lanes of one panel of one block, `[taps * units][height]`.
    fn pack_panel(&self, lanes: &mut [f32], block: Block, panel: usize, weight: impl Fn([usize; 3]) -> f32) {
        let (first, height) = (panel * self.rows(), self.height(panel));
        let (paired, mixed) = (self.mode.is_paired(), self.mode.precision == Precision::Mixed);
        for (index, lanes) in lanes.chunks_exact_mut(height).enumerate() {
            let (tap, unit) = (index / block.units, index % block.units);
            for (output, lane) in (first..).zip(lanes) {
                let value = |input: usize| weight([output, block.channel + input, tap]);
                *lane = match (paired, mixed) {
                    (false, false) => value(unit),
                    (false, true) => rounded(value(unit)),
                    _ if 2 * unit + 1 == block.channels => pack_pair(value(2 * unit), 0.0),
                    _ => pack_pair(value(2 * unit), value(2 * unit + 1)),
                };
            }
        }
    }

    fn group_lanes(&self, taps: usize) -> usize {
        taps * units(self.mode, self.inputs) * self.outputs
    }

    fn block_units(taps: usize) -> usize {
        (DEPTH / taps.max(1)).max(1)
    }

    /// The blocks of a part, in the order in which its sums go through them.
    pub(crate) fn blocks(&self, part: &Part) -> impl Iterator<Item = Block> + use<> {
        let (mode, inputs) = (self.mode, self.inputs);
        let lanes = if mode.is_paired() { 2 } else { 1 };
        let step = lanes * Self::block_units(part.taps.len());
        let has_taps = !part.taps.is_empty();
        (0..inputs).step_by(step).filter(move |_| has_taps).map(move |channel| {
            let channels = step.min(inputs - channel);
            Block { channel, channels, units: units(mode, channels) }
        })
    }

    /// Lanes of depth that the deepest block of a part has.
    pub(crate) fn depth(&self, part: &Part) -> usize {
        part.taps.len() * Self::block_units(part.taps.len()).min(units(self.mode, self.inputs))
    }

    /// The weights of one panel of one block: `[taps * units][height]`.
    pub(crate) fn panel<'a>(&self, part: &'a Part, block: Block, at: [usize; 2]) -> &'a [f32] {
        &part.lanes.as_ref()[self.range(part, block, at)]
    }

    fn range(&self, part: &Part, block: Block, [group, panel]: [usize; 2]) -> Range<usize> {
        let taps = part.taps.len();
        let before = units(self.mode, block.channel) * taps * self.outputs;
        let start = group * self.group_lanes(taps) + before + panel * self.rows() * taps * block.units;
        start..start + taps * block.units * self.height(panel)
    }
}
