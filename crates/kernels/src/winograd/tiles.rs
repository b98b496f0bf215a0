//! Tiles of images: strips of them set out number by number, and back.

use std::mem::MaybeUninit;

use super::transform::Wide;
use crate::gather::{Grid, RowPart, Source};
use crate::lanes::Lanes;
use crate::level::Level;
use crate::tile::PIXELS;
use crate::transpose::transpose;

/// Tiles that are transformed and multiplied together.
pub(super) const LANES: usize = PIXELS;
/// Tiles that are turned together, and columns of a square.
const BLOCK: usize = 8;
/// Room for tiles, and for a block that runs over.
const ROOM: usize = LANES + BLOCK;
/// Most outputs of a tile, along each axis and in all, rounded up to blocks.
const OUTPUTS: [usize; 2] = [6, 40];

/// The tiles of all images, row by row.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    grid: Grid,
    /// Rows and columns of an image's outputs.
    size: [usize; 2],
    /// Outputs of a tile along each axis.
    step: usize,
    /// Rows and columns by which the first tile begins before the image.
    lead: [usize; 2],
}

impl Tiling {
    pub(super) fn new(images: usize, size: [usize; 2], step: usize, lead: [usize; 2]) -> Tiling {
        let [rows, cols] = [0, 1].map(|axis| (size[axis] + lead[axis]).div_ceil(step));
        Tiling { grid: Grid { images, rows, cols }, size, step, lead }
    }

    /// Strips of [`LANES`] tiles, the last perhaps of fewer.
    pub(super) fn strips(&self) -> usize {
        self.grid.len().div_ceil(LANES)
    }

    /// The rows of tiles of a strip, and how many tiles it has.
    pub(super) fn strip(&self, index: usize, parts: &mut Vec<RowPart>) -> usize {
        let first = index * LANES;
        let len = LANES.min(self.grid.len() - first);
        parts.clear();
        self.grid.rows_of(first, len, |part| parts.push(part));
        len
    }
}

/// The numbers of a channel that the tiles of a strip take, `[row][column][tile]`.
pub(super) struct Squares {
    numbers: Box<[[[f32; ROOM]; BLOCK]; BLOCK]>,
    line: Box<[f32; OUTPUTS[0] * ROOM + BLOCK]>,
}

/// How tiles take numbers from an image.
#[derive(Clone, Copy)]
pub(super) struct Take {
    /// Rows and columns of a square, at most 8.
    pub(super) side: usize,
    /// Between the squares of two tiles.
    pub(super) step: usize,
    /// Rows and columns by which the first square begins before the image.
    pub(super) padding: [usize; 2],
}

impl Default for Squares {
    fn default() -> Self {
        Squares {
            numbers: Box::new([[[0.0; ROOM]; BLOCK]; BLOCK]),
            line: Box::new([0.0; OUTPUTS[0] * ROOM + BLOCK]),
        }
    }
}

impl Squares {
    /// Takes the squares of the tiles `parts` of channel `channel`; columns past a side are what stands there.
    pub(super) fn take(
        &mut self,
        level: Level,
        Take { side, step, padding }: Take,
        (x, source, channel): (&[f32], Source, usize),
        parts: &[RowPart],
    ) {
        for part in parts {
            let plane = &x[(part.image * source.channels + channel) * source.plane()..][..source.plane()];
            for (row, to) in self.numbers[..side].iter_mut().enumerate() {
                let row = (part.row * step + row).checked_sub(padding[0]).filter(|&row| row < source.height);
                let row = row.map_or(&[][..], |row| &plane[row * source.width..][..source.width]);
                let count = (part.len - 1) * step + side;
                window(row, (part.col * step, padding[1]), &mut self.line[..count]);
                for first in (0..part.len).step_by(BLOCK) {
                    let from = (&self.line[first * step..], step);
                    let to = (&mut to.as_flattened_mut()[part.lane + first..], ROOM);
                    transpose(level, from, [BLOCK; 2], to);
                }
            }
        }
    }

    /// `N` by `N` numbers, every `step`th from row and column `first` on, of the tiles from `lane` on.
    ///
    /// # Safety
    /// The machine has the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn wide<V: Lanes, const N: usize>(
        &self,
        lane: usize,
        (first, step): ([usize; 2], usize),
    ) -> [[Wide<V>; N]; N] {
        // SAFETY: the caller's.
        let load = |row: usize, col: usize| unsafe {
            Wide::load(&self.numbers[first[0] + row * step][first[1] + col * step], lane)
        };
        let mut square = [[load(0, 0); N]; N];
        for (row, square) in square.iter_mut().enumerate() {
            for (col, wide) in square.iter_mut().enumerate() {
                *wide = load(row, col);
            }
        }
        square
    }
}

/// `to` is what the padded row holds from column `first` on.
fn window(row: &[f32], (first, padding): (usize, usize), to: &mut [f32]) {
    let low = padding.saturating_sub(first).min(to.len());
    let from = row.get((first + low).saturating_sub(padding)..).unwrap_or(&[]);
    let count = from.len().min(to.len() - low);
    to[..low].fill(0.0);
    to[low..low + count].copy_from_slice(&from[..count]);
    to[low + count..].fill(0.0);
}

/// The outputs of one channel of a strip: as they are computed, `[row and column][tile]`, and turned for being written.
pub(super) struct Outputs {
    pub(super) computed: Box<[[f32; LANES]; OUTPUTS[1]]>,
    turned: Box<[f32; ROOM * OUTPUTS[1]]>,
    line: Box<[f32; OUTPUTS[0] * LANES]>,
}

impl Default for Outputs {
    fn default() -> Self {
        Outputs {
            computed: Box::new([[0.0; LANES]; OUTPUTS[1]]),
            turned: Box::new([0.0; ROOM * OUTPUTS[1]]),
            line: Box::new([0.0; OUTPUTS[0] * LANES]),
        }
    }
}

impl Outputs {
    /// Writes what was computed of `parts` by `to(image, first element of a plane, how many)`.
    pub(super) fn give<'a>(
        &mut self,
        level: Level,
        tiling: &Tiling,
        parts: &[RowPart],
        to: impl Fn(usize, usize, usize) -> &'a mut [MaybeUninit<f32>],
    ) {
        let Tiling { size: [rows, cols], step, lead, .. } = *tiling;
        let each = (step * step).next_multiple_of(BLOCK);
        for first in (0..each).step_by(BLOCK) {
            let from = (self.computed[first..].as_flattened(), LANES);
            transpose(level, from, [BLOCK, LANES], (&mut self.turned[first..], each));
        }
        for part in parts {
            let low = (lead[1]).saturating_sub(part.col * step);
            let high = (part.len * step).min(cols + lead[1] - part.col * step);
            for row in 0..step {
                let Some(at) = (part.row * step + row).checked_sub(lead[0]).filter(|&at| at < rows) else {
                    continue;
                };
                let tiles = (&self.turned[part.lane * each + row * step..], each);
                match step {
                    3 => join::<3>(tiles, part.len, &mut *self.line),
                    4 => join::<4>(tiles, part.len, &mut *self.line),
                    _ => join::<6>(tiles, part.len, &mut *self.line),
                }
                let to = to(part.image, at * cols + part.col * step + low - lead[1], high - low);
                to.write_copy_of_slice(&self.line[low..high]);
            }
        }
    }
}

/// Joins `N` numbers of each of `count` tiles, `stride` apart, to a line.
fn join<const N: usize>((tiles, stride): (&[f32], usize), count: usize, line: &mut [f32]) {
    let from = tiles.chunks(stride).filter_map(|tile| tile.first_chunk::<N>());
    for (to, from) in line.as_chunks_mut::<N>().0[..count].iter_mut().zip(from) {
        *to = *from;
    }
}
