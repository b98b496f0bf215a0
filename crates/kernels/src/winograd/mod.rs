//! Minimal filtering (Winograd 1980; Lavin and Gray 2016): a 3x3 convolution by tiles of 4x4 outputs takes 36 products
//! where its definition has 144. Errors are some ten times those of plain sums in `f32`, a hundredth of those of bfloat16,
//! so [`Precision::Mixed`] takes this way where the machine multiplies no bfloat16.
//!
//! A strip of tiles of any images is transformed into 36 panels, each multiplied by its own matrix of packed weights;
//! the products of a few output channels are transformed back at once. A tile's outputs depend on its inputs alone.

mod gradient;
mod tiles;
mod transform;

use rayon::prelude::*;

use crate::conv::{Activation, Conv, Epilogue};
use crate::finish::Shared;
use crate::gather::RowPart;
use crate::lanes::Lanes;
use crate::lanes::Plain;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::level::{Level, Mode, Precision};
use crate::product::Layout;
use crate::scratch;
use crate::tile::{Tile, by_weights};
use crate::weights::{Direction, NONE, PackedWeights, Pairs, Way};
use tiles::{LANES, Outputs, STEP, Squares, Tiling};
use transform::{Input, Map, Output, OutputGradient, Weights, Wide, both};

pub(crate) use gradient::{Strip as GradientStrip, weight_gradient};

/// Rows and columns of a transformed tile.
const SIDE: usize = 6;
/// Numbers of a transformed tile, each with a product of its own.
pub(crate) const POINTS: usize = SIDE * SIDE;
/// Lanes between two points of `inputs` channels: a line more than they need, for points a multiple of 4 KiB apart would
/// all fall in the same few lines of the first cache.
fn point_lanes(inputs: usize) -> usize {
    inputs * LANES + 16
}

/// Channels on either side from which the products pay for the transforms.
const CHANNELS: usize = 16;

/// Whether a convolution goes this way.
pub(crate) fn suits(conv: &Conv, mode: Mode) -> bool {
    mode.precision == Precision::Mixed
        && mode.level < Level::Bf16
        && conv.kernel == [3, 3]
        && conv.stride == [1, 1]
        && conv.padding.iter().all(|&padding| padding <= 2)
        && conv.groups == 1
        && conv.in_channels.min(conv.out_channels) >= CHANNELS
}

/// Packs `w` for [`product`].
pub(crate) fn pack(conv: &Conv, w: &[f32], mode: Mode, direction: Direction) -> PackedWeights {
    let (inputs, outputs) = match direction {
        Direction::Forward => (conv.in_channels, conv.out_channels),
        Direction::InputGradient => (conv.out_channels, conv.in_channels),
    };
    let mut packed = PackedWeights {
        mode,
        pairs: Pairs::None,
        way: Way::Tiles,
        groups: POINTS,
        inputs,
        outputs,
        parts: Vec::new(),
        made_for: conv.made_for(direction),
    };
    packed.add_part([0, 0], vec![[0, 0]], vec![[0, NONE]]);
    packed.pack(&transformed([outputs, inputs], w, direction), [inputs, 1], 1);
    packed
}

/// The transformed weights as [`POINTS`] matrices `[outputs][inputs]` of what the product reads and writes.
fn transformed([outputs, inputs]: [usize; 2], w: &[f32], direction: Direction) -> Vec<f32> {
    let mut to = vec![0.0; POINTS * outputs * inputs];
    let shared = Shared::new(&mut to);
    (0..outputs).into_par_iter().with_min_len(16).for_each(|output| {
        // SAFETY: each output has its own rows.
        let mut rows: [&mut [f32]; POINTS] =
            std::array::from_fn(|point| unsafe { shared.part((point * outputs + output) * inputs, inputs) });
        for input in 0..inputs {
            let kernel = |of: usize| &w[of * 9..][..9];
            let square: [[f32; 3]; 3] = match direction {
                Direction::Forward => {
                    let kernel = kernel(output * inputs + input);
                    std::array::from_fn(|row| std::array::from_fn(|col| kernel[row * 3 + col]))
                }
                Direction::InputGradient => {
                    let kernel = kernel(input * outputs + output);
                    std::array::from_fn(|row| std::array::from_fn(|col| kernel[8 - row * 3 - col]))
                }
            };
            let points = both::<Weights, _, _, _>(&square);
            rows.iter_mut().zip(points.as_flattened()).for_each(|(row, point)| row[input] = *point);
        }
    });
    to
}

/// One product on its way.
struct Product<'a> {
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
    inputs: Squares<SIDE>,
    outputs: Outputs,
}

/// Computes all of `y`; every element is written once.
pub(crate) fn product(
    layout: Layout,
    weights: &PackedWeights,
    x: &[f32],
    epilogue: Epilogue<'_>,
    y: &mut [f32],
) {
    let padding = weights.made_for.padding.map(|padding| match weights.made_for.direction {
        Direction::Forward => padding,
        Direction::InputGradient => 2 - padding,
    });
    let tiling = Tiling::new(layout.images, layout.size);
    let product = Product { layout, tiling, weights, padding, epilogue, y: Shared::new(y) };
    (0..tiling.strips()).into_par_iter().for_each(|strip| {
        scratch::with(|scratch| {
            let (mut panels, mut sums) =
                (std::mem::take(&mut scratch.panel), std::mem::take(&mut scratch.sums));
            let inputs = panels.take(POINTS * point_lanes(weights.inputs));
            let tiles = product.tiling.strip(strip, &mut scratch.filter.parts);
            product.transform(x, &mut scratch.filter, inputs);
            let sums_len = POINTS * weights.rows() * LANES;
            product.multiply(tiles, inputs, sums.take(sums_len), &mut scratch.filter);
            (scratch.panel, scratch.sums) = (panels, sums);
        });
    });
}

/// Transforms one channel's squares to `to[point][stride]` by `F`.
///
/// # Safety
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn points<V: Lanes, F: Map<N, SIDE>, const N: usize>(
    squares: &Squares<N>,
    (to, stride): (&mut [f32], usize),
) {
    for lane in (0..LANES).step_by(V::WIDTH) {
        // SAFETY: the caller's.
        let points = both::<F, Wide<V>, N, SIDE>(&unsafe { squares.wide(lane) });
        for (point, value) in points.as_flattened().iter().enumerate() {
            value.store(to, point * stride + lane);
        }
    }
}

/// Transforms one channel's sums, `[point][stride]`, to outputs, and finishes them.
///
/// # Safety
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn outputs<V: Lanes>(
    (sums, stride): (&[f32], usize),
    (bias, activation): (f32, Activation),
    to: &mut [[f32; LANES]; STEP * STEP],
) {
    for lane in (0..LANES).step_by(V::WIDTH) {
        // SAFETY: the caller's.
        let load = |point: usize| unsafe { Wide::<V>::load(sums, point * stride + lane) };
        let mut square = [[load(0); SIDE]; SIDE];
        for (point, wide) in square.as_flattened_mut().iter_mut().enumerate() {
            *wide = load(point);
        }
        let back = both::<Output, _, _, _>(&square);
        for (value, to) in back.as_flattened().iter().zip(to.iter_mut()) {
            let value = value.plus(bias);
            match activation {
                Activation::Identity => value.store(to, lane),
                Activation::LeakyRelu(slope) => value.leaky_relu(slope).store(to, lane),
            }
        }
    }
}

/// The transforms at one level.
macro_rules! level {
    ($name:ident, $lanes:ty, [$($features:literal)?]) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn inputs(squares: &Squares<SIDE>, to: (&mut [f32], usize)) {
                // SAFETY: the caller's: the machine has the features above.
                unsafe { points::<$lanes, Input, SIDE>(squares, to) }
            }

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn gradients(squares: &Squares<STEP>, to: (&mut [f32], usize)) {
                // SAFETY: as above.
                unsafe { points::<$lanes, OutputGradient, STEP>(squares, to) }
            }

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn outputs(
                sums: (&[f32], usize),
                finish: (f32, Activation),
                to: &mut [[f32; LANES]; STEP * STEP],
            ) {
                // SAFETY: as above.
                unsafe { super::outputs::<$lanes>(sums, finish, to) }
            }
        }
    };
}

level!(plain, Plain, []);
#[cfg(target_arch = "x86_64")]
level!(avx2, Avx2, ["avx2,fma"]);
#[cfg(target_arch = "x86_64")]
level!(avx512, Avx512, ["avx512f"]);

/// Runs a transform at a level.
macro_rules! at {
    ($level:expr, $transform:ident($($argument:expr),*)) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Mode::checked` let this level through.
            Level::Avx512 | Level::Bf16 => unsafe { avx512::$transform($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { avx2::$transform($($argument),*) },
            // SAFETY: plain Rust runs anywhere.
            _ => unsafe { plain::$transform($($argument),*) },
        }
    };
}

/// Transforms one channel's squares of `x` to `to[point][stride]`.
fn input_points(level: Level, squares: &Squares<SIDE>, to: (&mut [f32], usize)) {
    at!(level, inputs(squares, to));
}

/// Transforms one channel's squares of `dy` to `to[point][stride]`.
fn output_points(level: Level, squares: &Squares<STEP>, to: (&mut [f32], usize)) {
    at!(level, gradients(squares, to));
}

impl Product<'_> {
    /// The strip's tiles as `[point][input][tile]`.
    fn transform(&self, x: &[f32], strip: &mut Strip, to: &mut [f32]) {
        let (level, inputs) = (self.weights.mode.level, self.weights.inputs);
        for channel in 0..inputs {
            let from = (x, self.layout.source);
            strip.inputs.take(level, from, (channel, self.padding), &strip.parts);
            input_points(level, &strip.inputs, (&mut to[channel * LANES..], point_lanes(inputs)));
        }
    }

    /// Multiplies, and transforms back panel by panel.
    fn multiply(&self, tiles: usize, inputs: &[f32], sums: &mut [f32], strip: &mut Strip) {
        let weights = self.weights;
        let each = weights.rows() * LANES;
        let part = &weights.parts[0];
        for panel in 0..weights.panels() {
            for block in weights.blocks(part) {
                for point in 0..POINTS {
                    let call = Tile {
                        depth: block.channels,
                        left: weights.panel(part, block, [point, panel]),
                        right: &inputs[point * point_lanes(weights.inputs) + block.channel * LANES..]
                            [..block.channels * LANES],
                        right_stride: LANES,
                        sums: &mut sums[point * each..][..each],
                        sums_stride: LANES,
                        fresh: block.channel == 0,
                        out: None,
                    };
                    by_weights(weights.mode, weights.height(panel), tiles, call);
                }
            }
            for row in 0..weights.height(panel) {
                self.write(panel * weights.rows() + row, &sums[row * LANES..], strip);
            }
        }
    }

    /// Transforms one channel's sums, `[point][each]`, back and writes its outputs.
    fn write(&self, channel: usize, sums: &[f32], strip: &mut Strip) {
        let each = self.weights.rows() * LANES;
        let bias = self.epilogue.bias.map_or(0.0, |bias| bias[channel]);
        let Strip { parts, outputs, .. } = strip;
        let (level, mut back) = (self.weights.mode.level, [[0.0; LANES]; STEP * STEP]);
        at!(level, outputs((sums, each), (bias, self.epilogue.activation), &mut back));
        outputs.put(level, &back);
        let plane = self.layout.size[0] * self.layout.size[1];
        let channels = self.weights.outputs;
        outputs.give(&self.tiling, parts, |image, first, count| {
            // SAFETY: each tile of each channel lies in one strip.
            unsafe { self.y.part((image * channels + channel) * plane + first, count) }
        });
    }
}
