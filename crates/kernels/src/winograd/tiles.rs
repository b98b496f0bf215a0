//! Tiles of images: strips of them set out number by number, and back.

use super::transform::Wide;
use crate::gather::{Grid, RowPart, Source};
use crate::lanes::Lanes;
use crate::level::Level;
use crate::tile::PIXELS;
use crate::transpose::transpose;

/// Outputs of a tile along each axis, and what lies between two tiles.
pub(crate) const STEP: usize = 4;
/// Tiles that are transformed and multiplied together.
pub(crate) const LANES: usize = PIXELS;
/// Tiles that are turned together.
const BLOCK: usize = 8;
/// Room for tiles, and for a block that runs over.
const ROOM: usize = LANES + BLOCK;

/// The tiles of all images, row by row.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    grid: Grid,
    /// Rows and columns of an image's outputs.
    size: [usize; 2],
}

impl Tiling {
    pub(super) fn new(images: usize, size: [usize; 2]) -> Tiling {
        let [rows, cols] = size.map(|size| size.div_ceil(STEP));
        Tiling { grid: Grid { images, rows, cols }, size }
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

/// `N` by `N` numbers of each tile, `[row][column][tile]`; columns past the `N`th are what stands there.
pub(super) struct Squares<const N: usize> {
    numbers: Box<[[[f32; ROOM]; 8]; N]>,
    line: Box<[f32; STEP * ROOM + 16]>,
}

impl<const N: usize> Default for Squares<N> {
    fn default() -> Self {
        Squares { numbers: Box::new([[[0.0; ROOM]; 8]; N]), line: Box::new([0.0; STEP * ROOM + 16]) }
    }
}

impl<const N: usize> Squares<N> {
    /// Takes the tiles `parts` of channel `channel`; a tile begins `padding` before its first output.
    pub(super) fn take(
        &mut self,
        level: Level,
        (x, source): (&[f32], Source),
        (channel, padding): (usize, [usize; 2]),
        parts: &[RowPart],
    ) {
        for part in parts {
            let plane = &x[(part.image * source.channels + channel) * source.plane()..][..source.plane()];
            for (row, to) in self.numbers.iter_mut().enumerate() {
                let row = (part.row * STEP + row).checked_sub(padding[0]).filter(|&row| row < source.height);
                let row = row.map_or(&[][..], |row| &plane[row * source.width..][..source.width]);
                let count = part.len * STEP + N - STEP;
                window(row, (part.col * STEP, padding[1]), &mut self.line[..count]);
                for first in (0..part.len).step_by(BLOCK) {
                    let from = &self.line[first * STEP..];
                    let to = &mut to.as_flattened_mut()[part.lane + first..];
                    transpose(level, (from, STEP), [BLOCK, 8], (to, ROOM));
                }
            }
        }
    }

    /// The squares of the tiles from `lane` on.
    ///
    /// # Safety
    /// The machine has the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn wide<V: Lanes>(&self, lane: usize) -> [[Wide<V>; N]; N] {
        // SAFETY: the caller's.
        let load = |row: usize, col: usize| unsafe { Wide::load(&self.numbers[row][col], lane) };
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

/// The outputs of each tile of a strip, `[tile][row][column]`.
pub(super) struct Outputs(Box<[[f32; STEP * STEP]; ROOM]>);

impl Default for Outputs {
    fn default() -> Self {
        Outputs(Box::new([[0.0; STEP * STEP]; ROOM]))
    }
}

impl Outputs {
    /// Keeps `outputs`, `[row and column][tile]`.
    pub(super) fn put(&mut self, level: Level, outputs: &[[f32; LANES]; STEP * STEP]) {
        for first in (0..STEP * STEP).step_by(8) {
            let from = (outputs[first..].as_flattened(), LANES);
            transpose(level, from, [8, LANES], (&mut self.0.as_flattened_mut()[first..], STEP * STEP));
        }
    }

    /// Writes the outputs of `parts` by `to(image, first element of a plane, how many)`.
    pub(super) fn give<'a>(
        &self,
        tiling: &Tiling,
        parts: &[RowPart],
        to: impl Fn(usize, usize, usize) -> &'a mut [f32],
    ) {
        let [rows, cols] = tiling.size;
        for part in parts {
            let first = part.col * STEP;
            let count = (part.len * STEP).min(cols - first);
            for row in 0..STEP.min(rows - part.row * STEP) {
                let line = to(part.image, (part.row * STEP + row) * cols + first, count);
                let tiles = self.0[part.lane..].iter().map(|tile| &tile[row * STEP..][..STEP]);
                let (whole, rest) = line.as_chunks_mut::<STEP>();
                let mut tiles = tiles;
                for (to, from) in whole.iter_mut().zip(&mut tiles) {
                    to.copy_from_slice(from);
                }
                if !rest.is_empty() {
                    let from = tiles.next().expect("the strip has the tile");
                    rest.copy_from_slice(&from[..rest.len()]);
                }
            }
        }
    }
}
