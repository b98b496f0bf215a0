//! The gradient by the weights: tiles of `x` and of `dy`, each transformed, multiplied point by point and summed over all
//! tiles; the sums alone are transformed to 3x3.

use rayon::prelude::*;

use super::kind::phase_at;
use super::tiles::{LANES, Squares, Take, Tiling};
use super::transform::{WeightsGradient, both};
use super::{Kind, point_lanes};
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
    inputs: Squares,
    outputs: Squares,
    points: Buffer,
}

/// One gradient on its way.
struct Gradient<'a> {
    conv: Conv,
    kind: Kind,
    mode: Mode,
    tiling: Tiling,
    x: (&'a [f32], Source),
    dy: (&'a [f32], Source),
    /// Lanes of one row of sums: output channels, rounded up to vectors.
    lanes: usize,
}

/// `dw`, as [`crate::weight_gradient`], of a convolution that goes this way.
pub(crate) fn weight_gradient(
    kind: Kind,
    conv: &Conv,
    [x, dy]: [&[f32]; 2],
    mode: Mode,
    dw: &mut [f32],
) -> Result<(), ShapeError> {
    let size = conv.out_size()?;
    let source = |channels, [height, width]: [usize; 2]| Source {
        channels,
        height,
        width,
        step: [1, 1],
        upsampled: false,
    };
    let gradient = Gradient {
        conv: *conv,
        kind,
        mode,
        tiling: Tiling::new(conv.batch, size, kind.outputs(), [0, 0]),
        x: (x, source(conv.in_channels, [conv.height, conv.width])),
        dy: (dy, source(conv.out_channels, size)),
        // Whole squares of a transposition.
        lanes: conv.out_channels.next_multiple_of(width(mode.level).max(BLOCK)),
    };
    gradient.run(dw);
    Ok(())
}

impl Gradient<'_> {
    /// Rows of a point's sums: the phases of each input channel.
    fn rows(&self) -> usize {
        self.conv.in_channels * self.kind.input_phases()
    }

    fn run(&self, dw: &mut [f32]) {
        let strips = self.tiling.strips();
        let points = self.kind.points();
        // Tiles of sums read a few rows past a point's last.
        let point = (self.rows() + ROWS) * self.lanes;
        let strands = strips.min(if points * point > LARGE { 2 } else { 4 });
        if strands == 0 {
            return dw.fill(0.0);
        }
        scratch::with_partials(strands * points * point, |partials| {
            let strands_of = partials.par_chunks_mut(points * point).enumerate();
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
        let (level, inputs, kind) = (self.mode.level, self.rows(), self.kind);
        let all = kind.points();
        let Scratch { filter_gradient, panel, other, .. } = scratch;
        let Strip { parts, inputs: squares, outputs, points } = filter_gradient;
        let tiles = self.tiling.strip(strip, parts);
        let x = panel.take(all * point_lanes(inputs));
        let (take, phases) = (kind.take(self.conv.padding), kind.input_phases());
        for channel in 0..self.conv.in_channels {
            squares.take(level, take, (self.x.0, self.x.1, channel), parts);
            kind.input_points(level, squares, (&mut x[channel * phases * LANES..], point_lanes(inputs)));
        }
        // Eight output channels at a time: transformed, then turned to `[point][tile][lanes]`.
        let dy = other.take(all * LANES * self.lanes);
        let eight = points.take(BLOCK * all * LANES);
        for first in (0..self.lanes).step_by(BLOCK) {
            let count = self.conv.out_channels.saturating_sub(first).min(BLOCK);
            for index in 0..count {
                let take = Take { side: kind.outputs(), step: kind.outputs(), padding: [0, 0] };
                outputs.take(level, take, (self.dy.0, self.dy.1, first + index), parts);
                kind.output_points(level, outputs, (&mut eight[index * LANES..], BLOCK * LANES));
            }
            for (point, eight) in eight.chunks_exact_mut(BLOCK * LANES).enumerate() {
                eight[count * LANES..].fill(0.0);
                let to = &mut dy[point * LANES * self.lanes + first..];
                transpose(level, (eight, LANES), [BLOCK, LANES], (to, self.lanes));
            }
        }
        let rows: Vec<usize> = (0..inputs).map(|row| 4 * row * LANES).collect();
        for point in 0..all {
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

    /// Adds the strands in order and transforms the sums to `[outputs][inputs][kernel]`.
    fn reduce(&self, partials: &[f32], point_len: usize, dw: &mut [f32]) {
        let (taps, phases) = (self.conv.kernel[0] * self.conv.kernel[1], self.kind.input_phases());
        let row = self.conv.in_channels * taps;
        dw.par_chunks_mut(BLOCK * row).enumerate().for_each(|(part, dw)| {
            // The points of a row of sums, of eight output channels.
            let mut sums = vec![[0.0; BLOCK]; self.kind.points()];
            for input in 0..self.rows() {
                for (point, sum) in sums.iter_mut().enumerate() {
                    let at = point * point_len + input * self.lanes + part * BLOCK;
                    *sum = [0.0; BLOCK];
                    for strand in partials.chunks(self.kind.points() * point_len) {
                        sum.iter_mut().zip(&strand[at..]).for_each(|(sum, value)| *sum += value);
                    }
                }
                for (lane, dw) in dw.chunks_exact_mut(row).enumerate() {
                    let to = &mut dw[input / phases * taps..][..taps];
                    match self.kind {
                        Kind::Plain => {
                            let own: [[f32; 6]; 6] = square(&sums, lane);
                            to.copy_from_slice(both::<WeightsGradient, f32, 6, 3>(&own).as_flattened());
                        }
                        _ => {
                            let own: [[f32; 4]; 4] = square(&sums, lane);
                            let kernel = both::<WeightsGradient, f32, 4, 2>(&own);
                            for (at, value) in kernel.as_flattened().iter().enumerate() {
                                to[phase_at(input % phases, [at / 2, at % 2])] = *value;
                            }
                        }
                    }
                }
            }
        });
    }
}

/// The sums of one output channel.
fn square<const N: usize>(sums: &[[f32; BLOCK]], lane: usize) -> [[f32; N]; N] {
    std::array::from_fn(|row| std::array::from_fn(|col| sums[row * N + col][lane]))
}
