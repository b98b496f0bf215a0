//! The gradient by the weights: a matrix product that sums over pixels.
//!
//! Rows are (input channel, tap) and repeat along a vector of output channels, so that `x` is gathered as in a
//! forward product and only `dy` is turned, once for all rows. Pixels are cut in strands that the shape alone
//! decides; each is summed in order, then the strands in order, whatever thread made them.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::{Conv, ShapeError, check_len};
use crate::gather::{Grid, Runs, Source};
use crate::level::Mode;
use crate::pack::{Planes, pixels};
use crate::scratch::{self, Lines, Scratch};
use crate::tile::{PIXEL_BLOCK, ROW, ROWS, Tile, by_rows, width};
use crate::transpose::transpose;

/// Sums of this many lanes and more are cut in fewer strands: each strand holds them all.
const LARGE: usize = 1 << 18;

/// One weight gradient on its way.
struct Gradient<'a> {
    conv: Conv,
    mode: Mode,
    x: (&'a [f32], Source),
    dy: (&'a [f32], Source),
    grid: Grid,
    taps: Vec<[isize; 2]>,
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
    Gradient::new(*conv, x, dy, mode.checked())?.run(dw);
    Ok(())
}

impl<'a> Gradient<'a> {
    fn new(conv: Conv, x: &'a [f32], dy: &'a [f32], mode: Mode) -> Result<Gradient<'a>, ShapeError> {
        let [rows, cols] = conv.out_size()?;
        let source =
            Source { channels: conv.in_channels, height: conv.height, width: conv.width, step: conv.stride };
        let turned = Source { channels: conv.out_channels, height: rows, width: cols, step: [1, 1] };
        Ok(Gradient {
            conv,
            mode,
            x: (x, source),
            dy: (dy, turned),
            grid: Grid { images: conv.batch, rows, cols },
            taps: conv.taps(),
            lanes: (conv.out_channels / conv.groups).next_multiple_of(width(mode.level)),
        })
    }

    /// Rows of the product: (input channel, tap) of one group.
    fn rows(&self) -> usize {
        self.conv.in_channels / self.conv.groups * self.taps.len()
    }

    /// Pixels that one panel of rows holds.
    fn block(&self) -> usize {
        if self.mode.is_paired() { 2 * PIXEL_BLOCK } else { PIXEL_BLOCK }
    }

    fn run(&self, dw: &mut [f32]) {
        let panels = self.rows().div_ceil(ROWS);
        let sums = panels * ROWS * self.lanes;
        let blocks = self.grid.len().div_ceil(self.block());
        let strands = blocks.min(if sums > LARGE { 4 } else { 8 });
        // More tasks than strands turn `dy` more than once, so only for threads that would idle.
        let shares = (2 * rayon::current_num_threads()).div_ceil(strands.max(1)).clamp(1, panels);
        let cut = |count: usize, part: usize, parts: usize| part * count / parts..(part + 1) * count / parts;
        scratch::with_partials(strands * sums, |partials| {
            for group in 0..self.conv.groups {
                let mut tasks = Vec::with_capacity(strands * shares);
                let mut rest = &mut partials[..strands * sums];
                for strand in 0..strands {
                    for share in 0..shares {
                        let panels = cut(panels, share, shares);
                        let (mine, others) = rest.split_at_mut(panels.len() * ROWS * self.lanes);
                        rest = others;
                        tasks.push((cut(blocks, strand, strands), panels, mine));
                    }
                }
                tasks.into_par_iter().for_each(|(blocks, panels, sums)| {
                    scratch::with(|scratch| self.strand(group, blocks, panels, (sums, scratch)));
                });
                let outputs = self.conv.out_channels / self.conv.groups;
                let dw = &mut dw[group * outputs * self.rows()..][..outputs * self.rows()];
                self.reduce(&partials[..strands * sums], sums, dw);
            }
        });
    }

    /// Sums of some panels of rows over some blocks of pixels.
    fn strand(
        &self,
        group: usize,
        blocks: Range<usize>,
        panels: Range<usize>,
        (sums, scratch): (&mut [f32], &mut Scratch),
    ) {
        let Scratch { panel, other, runs, other_runs, sums: turning, .. } = scratch;
        let (panel, other) = (panel.take(ROWS * ROW), other.take(PIXEL_BLOCK * self.lanes));
        for block in blocks.clone() {
            let first = block * self.block();
            let len = self.block().min(self.grid.len() - first);
            let depth = if self.mode.is_paired() { len.div_ceil(2) } else { len };
            other_runs.find(self.grid, self.dy.1, &[[0, 0]], [first, len]);
            self.turn(group, other_runs, (turning, other));
            runs.find(self.grid, self.x.1, &self.taps, [first, len]);
            for (index, sums) in panels.clone().zip(sums.chunks_exact_mut(ROWS * self.lanes)) {
                let rows = self.gather(group, index, runs, panel);
                let tile = Tile {
                    depth,
                    left: panel,
                    right: other,
                    right_stride: self.lanes,
                    sums,
                    sums_stride: self.lanes,
                    fresh: block == blocks.start,
                    out: None,
                };
                by_rows(self.mode, rows, tile);
            }
        }
    }

    /// Gathers one panel of rows, which go through the channels of a tap before the next; says how many it has.
    fn gather(&self, group: usize, index: usize, runs: &Runs, panel: &mut [f32]) -> usize {
        let inputs = self.conv.in_channels / self.conv.groups;
        let (first, rows) = (index * ROWS, ROWS.min(self.rows() - index * ROWS));
        let mut row = 0;
        while row < rows {
            let (tap, channel) = ((first + row) / inputs, (first + row) % inputs);
            let count = (rows - row).min(inputs - channel);
            let planes = planes(self.x, group * inputs + channel, count);
            pixels(self.mode, runs, tap, planes, (&mut panel[row * ROW..], ROW));
            row += count;
        }
        rows
    }

    /// Turns the block of `dy` that `runs` names: `[channels][pixels]` to `[pixels][lanes]`.
    fn turn(&self, group: usize, runs: &Runs, (rows, to): (&mut Lines, &mut [f32])) {
        let outputs = self.conv.out_channels / self.conv.groups;
        let rows = rows.take(16 * ROW);
        for first in (0..self.lanes).step_by(16) {
            let count = 16.min(outputs - first);
            let planes = planes(self.dy, group * outputs + first, count);
            pixels(self.mode, runs, 0, planes, (rows, ROW));
            rows[count * ROW..].fill(0.0);
            let lanes = 16.min(self.lanes - first);
            transpose(self.mode.level, (rows, ROW), [lanes, PIXEL_BLOCK], (&mut to[first..], self.lanes));
        }
    }

    /// Adds the strands in order and turns the sums: `[taps][inputs][lanes]` to `[outputs][inputs][taps]`.
    fn reduce(&self, partials: &[f32], sums: usize, dw: &mut [f32]) {
        let (rows, taps) = (self.rows(), self.taps.len());
        dw.par_chunks_mut(16 * rows).enumerate().for_each(|(part, dw)| {
            for row in 0..rows {
                let at = row * self.lanes + part * 16;
                let mut totals = [0.0f32; 16];
                for strand in partials.chunks_exact(sums) {
                    let lanes = &strand[at..(at + 16).min(strand.len())];
                    totals.iter_mut().zip(lanes).for_each(|(total, lane)| *total += lane);
                }
                let to = row % (rows / taps) * taps + row / (rows / taps);
                dw.iter_mut().skip(to).step_by(rows).zip(totals).for_each(|(to, total)| *to = total);
            }
        });
    }
}

/// The planes of `count` channels; the image is in the runs.
fn planes((data, source): (&[f32], Source), channel: usize, count: usize) -> Planes<'_> {
    Planes { data, first: channel * source.plane(), stride: source.plane(), count, step: source.step[1] }
}
