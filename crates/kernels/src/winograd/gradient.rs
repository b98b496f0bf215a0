//! The gradient by the weights: tiles of `x` and of `dy`, each transformed, multiplied point by point and summed over all
//! tiles; the sums alone are transformed to 3x3.

use rayon::prelude::*;

use super::tiles::{LANES, STEP, Squares, Tiling};
use super::transform::{WeightsGradient, both};
use super::{POINTS, SIDE, input_points, output_points, point_lanes};
use crate::conv::{Conv, ShapeError};
use crate::gather::{RowPart, Source};
use crate::level::Mode;
use crate::scratch::{self, Lines as Buffer, Scratch};
use crate::tile::{Lines, ROWS, by_lines, width};
use crate::transpose::transpose;

/// Sums of this many lanes and more are cut in fewer strands: each strand holds them all.
const LARGE: usize = 1 << 20;

/// Output channels that are turned together.
const BLOCK: usize = 8;

/// What a thread keeps for its strips.
#[derive(Default)]
pub(crate) struct Strip {
    parts: Vec<RowPart>,
    inputs: Squares<SIDE>,
    outputs: Squares<STEP>,
    points: Buffer,
}

/// One gradient on its way.
struct Gradient<'a> {
    conv: Conv,
    mode: Mode,
    tiling: Tiling,
    x: (&'a [f32], Source),
    dy: (&'a [f32], Source),
    /// Lanes of one row of sums: output channels, rounded up to vectors.
    lanes: usize,
}

/// `dw`, as [`crate::weight_gradient`], of a convolution that [`super::suits`].
pub(crate) fn weight_gradient(
    conv: &Conv,
    [x, dy]: [&[f32]; 2],
    mode: Mode,
    dw: &mut [f32],
) -> Result<(), ShapeError> {
    let size = conv.out_size()?;
    let source = |channels, [height, width]: [usize; 2]| Source { channels, height, width, step: [1, 1] };
    let gradient = Gradient {
        conv: *conv,
        mode,
        tiling: Tiling::new(conv.batch, size),
        x: (x, source(conv.in_channels, [conv.height, conv.width])),
        dy: (dy, source(conv.out_channels, size)),
        // Whole squares of a transposition.
        lanes: conv.out_channels.next_multiple_of(width(mode.level).max(BLOCK)),
    };
    gradient.run(dw);
    Ok(())
}

impl Gradient<'_> {
    fn run(&self, dw: &mut [f32]) {
        let strips = self.tiling.strips();
        // Tiles of sums read a few rows past a point's last.
        let point = (self.conv.in_channels + ROWS) * self.lanes;
        let strands = strips.min(if POINTS * point > LARGE { 2 } else { 4 });
        if strands == 0 {
            return dw.fill(0.0);
        }
        scratch::with_partials(strands * POINTS * point, |partials| {
            let strands_of = partials.par_chunks_mut(POINTS * point).enumerate();
            strands_of.for_each(|(strand, sums)| {
                let own = strand * strips / strands..(strand + 1) * strips / strands;
                scratch::with(|scratch| {
                    for (index, strip) in own.enumerate() {
                        self.add(strip, (sums, point), index == 0, scratch);
                    }
                });
            });
            self.reduce(partials, point, dw);
        });
    }

    /// Adds a strip's products to `sums[point][input][lanes]`.
    fn add(&self, strip: usize, (sums, point_len): (&mut [f32], usize), fresh: bool, scratch: &mut Scratch) {
        let (level, inputs) = (self.mode.level, self.conv.in_channels);
        let Scratch { filter_gradient, panel, other, .. } = scratch;
        let Strip { parts, inputs: squares, outputs, points } = filter_gradient;
        let tiles = self.tiling.strip(strip, parts);
        let x = panel.take(POINTS * point_lanes(inputs));
        for channel in 0..inputs {
            squares.take(level, self.x, (channel, self.conv.padding), parts);
            input_points(level, squares, (&mut x[channel * LANES..], point_lanes(inputs)));
        }
        // Eight output channels at a time: transformed, then turned to `[point][tile][lanes]`.
        let dy = other.take(POINTS * LANES * self.lanes);
        let eight = points.take(BLOCK * POINTS * LANES);
        for first in (0..self.lanes).step_by(BLOCK) {
            let count = self.conv.out_channels.saturating_sub(first).min(BLOCK);
            for index in 0..count {
                outputs.take(level, self.dy, (first + index, [0, 0]), parts);
                output_points(level, outputs, (&mut eight[index * LANES..], BLOCK * LANES));
            }
            for (point, eight) in eight.chunks_exact_mut(BLOCK * LANES).enumerate() {
                eight[count * LANES..].fill(0.0);
                let to = &mut dy[point * LANES * self.lanes + first..];
                transpose(level, (eight, LANES), [BLOCK, LANES], (to, self.lanes));
            }
        }
        let rows: Vec<usize> = (0..inputs).map(|row| 4 * row * LANES).collect();
        for point in 0..POINTS {
            let lines = Lines {
                staged: &x[point * point_lanes(inputs)..][..inputs * LANES],
                rows: &rows,
                lines: &[0],
                depth: tiles,
                half: false,
                right: &dy[point * LANES * self.lanes..][..tiles * self.lanes],
                stride: self.lanes,
                sums: &mut sums[point * point_len..][..point_len],
                fresh,
            };
            by_lines(self.mode, lines);
        }
    }

    /// Adds the strands in order and transforms the sums to `[outputs][inputs][3][3]`.
    fn reduce(&self, partials: &[f32], point_len: usize, dw: &mut [f32]) {
        let row = self.conv.in_channels * 9;
        dw.par_chunks_mut(BLOCK * row).enumerate().for_each(|(part, dw)| {
            for input in 0..self.conv.in_channels {
                let square: [[[f32; BLOCK]; SIDE]; SIDE] = std::array::from_fn(|down| {
                    std::array::from_fn(|right| {
                        let at = (down * SIDE + right) * point_len + input * self.lanes + part * BLOCK;
                        let mut sum = [0.0; BLOCK];
                        for strand in partials.chunks(POINTS * point_len) {
                            sum.iter_mut().zip(&strand[at..]).for_each(|(sum, value)| *sum += value);
                        }
                        sum
                    })
                });
                for (lane, dw) in dw.chunks_exact_mut(row).enumerate() {
                    let own = square.map(|row| row.map(|sums| sums[lane]));
                    let kernel = both::<WeightsGradient, _, _, _>(&own);
                    dw[input * 9..][..9].copy_from_slice(kernel.as_flattened());
                }
            }
        });
    }
}
