//! Convolutions of one channel each: weighted sums of shifted rows. As matrix products they would have one row, and cost
//! what setting out the pixels costs.
//!
//! Rows are set out with zeros at their sides, in a stretch for each phase of the stride, so that every tap reads one
//! stretch, lane by lane.

use rayon::prelude::*;

use crate::conv::{Conv, Epilogue, phase_taps};
use crate::finish::finish;
use crate::level::Mode;
use crate::passes::vectorised;
use crate::scratch;
use crate::weights::{Direction, PackedWeights};

/// Sums that are computed together.
const LANES: usize = 16;
/// Strands of a sum over positions.
const STRANDS: usize = 8;

/// Whether every channel is convolved by itself.
pub(crate) fn applies(conv: &Conv) -> bool {
    [conv.in_channels, conv.out_channels] == [conv.groups; 2]
}

/// Keeps `w` for either direction.
pub(crate) fn pack(conv: &Conv, w: &[f32], mode: Mode, direction: Direction) -> PackedWeights {
    PackedWeights::of_planes(w, conv.groups, mode, conv.made_for(direction))
}

/// `y = activation(conv(x, w) + bias)`; lengths are checked.
pub(crate) fn forward(conv: &Conv, x: &[f32], w: &[f32], epilogue: Epilogue<'_>, y: &mut [f32]) {
    let [rows, cols] = conv.out_size().expect("checked");
    let (phases, kernel) = (Phases::of(conv, cols), conv.kernel[0] * conv.kernel[1]);
    let planes = x.par_chunks_exact(conv.height * conv.width);
    y.par_chunks_exact_mut(rows * cols).zip(planes).enumerate().for_each(|(plane, (y, x))| {
        let channel = plane % conv.groups;
        let w = &w[channel * kernel..][..kernel];
        scratch::with(|scratch| {
            let staged = scratch.staged.take(phases.len(conv.height));
            vectorised(
                #[inline(always)]
                || {
                    phases.fill(x, staged);
                    let mut terms = Vec::with_capacity(kernel);
                    for (row, y) in y.chunks_exact_mut(cols).enumerate() {
                        terms.clear();
                        terms.extend(phases.reads(row).map(|(tap, at)| (w[tap], &staged[at..])));
                        weigh(&terms, y);
                    }
                    finish(epilogue, channel, y);
                },
            );
        });
    });
}

/// `dx`, the gradient by `x`; lengths are checked.
pub(crate) fn input_gradient(conv: &Conv, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    let [rows, cols] = conv.out_size().expect("checked");
    let ([down, right], kernel) = (conv.stride, conv.kernel[0] * conv.kernel[1]);
    let margin = conv.kernel[1];
    let wide = margin + cols.max(conv.width.div_ceil(right) + (right + conv.padding[1]) / right);
    let across: Vec<Vec<_>> = (0..right).map(|phase| phase_taps(conv, 1, phase).collect()).collect();
    let planes = dy.par_chunks_exact(rows * cols);
    dx.par_chunks_exact_mut(conv.height * conv.width).zip(planes).enumerate().for_each(
        |(plane, (dx, dy))| {
            let w = &w[plane % conv.groups * kernel..][..kernel];
            scratch::with(|scratch| {
                let staged = scratch.staged.take(rows * wide + LANES);
                let sums = scratch.sums.take(conv.width.div_ceil(right));
                vectorised(
                    #[inline(always)]
                    || {
                        staged.fill(0.0);
                        for (to, from) in staged.chunks_exact_mut(wide).zip(dy.chunks_exact(cols)) {
                            to[margin..margin + cols].copy_from_slice(from);
                        }
                        let mut terms = Vec::with_capacity(kernel);
                        for (row, dx) in dx.chunks_exact_mut(conv.width).enumerate() {
                            for (phase, across) in across.iter().enumerate() {
                                terms.clear();
                                for (tall, shift) in phase_taps(conv, 0, row % down) {
                                    let from =
                                        (row / down).checked_add_signed(shift).filter(|from| *from < rows);
                                    let Some(from) = from else { continue };
                                    terms.extend(across.iter().map(|&(wide_tap, shift)| {
                                        let at = (from * wide + margin).wrapping_add_signed(shift);
                                        (w[tall * conv.kernel[1] + wide_tap], &staged[at..])
                                    }));
                                }
                                let count = conv.width.saturating_sub(phase).div_ceil(right);
                                weigh(&terms, &mut sums[..count]);
                                dx[phase.min(conv.width)..]
                                    .iter_mut()
                                    .step_by(right)
                                    .zip(&*sums)
                                    .for_each(|(dx, sum)| *dx = *sum);
                            }
                        }
                    },
                );
            });
        },
    );
}

/// `dw`, the gradient by the weights; lengths are checked.
pub(crate) fn weight_gradient(conv: &Conv, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let [rows, cols] = conv.out_size().expect("checked");
    let (phases, wide) = (Phases::of(conv, cols), cols.next_multiple_of(STRANDS));
    let (kernel, size) = (conv.kernel[0] * conv.kernel[1], conv.height * conv.width);
    dw.par_chunks_exact_mut(kernel).enumerate().for_each(|(channel, dw)| {
        scratch::with(|scratch| {
            let staged = scratch.staged.take(phases.len(conv.height));
            let slopes = scratch.other.take(rows * wide);
            vectorised(
                #[inline(always)]
                || {
                    slopes.fill(0.0);
                    let mut sums = vec![[0.0; STRANDS]; kernel];
                    for plane in (channel..conv.batch * conv.groups).step_by(conv.groups) {
                        phases.fill(&x[plane * size..][..size], staged);
                        let dy = dy[plane * rows * cols..][..rows * cols].chunks_exact(cols);
                        for (to, from) in slopes.chunks_exact_mut(wide).zip(dy) {
                            to[..cols].copy_from_slice(from);
                        }
                        for (row, slopes) in slopes.chunks_exact(wide).enumerate() {
                            for (tap, at) in phases.reads(row) {
                                add_products(&mut sums[tap], slopes, &staged[at..], cols);
                            }
                        }
                    }
                    dw.iter_mut().zip(&sums).for_each(|(dw, sums)| *dw = sums.iter().sum());
                },
            );
        });
    });
}

/// How a plane of `x` is set out: for each row, for each phase of the horizontal stride, `wide` values from
/// `padding` zeros on.
struct Phases<'a> {
    conv: &'a Conv,
    wide: usize,
}

impl<'a> Phases<'a> {
    fn of(conv: &'a Conv, cols: usize) -> Self {
        Self { conv, wide: cols + (conv.kernel[1] - 1) / conv.stride[1] }
    }

    /// Values of `rows` rows, and as many more as a vector that begins at the last reads.
    fn len(&self, rows: usize) -> usize {
        rows * self.conv.stride[1] * self.wide + LANES
    }

    #[inline(always)]
    fn fill(&self, x: &[f32], staged: &mut [f32]) {
        let (step, padding) = (self.conv.stride[1], self.conv.padding[1]);
        staged.fill(0.0);
        for (rows, x) in staged.chunks_exact_mut(step * self.wide).zip(x.chunks_exact(self.conv.width)) {
            for (phase, to) in rows.chunks_exact_mut(self.wide).enumerate() {
                let first = padding.saturating_sub(phase).div_ceil(step);
                let from = (first * step + phase - padding).min(x.len());
                let to = to.iter_mut().skip(first);
                match step {
                    1 => to.zip(&x[from..]).for_each(|(to, from)| *to = *from),
                    _ => to.zip(x[from..].iter().step_by(step)).for_each(|(to, from)| *to = *from),
                }
            }
        }
    }

    /// For each tap that row `row` of `y` reads within `x`: where its values begin.
    #[inline(always)]
    fn reads(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { conv, wide } = *self;
        let ([tall, taps], [down, right]) = (conv.kernel, conv.stride);
        let from = move |tap: usize| {
            (row * down + tap).checked_sub(conv.padding[0]).filter(|from| *from < conv.height)
        };
        let rows = (0..tall).filter_map(move |tap| from(tap).map(|from| (tap, from)));
        rows.flat_map(move |(row_tap, from)| {
            (0..taps)
                .map(move |tap| (row_tap * taps + tap, (from * right + tap % right) * wide + tap / right))
        })
    }
}

/// `sums[i]` is the sum of `weight * values[i]` in the terms' order; values go on for a vector beyond the sums.
#[inline(always)]
fn weigh(terms: &[(f32, &[f32])], sums: &mut [f32]) {
    for (block, sums) in sums.chunks_mut(LANES).enumerate() {
        let mut lanes = [0.0; LANES];
        for (weight, values) in terms {
            let values: &[f32; LANES] = values[block * LANES..].first_chunk().expect("values go on");
            lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += weight * value);
        }
        sums.copy_from_slice(&lanes[..sums.len()]);
    }
}

/// Adds the products of the first `count` values of two rows to strands; both rows go on for a strand's block.
#[inline(always)]
fn add_products(strands: &mut [f32; STRANDS], a: &[f32], b: &[f32], count: usize) {
    let blocks = a.as_chunks::<STRANDS>().0.iter().zip(b.as_chunks::<STRANDS>().0);
    let (whole, rest) = (count / STRANDS, count % STRANDS);
    let mut blocks = blocks.take(whole + usize::from(rest > 0));
    for (a, b) in blocks.by_ref().take(whole) {
        strands.iter_mut().zip(a.iter().zip(b)).for_each(|(strand, (a, b))| *strand += a * b);
    }
    // What follows the last value is no term, not even as 0 times infinity.
    for (a, b) in blocks {
        for (i, strand) in strands.iter_mut().enumerate() {
            let product = a[i] * b[i];
            *strand += if i < rest { product } else { 0.0 };
        }
    }
}
