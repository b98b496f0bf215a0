//! The gradient by the weights: a matrix product that sums over positions.
//!
//! Rows are (input channel, tap) and repeat along a vector of output channels: `x` is staged once for all taps, a
//! term of a row is wherever its tap reads, and only `dy` is turned. Positions are cut in strips and these in
//! strands, which the shape alone decides; each strand is summed in order, then the strands in order, whatever
//! thread made them.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::{Conv, ShapeError, check_len};
use crate::depthwise;
use crate::gather::{GATHER, Source};
use crate::level::Mode;
use crate::scratch::{self, Scratch};
use crate::stage::{Stage, Strip};
use crate::tile::{Lines, ROWS, by_lines, width};
use crate::transpose::transpose;
use crate::weights::Direction;
use crate::winograd;

/// Sums of this many lanes and more are cut in fewer strands: each strand holds them all.
const LARGE: usize = 1 << 18;
/// Terms of a strip, about.
const TERMS: usize = 512;
/// Lanes of a stage, at most, of the channels that are staged together.
const STAGED: usize = 64 << 10;

/// One weight gradient on its way.
struct Gradient<'a> {
    conv: Conv,
    mode: Mode,
    x: &'a [f32],
    dy: &'a [f32],
    /// Rows and columns of `dy`.
    size: [usize; 2],
    taps: Vec<[isize; 2]>,
    /// How `x` is set out, and `dy` before it is turned.
    stages: [Stage; 2],
    /// Lanes of one row of sums: the output channels of a group, rounded up to vectors.
    lanes: usize,
}

/// `dw`, the gradient by the weights of `sum(dy * conv(x, w))`, `[out_channels, in_channels / groups, kernel]`.
///
/// # Errors
/// Where the shape makes no sense or a slice's length is not the shape's.
pub fn weight_gradient(
    conv: &Conv,
    x: &[f32],
    dy: &[f32],
    mode: Mode,
    dw: &mut [f32],
) -> Result<(), ShapeError> {
    let [x_len, w_len, y_len] = conv.lens()?;
    check_len("x", x.len(), x_len)?;
    check_len("dy", dy.len(), y_len)?;
    check_len("dw", dw.len(), w_len)?;
    let kind = winograd::kind(conv, mode.checked(), Direction::Forward);
    if conv.upsampled && (depthwise::applies(conv) || kind.is_some()) {
        let (conv, x) = conv.upsampling(x)?;
        return weight_gradient(&conv, &x, dy, mode, dw);
    }
    if depthwise::applies(conv) {
        depthwise::weight_gradient(conv, x, dy, dw);
        return Ok(());
    }
    if let Some(kind) = kind {
        return winograd::weight_gradient(kind, conv, [x, dy], mode.checked(), dw);
    }
    Gradient::new(flat(*conv), x, dy, mode.checked())?.run(dw);
    Ok(())
}

/// The same convolution with longer lines where rows may be joined: one tap that takes every pixel.
fn flat(conv: Conv) -> Conv {
    let joins = conv.kernel == [1, 1] && conv.stride == [1, 1] && conv.padding == [0, 0] && !conv.upsampled;
    let fits = |rows: &usize| conv.height.is_multiple_of(*rows) && rows * conv.width <= 2 * TERMS;
    match (1..=conv.height).rev().find(fits) {
        Some(rows) if joins => Conv { height: conv.height / rows, width: conv.width * rows, ..conv },
        _ => conv,
    }
}

impl<'a> Gradient<'a> {
    fn new(conv: Conv, x: &'a [f32], dy: &'a [f32], mode: Mode) -> Result<Gradient<'a>, ShapeError> {
        let size = conv.out_size()?;
        let turned = Source {
            channels: conv.out_channels,
            height: size[0],
            width: size[1],
            step: [1, 1],
            upsampled: false,
        };
        let taps = conv.taps();
        Ok(Gradient {
            conv,
            mode,
            x,
            dy,
            size,
            stages: [
                Stage::lines(mode, conv.source(), &taps, size[1]),
                Stage::lines(mode, turned, &[[0, 0]], size[1]),
            ],
            taps,
            lanes: (conv.out_channels / conv.groups).next_multiple_of(width(mode.level)),
        })
    }

    /// Input channels of a group.
    fn inputs(&self) -> usize {
        self.conv.in_channels / self.conv.groups
    }

    /// Output channels of a group.
    fn outputs(&self) -> usize {
        self.conv.out_channels / self.conv.groups
    }

    /// Lanes of the sums of one channel.
    fn sums(&self) -> usize {
        self.taps.len() * self.lanes
    }

    /// Terms of one line of positions.
    fn depth(&self) -> usize {
        if self.mode.is_paired() { self.size[1].div_ceil(2) } else { self.size[1] }
    }

    /// What is summed in one go.
    fn strips(&self) -> Vec<Strip> {
        let ([rows, _], images) = (self.size, self.conv.batch);
        let tall = TERMS.div_ceil(self.depth()).min(rows);
        let tall = rows.div_ceil(rows.div_ceil(tall));
        let many = if tall < rows { 1 } else { TERMS.div_ceil(rows * self.depth()) };
        let strip = |image: usize, row: usize| Strip {
            images: image..(image + many).min(images),
            rows: row..(row + tall).min(rows),
        };
        let all = (0..images).step_by(many);
        all.flat_map(|image| (0..rows).step_by(tall).map(move |row| strip(image, row))).collect()
    }

    fn run(&self, dw: &mut [f32]) {
        let strips = self.strips();
        if strips.is_empty() {
            return dw.fill(0.0);
        }
        let sums = self.inputs() * self.sums();
        let strands = strips.len().min(if sums > LARGE { 4 } else { 8 });
        // More tasks than strands turn `dy` more than once, so only for threads that would idle.
        let shares = (2 * rayon::current_num_threads()).div_ceil(strands).clamp(1, self.inputs());
        let cut = |count: usize, part: usize, parts: usize| part * count / parts..(part + 1) * count / parts;
        // Tiles read a few rows past a share's last.
        let stride = shares * (self.inputs().div_ceil(shares) * self.sums() + ROWS * self.lanes);
        scratch::with_partials(strands * stride, |partials| {
            for group in 0..self.conv.groups {
                let tasks: Vec<_> = partials[..strands * stride]
                    .chunks_mut(stride / shares)
                    .enumerate()
                    .map(|(task, sums)| (cut(strips.len(), task / shares, strands), task % shares, sums))
                    .collect();
                tasks.into_par_iter().for_each(|(strand, share, sums)| {
                    let channels = cut(self.inputs(), share, shares);
                    scratch::with(|scratch| self.strand(group, &strips[strand], channels, (sums, scratch)));
                });
                let dw = &mut dw[group * self.outputs() * self.inputs() * self.taps.len()..];
                for share in 0..shares {
                    let channels = cut(self.inputs(), share, shares);
                    let from = &partials[share * (stride / shares)..strands * stride];
                    self.reduce(from, stride, channels, dw);
                }
            }
        });
    }

    /// Sums of some channels over some strips.
    fn strand(
        &self,
        group: usize,
        strips: &[Strip],
        channels: Range<usize>,
        (sums, scratch): (&mut [f32], &mut Scratch),
    ) {
        let half = self.mode.is_paired() && !self.size[1].is_multiple_of(2);
        for (index, strip) in strips.iter().enumerate() {
            let terms = strip.images.len() * strip.rows.len() * self.depth();
            self.turn(group, strip, terms, scratch);
            let Scratch { other, staged, .. } = &mut *scratch;
            let together = (STAGED / (strip.images.len() * self.stages[0].plane(strip))).max(1);
            for first in channels.clone().step_by(together) {
                let some = first..(first + together).min(channels.end);
                let staged = staged.take(self.stages[0].len(strip, some.len()));
                let start = group * self.inputs();
                self.stages[0].fill(self.x, strip, start + some.start..start + some.end, staged);
                let plane = 4 * self.stages[0].plane(strip);
                let row = |channel: usize| {
                    self.taps.iter().map(move |tap| channel * plane + self.stages[0].bytes(*tap))
                };
                let rows: Vec<usize> = (0..some.len()).flat_map(row).collect();
                let lines = Lines {
                    staged,
                    rows: &rows,
                    lines: &self.stages[0].line_starts(strip, some.len()),
                    depth: self.depth() - usize::from(half),
                    half,
                    right: &other.as_ref()[..terms * self.lanes],
                    stride: self.lanes,
                    sums: &mut sums[(first - channels.start) * self.sums()..],
                    fresh: index == 0,
                };
                by_lines(self.mode, lines);
            }
        }
    }

    /// Turns a strip of `dy`: `[channels][terms]` to `[terms][lanes]`.
    fn turn(&self, group: usize, strip: &Strip, terms: usize, scratch: &mut Scratch) {
        let Scratch { other, panel, .. } = scratch;
        let stage = &self.stages[1];
        let each = stage.plane(strip);
        // Transpositions run over by up to a vector of terms.
        let to = other.take((terms + GATHER) * self.lanes);
        for first in (0..self.lanes).step_by(GATHER) {
            let count = GATHER.min(self.outputs() - first);
            let start = group * self.outputs() + first;
            let rows = panel.take(strip.images.len() * GATHER * each + 2 * GATHER);
            stage.fill(self.dy, strip, start..start + count, rows);
            let lanes = GATHER.min(self.lanes - first);
            for image in 0..strip.images.len() {
                let from = &rows[image * count * each..];
                // Lanes past the last channel are whatever follows: their sums are nobody's.
                let high = if from.len() >= (lanes - 1) * each + each.next_multiple_of(GATHER) {
                    lanes
                } else {
                    count
                };
                let to = &mut to[image * each * self.lanes + first..];
                transpose(
                    self.mode.level,
                    (from, each),
                    [high, each.next_multiple_of(GATHER)],
                    (to, self.lanes),
                );
            }
        }
    }

    /// Adds the strands of some channels in order and turns the sums: `[inputs][taps][lanes]` to
    /// `[outputs][inputs][taps]`.
    fn reduce(&self, partials: &[f32], stride: usize, channels: Range<usize>, dw: &mut [f32]) {
        let (row, first) = (self.inputs() * self.taps.len(), channels.start * self.taps.len());
        let rows = channels.len() * self.taps.len();
        let outputs = &mut dw[..self.outputs() * row];
        outputs.par_chunks_mut(GATHER * row).enumerate().for_each(|(part, dw)| {
            let lanes = GATHER.min(self.lanes - part * GATHER);
            let (mut sums, mut turned) = ([0.0; GATHER * GATHER], [0.0; GATHER * GATHER]);
            for block in (0..rows).step_by(GATHER) {
                let count = GATHER.min(rows - block);
                sums.fill(0.0);
                for strand in partials.chunks(stride) {
                    for (index, sums) in sums.chunks_exact_mut(GATHER).take(count).enumerate() {
                        let from = &strand[(block + index) * self.lanes + part * GATHER..][..lanes];
                        sums.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
                    }
                }
                transpose(self.mode.level, (&sums, GATHER), [GATHER; 2], (&mut turned, GATHER));
                for (dw, turned) in dw.chunks_exact_mut(row).zip(turned.chunks_exact(GATHER)) {
                    dw[first + block..][..count].copy_from_slice(&turned[..count]);
                }
            }
        });
    }
}
