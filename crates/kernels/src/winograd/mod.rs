//! Minimal filtering (Winograd 1980; Lavin and Gray 2016): a 3x3 convolution by tiles of 4x4 outputs takes 36 products
//! where its definition has 144; a 4x4 one that moves by 2 is four of 2x2 on the phases of its input, and by tiles of 3x3
//! outputs takes 64 where its definition has 144. Errors are some ten times those of plain sums in `f32`, a hundredth of
//! those of bfloat16: [`Precision::Filtered`](crate::Precision::Filtered) takes this way, and so does mixed precision where the machine
//! multiplies no bfloat16.
//!
//! A strip of tiles of any images is transformed into a panel for each point, each multiplied by its own matrix of packed
//! weights; the products of a few output channels are transformed back at once. A tile's outputs depend on its inputs
//! alone.

mod gradient;
mod kind;
mod tiles;
mod transform;

use rayon::prelude::*;

use crate::conv::{Activation, Conv, Epilogue};
use crate::finish::Shared;
use crate::gather::RowPart;
use crate::level::Mode;
use crate::memory::Room;
use crate::product::Layout;
use crate::scratch;
use crate::tile::{Tile, by_weights};
use crate::weights::{Direction, NONE, PackedWeights, Pairs, Way};
use tiles::{LANES, Outputs, Squares, Tiling};

pub(crate) use gradient::{Strip as GradientStrip, weight_gradient};
pub(crate) use kind::Kind;

/// Lanes between two points of `inputs` channels: a line more than they need, for points a multiple of 4 KiB apart would
/// all fall in the same few lines of the first cache.
fn point_lanes(inputs: usize) -> usize {
    inputs * LANES + 16
}

/// How a convolution goes this way, if it does.
pub(crate) fn kind(conv: &Conv, mode: Mode, direction: Direction) -> Option<Kind> {
    let suits = mode.is_filtered() && conv.groups == 1;
    let (inputs, outputs) = (conv.in_channels, conv.out_channels);
    // Channels on either side from which the products pay for the transforms.
    match (conv.kernel, conv.stride) {
        _ if !suits => None,
        ([3, 3], [1, 1]) if inputs.min(outputs) >= 16 && conv.padding.iter().all(|&padding| padding <= 2) => {
            Some(Kind::Plain)
        }
        // On a few pixels tiles of 3x3 outputs are mostly margin.
        ([4, 4], [2, 2])
            if inputs >= 4 && outputs >= 16 && conv.out_size().is_ok_and(|[h, w]| h.min(w) >= 12) =>
        {
            Some(if direction == Direction::Forward { Kind::Halving } else { Kind::Doubling })
        }
        _ => None,
    }
}

/// Packs `w` for [`product`].
pub(crate) fn pack(kind: Kind, conv: &Conv, w: &[f32], mode: Mode, direction: Direction) -> PackedWeights {
    let [inputs, outputs] = kind.channels(conv, direction);
    let mut packed = PackedWeights {
        mode,
        pairs: Pairs::None,
        way: Way::Tiles(kind),
        groups: kind.points(),
        inputs,
        outputs,
        parts: Vec::new(),
        made_for: conv.made_for(direction),
    };
    packed.add_part([0, 0], vec![[0, 0]], vec![[0, NONE]]);
    packed.pack(&kind.transformed(conv, w, direction), [inputs, 1], 1);
    packed
}

/// One product on its way.
struct Product<'a> {
    kind: Kind,
    layout: Layout,
    tiling: Tiling,
    weights: &'a PackedWeights,
    padding: [usize; 2],
    epilogue: Epilogue<'a>,
    y: Shared<'a>,
}

/// What a thread keeps for its strips.
#[derive(Default)]
pub(crate) struct Strip {
    parts: Vec<RowPart>,
    inputs: Squares,
    outputs: Outputs,
}

/// Computes all of `y`; every element is written once.
pub(crate) fn product<'y>(
    kind: Kind,
    layout: Layout,
    (weights, x): (&PackedWeights, &[f32]),
    epilogue: Epilogue<'_>,
    mut y: Room<'y>,
) -> &'y mut [f32] {
    let made_for = weights.made_for;
    let lead = if kind == Kind::Doubling { made_for.padding } else { [0, 0] };
    let padding = match made_for.direction {
        _ if kind == Kind::Doubling => [1, 1],
        Direction::Forward => made_for.padding,
        Direction::InputGradient => made_for.padding.map(|padding| 2 - padding),
    };
    let tiling = Tiling::new(layout.images, layout.size, kind.outputs(), lead);
    let product = Product { kind, layout, tiling, weights, padding, epilogue, y: Shared::over(&mut y) };
    (0..tiling.strips()).into_par_iter().for_each(|strip| {
        scratch::with(|scratch| {
            let scratch::Scratch { panel, sums, filter, .. } = scratch;
            let inputs = panel.take(kind.points() * point_lanes(weights.inputs));
            let tiles = product.tiling.strip(strip, &mut filter.parts);
            product.transform(x, filter, inputs);
            let sums = sums.take(kind.points() * weights.rows() * LANES);
            product.multiply(tiles, inputs, sums, filter);
        });
    });
    // SAFETY: the strips' tiles are all of every plane, and each writes all of its channels.
    unsafe { y.written() }
}

impl Product<'_> {
    /// The strip's tiles as `[point][input][tile]`.
    fn transform(&self, x: &[f32], strip: &mut Strip, to: &mut [f32]) {
        let (level, inputs) = (self.weights.mode.level, self.weights.inputs);
        let (take, phases) = (self.kind.take(self.padding), self.kind.input_phases());
        for channel in 0..inputs / phases {
            strip.inputs.take(level, take, (x, self.layout.source, channel), &strip.parts);
            let to = (&mut to[channel * phases * LANES..], point_lanes(inputs));
            self.kind.input_points(level, &strip.inputs, to);
        }
    }

    /// Multiplies, and transforms back panel by panel.
    fn multiply(&self, tiles: usize, inputs: &[f32], sums: &mut [f32], strip: &mut Strip) {
        let weights = self.weights;
        let each = weights.rows() * LANES;
        let part = &weights.parts[0];
        for panel in 0..weights.panels() {
            for block in weights.blocks(part) {
                for point in 0..self.kind.points() {
                    let first = point * point_lanes(weights.inputs) + block.channel * LANES;
                    let call = Tile {
                        depth: block.channels,
                        left: weights.panel(part, block, [point, panel]),
                        right: &inputs[first..][..block.channels * LANES],
                        right_stride: LANES,
                        sums: &mut sums[point * each..][..each],
                        sums_stride: LANES,
                        fresh: block.channel == 0,
                        out: None,
                    };
                    by_weights(weights.mode, weights.height(panel), tiles, call);
                }
            }
            let phases = self.kind.output_phases();
            for row in (0..weights.height(panel)).step_by(phases) {
                let channel = (panel * weights.rows() + row) / phases;
                self.write(channel, &sums[row * LANES..], strip);
            }
        }
    }

    /// Transforms one channel's sums, `[point][each]`, back and writes its outputs.
    fn write(&self, channel: usize, sums: &[f32], strip: &mut Strip) {
        let (level, each) = (self.weights.mode.level, self.weights.rows() * LANES);
        let bias = self.epilogue.bias.map_or(0.0, |bias| bias[channel]);
        let Strip { parts, outputs, .. } = strip;
        let finish = Finish { bias, activation: self.epilogue.activation };
        self.kind.computed(level, (sums, each), finish, &mut *outputs.computed);
        let plane = self.layout.size[0] * self.layout.size[1];
        let channels = self.weights.outputs / self.kind.output_phases();
        outputs.give(level, &self.tiling, parts, |image, first, count| {
            // SAFETY: each tile of each channel lies in one strip.
            unsafe { self.y.room((image * channels + channel) * plane + first, count) }
        });
    }
}

/// What follows the sums of one channel.
#[derive(Clone, Copy)]
struct Finish {
    bias: f32,
    activation: Activation,
}
