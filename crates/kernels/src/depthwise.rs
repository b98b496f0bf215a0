//! Convolutions of one channel each: weighted sums of shifted rows. As matrix products they would have one row, and cost
//! what setting out the pixels costs.
//!
//! Rows are set out with zeros at their sides, in a stretch for each phase of the stride, so that every tap reads one
//! stretch, lane by lane.

use rayon::prelude::*;

use crate::conv::{Conv, Epilogue, phase_taps};
use crate::finish::finish;
use crate::level::Mode;
use crate::memory::Room;
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
pub(crate) fn forward<'y>(
    conv: &Conv,
    x: &[f32],
    w: &[f32],
    epilogue: Epilogue<'_>,
    mut y: Room<'y>,
) -> &'y mut [f32] {
    let [rows, cols] = conv.out_size().expect("checked");
    let (phases, kernel) = (Phases::of(conv, cols), conv.kernel[0] * conv.kernel[1]);
    let reads: Vec<Vec<Read>> = (0..rows).map(|row| phases.reads(row).collect()).collect();
    let planes = x.par_chunks_exact(conv.height * conv.width);
    y.parts(rows * cols).zip(planes).enumerate().for_each(|(plane, (y, x))| {
        let channel = plane % conv.groups;
        let w = &w[channel * kernel..][..kernel];
        scratch::with(|scratch| {
            let staged = scratch.staged.take(phases.len(conv.height));
            vectorised(
                #[inline(always)]
                || {
                    phases.fill(x, staged);
                    for (row, reads) in reads.iter().enumerate() {
                        weigh((w, reads, staged), &mut y[row * cols..], cols);
                    }
                    finish(epilogue, channel, y);
                },
            );
        });
    });
    // SAFETY: each plane was cleared and written.
    unsafe { y.written() }
}

/// `dx`, the gradient by `x`; lengths are checked.
pub(crate) fn input_gradient<'y>(conv: &Conv, dy: &[f32], w: &[f32], mut dx: Room<'y>) -> &'y mut [f32] {
    let [rows, cols] = conv.out_size().expect("checked");
    let (step, kernel) = (conv.stride[1], conv.kernel[0] * conv.kernel[1]);
    let spread = Spread::of(conv, [rows, cols]);
    let reads: Vec<Vec<Vec<Read>>> =
        (0..conv.height).map(|row| (0..step).map(|phase| spread.reads(row, phase)).collect()).collect();
    let planes = dy.par_chunks_exact(rows * cols);
    let planes = dx.parts(conv.height * conv.width).zip(planes).enumerate();
    planes.for_each(|(plane, (dx, dy))| {
        let w = &w[plane % conv.groups * kernel..][..kernel];
        scratch::with(|scratch| {
            let staged = scratch.staged.take(rows * spread.wide + LANES);
            let sums = scratch.sums.take(conv.width.div_ceil(step) + LANES);
            vectorised(
                #[inline(always)]
                || {
                    staged.fill(0.0);
                    for (to, from) in staged.chunks_exact_mut(spread.wide).zip(dy.chunks_exact(cols)) {
                        to[conv.kernel[1]..][..cols].copy_from_slice(from);
                    }
                    if step == 1 {
                        for (row, reads) in reads.iter().enumerate() {
                            weigh((w, &reads[0], staged), &mut dx[row * conv.width..], conv.width);
                        }
                        return;
                    }
                    for (reads, dx) in reads.iter().zip(dx.chunks_exact_mut(conv.width)) {
                        for (phase, reads) in reads.iter().enumerate().take(conv.width) {
                            weigh((w, reads, staged), sums, (conv.width - phase).div_ceil(step));
                            let to = dx[phase..].iter_mut().step_by(step);
                            to.zip(&*sums).for_each(|(dx, sum)| *dx = *sum);
                        }
                    }
                },
            );
        });
    });
    // SAFETY: each plane was cleared and written.
    unsafe { dx.written() }
}

/// `dw`, the gradient by the weights; lengths are checked.
pub(crate) fn weight_gradient(conv: &Conv, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let [rows, cols] = conv.out_size().expect("checked");
    let (phases, wide) = (Phases::of(conv, cols), cols.next_multiple_of(STRANDS));
    let (kernel, size) = (conv.kernel[0] * conv.kernel[1], conv.height * conv.width);
    let reads: Vec<Vec<Read>> = (0..rows).map(|row| phases.reads(row).collect()).collect();
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
                        for (reads, slopes) in reads.iter().zip(slopes.chunks_exact(wide)) {
                            for read in reads {
                                add_products(&mut sums[read.tap], slopes, &staged[read.at..], cols);
                            }
                        }
                    }
                    dw.iter_mut().zip(&sums).for_each(|(dw, sums)| *dw = sums.iter().sum());
                },
            );
        });
    });
}

/// Where a tap's values begin for one row.
struct Read {
    tap: usize,
    at: usize,
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

    /// For each tap that row `row` of `y` reads within `x`.
    fn reads(&self, row: usize) -> impl Iterator<Item = Read> {
        let Self { conv, wide } = *self;
        let ([tall, taps], [down, right]) = (conv.kernel, conv.stride);
        let from = move |tap: usize| (row * down + tap).checked_sub(conv.padding[0]);
        let rows =
            (0..tall).filter_map(move |tap| Some((tap, from(tap).filter(|from| *from < conv.height)?)));
        let read = move |row_tap: usize, from: usize, tap: usize| Read {
            tap: row_tap * taps + tap,
            at: (from * right + tap % right) * wide + tap / right,
        };
        rows.flat_map(move |(row_tap, from)| (0..taps).map(move |tap| read(row_tap, from, tap)))
    }
}

/// How a plane of `dy` is set out: for each row `wide` values, as many zeros first as the kernel is wide.
struct Spread<'a> {
    conv: &'a Conv,
    rows: usize,
    wide: usize,
}

impl<'a> Spread<'a> {
    fn of(conv: &'a Conv, [rows, cols]: [usize; 2]) -> Self {
        let step = conv.stride[1];
        let reach = conv.width.div_ceil(step) + (step + conv.padding[1]) / step;
        Self { conv, rows, wide: conv.kernel[1] + cols.max(reach) }
    }

    /// For each tap by which `dy` reaches row `row` of `dx`, in the columns of one phase of the stride.
    fn reads(&self, row: usize, phase: usize) -> Vec<Read> {
        let (taps, down) = (self.conv.kernel[1], self.conv.stride[0]);
        let from = |shift: isize| (row / down).checked_add_signed(shift).filter(|from| *from < self.rows);
        let rows = phase_taps(self.conv, 0, row % down);
        let rows = rows.filter_map(|(tap, shift)| Some((tap, from(shift)?)));
        let read = |row_tap: usize, from: usize, (tap, shift): (usize, isize)| Read {
            tap: row_tap * taps + tap,
            at: (from * self.wide + taps).wrapping_add_signed(shift),
        };
        rows.flat_map(|(row_tap, from)| {
            phase_taps(self.conv, 1, phase).map(move |tap| read(row_tap, from, tap))
        })
        .collect()
    }
}

/// The first `count` of `sums` become the sums of weight times value in the reads' order. What follows them in the last vector,
/// where there is room, becomes anything: rows are summed from the first to the last, so the next one mends it.
#[inline(always)]
fn weigh((w, reads, staged): (&[f32], &[Read], &[f32]), sums: &mut [f32], count: usize) {
    for first in (0..count).step_by(LANES) {
        let mut lanes = [0.0; LANES];
        for read in reads {
            let weight = w[read.tap];
            let values: &[f32; LANES] = staged[read.at + first..].first_chunk().expect("values go on");
            lanes.iter_mut().zip(values).for_each(|(lane, value)| *lane += weight * value);
        }
        let sums = &mut sums[first..];
        match sums.first_chunk_mut() {
            Some(sums) => *sums = lanes,
            None => {
                let rest = sums.len();
                sums.copy_from_slice(&lanes[..rest]);
            }
        }
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
