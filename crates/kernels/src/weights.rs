//! Weights in the order in which the register tile reads them.

use std::ops::Range;

use rayon::prelude::*;

use crate::finish::Shared;
use crate::level::Mode;
use crate::pack::rounded;
use crate::scratch::Lines;
use crate::tile::panel_rows;
use crate::transpose::transpose;
use crate::winograd::Kind;

/// Outputs that are packed at a time: the rows of a transposition, and panels of 8 and 4.
const TOGETHER: usize = 16;
/// Weights that pay for handing work to another thread.
const MANY: usize = 1 << 14;

/// Lanes of depth in one panel of pixels. 576 rows of 48 pixels are 108 KiB: the second cache feeds the register
/// tile as well as the first does, and sums that stay in registers four times as long as in 27 KiB gave 3 to 5%.
const DEPTH: usize = 576;

/// The weights of one convolution in one direction, packed once a call, or once a step and used in many.
#[derive(Clone)]
pub struct PackedWeights {
    pub(crate) mode: Mode,
    pub(crate) pairs: Pairs,
    pub(crate) way: Way,
    pub(crate) groups: usize,
    /// Channels read and written by a group.
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) made_for: MadeFor,
}

/// What shares a lane as two bfloat16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// Nothing: a lane is an `f32`.
    None,
    /// Two channels.
    Channels,
    /// Two columns of the kernel, where outputs are two columns apart.
    Columns,
}

/// What the packed weights multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Pixels.
    Pixels,
    /// Rows of the one channel that each output has.
    Planes,
    /// Transformed tiles, a group for each of their points.
    Tiles(Kind),
}

/// No weight: a zero.
pub(crate) const NONE: usize = usize::MAX;

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
    /// Which weights of the kernel each tap takes: the second is read where columns are paired, and may be [`NONE`].
    kernel: Vec<[usize; 2]>,
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
    /// `w [groups, kernel]` as they are, for [`Way::Planes`].
    pub(crate) fn of_planes(w: &[f32], groups: usize, mode: Mode, made_for: MadeFor) -> PackedWeights {
        let mut lanes = Lines::zeros(w.len());
        lanes.as_mut()[..w.len()].copy_from_slice(w);
        let part = Part { first: [0, 0], taps: Vec::new(), kernel: Vec::new(), lanes };
        let [inputs, outputs] = [1, 1];
        PackedWeights {
            mode,
            pairs: Pairs::None,
            way: Way::Planes,
            groups,
            inputs,
            outputs,
            parts: vec![part],
            made_for,
        }
    }

    /// The weights of [`Way::Planes`].
    pub(crate) fn planes(&self) -> &[f32] {
        self.parts[0].lanes.as_ref()
    }

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

    /// Adds a part, still without weights.
    pub(crate) fn add_part(&mut self, first: [usize; 2], taps: Vec<[isize; 2]>, kernel: Vec<[usize; 2]>) {
        let lanes = Lines::zeros(self.groups * self.group_lanes(taps.len()));
        self.parts.push(Part { first, taps, kernel, lanes });
    }

    /// Packs `w`, where the weight of an output and input of a group is `taps` values from
    /// `(group * outputs * inputs) * taps + output * strides[0] + input * strides[1]` on.
    pub(crate) fn pack(&mut self, w: &[f32], strides: [usize; 2], taps: usize) {
        let mut parts = std::mem::take(&mut self.parts);
        let mut lanes: Vec<_> = parts.iter_mut().map(|part| std::mem::take(&mut part.lanes)).collect();
        {
            let to: Vec<_> = lanes.iter_mut().map(|lanes| Shared::new(lanes.as_mut())).collect();
            let packing = Packing { weights: self, parts: &parts, to: &to, w, strides, taps };
            let columns = self.outputs.div_ceil(TOGETHER);
            let tasks = (0..self.groups * columns).into_par_iter();
            let few = (MANY / (TOGETHER * self.inputs * taps)).max(1);
            tasks.with_min_len(few).for_each(|task| packing.pack(task / columns, task % columns * TOGETHER));
        }
        self.parts = parts.into_iter().zip(lanes).map(|(part, lanes)| Part { lanes, ..part }).collect();
    }

    /// Lanes of one tap that `channels` channels take.
    pub(crate) fn units(&self, channels: usize) -> usize {
        if self.pairs == Pairs::Channels { channels.div_ceil(2) } else { channels }
    }

    fn group_lanes(&self, taps: usize) -> usize {
        taps * self.units(self.inputs) * self.outputs
    }

    fn block_units(taps: usize) -> usize {
        (DEPTH / taps.max(1)).max(1)
    }

    /// The blocks of a part, in the order in which its sums go through them.
    pub(crate) fn blocks(&self, part: &Part) -> impl Iterator<Item = Block> + use<> {
        let (inputs, step) = (self.inputs, self.step(part));
        let channels_of_unit = self.channels_of_unit();
        let has_taps = !part.taps.is_empty();
        (0..inputs).step_by(step).filter(move |_| has_taps).map(move |channel| {
            let channels = step.min(inputs - channel);
            Block { channel, channels, units: channels.div_ceil(channels_of_unit) }
        })
    }

    fn channels_of_unit(&self) -> usize {
        if self.pairs == Pairs::Channels { 2 } else { 1 }
    }

    /// Channels of a block.
    fn step(&self, part: &Part) -> usize {
        self.channels_of_unit() * Self::block_units(part.taps.len())
    }

    /// The block that holds `channel`.
    fn block_of(&self, part: &Part, channel: usize) -> Block {
        let step = self.step(part);
        let first = channel / step * step;
        let channels = step.min(self.inputs - first);
        Block { channel: first, channels, units: self.units(channels) }
    }

    /// Lanes of depth that the deepest block of a part has.
    pub(crate) fn depth(&self, part: &Part) -> usize {
        part.taps.len() * Self::block_units(part.taps.len()).min(self.units(self.inputs))
    }

    /// The weights of one panel of one block: `[taps * units][height]`.
    pub(crate) fn panel<'a>(&self, part: &'a Part, block: Block, at: [usize; 2]) -> &'a [f32] {
        &part.lanes.as_ref()[self.range(part, block, at)]
    }

    fn range(&self, part: &Part, block: Block, [group, panel]: [usize; 2]) -> Range<usize> {
        let taps = part.taps.len();
        let before = self.units(block.channel) * taps * self.outputs;
        let start = group * self.group_lanes(taps) + before + panel * self.rows() * taps * block.units;
        start..start + taps * block.units * self.height(panel)
    }
}

/// Weights on their way into lanes.
struct Packing<'a> {
    weights: &'a PackedWeights,
    parts: &'a [Part],
    to: &'a [Shared<'a>],
    w: &'a [f32],
    strides: [usize; 2],
    taps: usize,
}

impl Packing<'_> {
    /// Packs [`TOGETHER`] outputs of a group from `first` on.
    fn pack(&self, group: usize, first: usize) {
        let inputs = self.weights.inputs;
        let count = TOGETHER.min(self.weights.outputs - first);
        // Where inputs follow one another without a gap, a transposition turns several.
        let close = self.strides[1] == self.taps;
        let chunk = if close { (32 / self.taps).next_multiple_of(2).max(2) } else { 2 };
        let mut turned = vec![0.0; (chunk * self.taps).next_multiple_of(16) * TOGETHER + 16 * TOGETHER];
        for input in (0..inputs).step_by(chunk) {
            let chunk = chunk.min(inputs - input);
            let start = group * self.weights.outputs * inputs * self.taps
                + first * self.strides[0]
                + input * self.strides[1];
            if close {
                self.turn([start, count, chunk * self.taps], &mut turned);
            } else {
                for index in 0..chunk {
                    let to = &mut turned[index * self.taps * TOGETHER..];
                    self.turn([start + index * self.strides[1], count, self.taps], to);
                }
            }
            let step = self.weights.channels_of_unit();
            for index in (0..chunk).step_by(step) {
                let second =
                    (step == 2 && index + 1 < chunk).then(|| &turned[(index + 1) * self.taps * TOGETHER..]);
                let at = [group, first, input + index];
                self.write(at, count, [&turned[index * self.taps * TOGETHER..], second.unwrap_or(&[])]);
            }
        }
    }

    /// `count` outputs from `start` on, each `len` values: `[len][TOGETHER]`.
    fn turn(&self, [start, count, len]: [usize; 3], to: &mut [f32]) {
        let stride = self.strides[0];
        let whole = len.next_multiple_of(16);
        // Up to 15 values more than asked for, where they are there.
        if count == TOGETHER && len > 1 && start + (TOGETHER - 1) * stride + whole <= self.w.len() {
            let from = (&self.w[start..], stride);
            return transpose(self.weights.mode.level, from, [TOGETHER, whole], (to, TOGETHER));
        }
        for (value, row) in to.chunks_exact_mut(TOGETHER).take(len).enumerate() {
            for (output, to) in row.iter_mut().enumerate() {
                *to = if output < count { self.w[start + output * stride + value] } else { 0.0 };
            }
        }
    }

    /// Writes the weights of one unit, `[taps][TOGETHER]` of each channel, where all parts have them.
    fn write(&self, [group, first, input]: [usize; 3], count: usize, turned: [&[f32]; 2]) {
        let weights = self.weights;
        let row = |of: usize, index: usize| {
            turned[of].get(index.saturating_mul(TOGETHER)..).and_then(<[f32]>::first_chunk)
        };
        for (part, to) in self.parts.iter().zip(self.to) {
            let block = if part.taps.is_empty() { continue } else { weights.block_of(part, input) };
            let unit = weights.units(input - block.channel);
            for (tap, &[one, two]) in part.kernel.iter().enumerate() {
                const ZEROS: [f32; TOGETHER] = [0.0; TOGETHER];
                let a: &[f32; TOGETHER] = row(0, one).unwrap_or(&ZEROS);
                let lanes = match weights.pairs {
                    Pairs::None if weights.mode.is_rounded() => a.map(rounded),
                    Pairs::None => *a,
                    Pairs::Channels => paired(a, row(1, one).unwrap_or(&ZEROS)),
                    Pairs::Columns => paired(a, row(0, two).unwrap_or(&ZEROS)),
                };
                for (index, lanes) in lanes[..count].chunks(weights.rows()).enumerate() {
                    let panel = first / weights.rows() + index;
                    let start = weights.range(part, block, [group, panel]).start;
                    let at = start + (tap * block.units + unit) * weights.height(panel);
                    // SAFETY: each output, input and tap of a part has its own lanes.
                    let to = unsafe { to.part(at, lanes.len()) };
                    // A full panel's lanes are few and of a known number.
                    match (to.as_mut_array::<8>(), lanes.as_array::<8>()) {
                        (Some(to), Some(lanes)) => *to = *lanes,
                        _ => to.copy_from_slice(lanes),
                    }
                }
            }
        }
    }
}

/// Lanes of pairs of bfloat16.
fn paired(first: &[f32; TOGETHER], second: &[f32; TOGETHER]) -> [f32; TOGETHER] {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: only the level that has the instruction pairs.
        unsafe { crate::pack::paired(first, second) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::array::from_fn(|lane| crate::pack::pack_pair(first[lane], second[lane]))
    }
}
