//! The register tile: a few rows times a few vectors of sums, held in registers along the whole depth.

use crate::finish::Out;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512, Bf16};
use crate::lanes::{Lanes, Plain};
use crate::level::{Level, Mode};

/// Pixels in the panel of a forward product: one sliver of three vectors in AVX-512, two in AVX2, four in plain.
pub(crate) const PIXELS: usize = 48;
/// Lanes between two rows of a panel of rows: a block and a few, so that rows do not share their cache sets.
pub(crate) const ROW: usize = PIXEL_BLOCK + 16;
/// Terms of a sum that one panel of rows holds, in lanes.
pub(crate) const PIXEL_BLOCK: usize = 512;
/// Rows in a panel of rows: what tiles of 1, 2, 3 and 4 vectors can share.
pub(crate) const ROWS: usize = 24;

/// One call of a register tile: `sums[r][v] (+)= sum over k of left[r][k] * right[k][v]`.
pub(crate) struct Tile<'a> {
    /// Terms of each sum.
    pub(crate) depth: usize,
    /// The factor that is repeated along a vector.
    pub(crate) left: &'a [f32],
    /// The factor that is loaded by vectors: `[depth][right_stride]`.
    pub(crate) right: &'a [f32],
    pub(crate) right_stride: usize,
    /// `[rows][sums_stride]`.
    pub(crate) sums: &'a mut [f32],
    pub(crate) sums_stride: usize,
    /// The sums start from zero, whatever stands there.
    pub(crate) fresh: bool,
    /// Where the sums go; back where they were if nowhere else.
    pub(crate) out: Option<Out<'a>>,
}

/// Multiplies by `rows` rows of packed weights, `left[depth][rows]`, over `slivers * 3` vectors or, in AVX-512,
/// over `pixels` rounded up to vectors.
pub(crate) fn by_weights(mode: Mode, rows: usize, pixels: usize, tile: Tile<'_>) {
    match mode.level {
        #[cfg(target_arch = "x86_64")]
        Level::Bf16 if mode.is_paired() => bf16::by_weights(rows, pixels, tile),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Bf16 => avx512::by_weights(rows, pixels, tile),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::by_weights(rows, pixels, tile),
        _ => plain::by_weights(rows, pixels, tile),
    }
}

/// Multiplies by a panel of rows, `left[ROWS][ROW]`, over all of `right_stride`, a multiple of a vector. `rows` of
/// them are wanted; a few sums more may be overwritten, of the [`ROWS`] that `sums` holds.
pub(crate) fn by_rows(mode: Mode, rows: usize, tile: Tile<'_>) {
    match mode.level {
        #[cfg(target_arch = "x86_64")]
        Level::Bf16 if mode.is_paired() => bf16::by_rows(rows, tile),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Bf16 => avx512::by_rows(rows, tile),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::by_rows(rows, tile),
        _ => plain::by_rows(rows, tile),
    }
}

/// Rows in a full panel of packed weights.
pub(crate) fn panel_rows(level: Level) -> usize {
    if level >= Level::Avx512 { 8 } else { 4 }
}

/// Lanes in a vector.
pub(crate) fn width(level: Level) -> usize {
    match level {
        Level::Plain => 4,
        Level::Avx2 => 8,
        Level::Avx512 | Level::Bf16 => 16,
    }
}

/// `M` rows of `N` vectors; the left factor's rows stand `R` lanes apart, its terms `K`.
///
/// # Safety
/// The machine has the instructions of `V`; no other thread writes what `t.out` names.
#[inline(always)]
unsafe fn run<V: Lanes, const M: usize, const N: usize, const R: usize, const K: usize>(t: Tile<'_>) {
    if t.depth > 0 {
        assert!(t.left.len() > (M - 1) * R + (t.depth - 1) * K);
        assert!(t.right.len() >= (t.depth - 1) * t.right_stride + N * V::WIDTH);
    }
    assert!(t.sums.len() >= (M - 1) * t.sums_stride + N * V::WIDTH);
    let to = t.sums.as_mut_ptr();
    // SAFETY: the assertions bound every lane that is read or written; the machine and the output, which no other
    // tile shares, are the caller's promise.
    unsafe {
        let mut sums = [[V::zero(); N]; M];
        if !t.fresh {
            for (r, row) in sums.iter_mut().enumerate() {
                for (v, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(to.add(r * t.sums_stride + v * V::WIDTH));
                }
            }
        }
        let (mut left, mut right) = (t.left.as_ptr(), t.right.as_ptr());
        for _ in 0..t.depth {
            let mut vectors = [V::zero(); N];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(right.add(v * V::WIDTH));
            }
            for (r, row) in sums.iter_mut().enumerate() {
                let factor = V::splat(left.add(r * R));
                for (sum, &vector) in row.iter_mut().zip(&vectors) {
                    *sum = sum.add_product(factor, vector);
                }
            }
            left = left.wrapping_add(K);
            right = right.wrapping_add(t.right_stride);
        }
        if let Some(out) = t.out {
            return out.write(&sums);
        }
        for (r, row) in sums.iter().enumerate() {
            for (v, sum) in row.iter().enumerate() {
                sum.store(to.add(r * t.sums_stride + v * V::WIDTH));
            }
        }
    }
}

impl Tile<'_> {
    /// The same product without the first lanes.
    fn skip_lanes(&mut self, first: usize) -> Tile<'_> {
        let right = &self.right[first.min(self.right.len())..];
        let out = self.out.map(|out| Out { first: out.first + first, ..out });
        Tile { right, sums: &mut self.sums[first..], out, ..*self }
    }

    /// The same product without the first rows of a panel of rows.
    fn skip_rows(&mut self, first: usize) -> Tile<'_> {
        let left = &self.left[first * ROW..];
        Tile { left, sums: &mut self.sums[first * self.sums_stride..], ..*self }
    }
}

/// Vectors of the next sliver where `left` remain and a tile holds `most`: no last one that is all loads.
fn next_wide(left: usize, most: usize) -> usize {
    match (left, most) {
        (4, 3) => 2,
        (5 | 6 | 9, 4) => 3,
        _ => left.min(most),
    }
}

/// The tiles of one level: which heights of packed weights there are, and for each width of a sliver of rows
/// how many rows its tile has.
macro_rules! level {
    (@vectors $v:ident, $r:ident, $tile:ident, [$($vectors:literal)*], $rows:tt) => {
        match $v {
            $($vectors => level!(@rows $vectors, $r, $tile, $rows),)*
            _ => unreachable!("at most a sliver"),
        }
    };
    (@rows $vectors:literal, $r:ident, $tile:ident, [$($rows:literal)*]) => {
        match $r {
            // SAFETY: `Mode::checked` let this level through.
            $($rows => unsafe { run::<$rows, $vectors, 1, $rows>($tile) },)*
            _ => unreachable!("at most a panel"),
        }
    };
    ($name:ident, $lanes:ty, [$($features:literal)?], rows [$($rows:literal)*], most $most:literal,
     across $(($wide:literal, $high:literal))*) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn run<const M: usize, const N: usize, const R: usize, const K: usize>(tile: Tile<'_>) {
                // SAFETY: the caller's: the machine has the features above.
                unsafe { super::run::<$lanes, M, N, R, K>(tile) }
            }

            pub(super) fn by_weights(rows: usize, pixels: usize, mut tile: Tile<'_>) {
                const SLIVER: usize = 3 * <$lanes>::WIDTH;
                for first in (0..pixels).step_by(SLIVER) {
                    let vectors = (pixels - first).min(SLIVER).div_ceil(<$lanes>::WIDTH);
                    weights_sliver(rows, vectors, tile.skip_lanes(first));
                }
            }

            fn weights_sliver(rows: usize, vectors: usize, tile: Tile<'_>) {
                level!(@vectors vectors, rows, tile, [1 2 3], [$($rows)*]);
            }

            pub(super) fn by_rows(rows: usize, mut tile: Tile<'_>) {
                let mut first = 0;
                while first < tile.right_stride {
                    let wide = next_wide((tile.right_stride - first) / <$lanes>::WIDTH, $most);
                    rows_sliver(wide, rows, tile.skip_lanes(first));
                    first += wide * <$lanes>::WIDTH;
                }
            }

            fn rows_sliver(wide: usize, rows: usize, mut tile: Tile<'_>) {
                match wide {
                    $($wide => for row in (0..rows).step_by($high) {
                        // SAFETY: `Mode::checked` let this level through.
                        unsafe { run::<$high, $wide, ROW, 1>(tile.skip_rows(row)) }
                    },)*
                    _ => unreachable!("`next_wide` gives no more"),
                }
            }
        }
    };
}

level!(plain, Plain, [], rows [1 2 3 4], most 3, across (1, 12) (2, 6) (3, 4));
#[cfg(target_arch = "x86_64")]
level!(avx2, Avx2, ["avx2,fma"], rows [1 2 3 4], most 3, across (1, 12) (2, 6) (3, 4));
#[cfg(target_arch = "x86_64")]
level!(avx512, Avx512, ["avx512f"], rows [1 2 3 4 5 6 7 8], most 4, across (1, 24) (2, 12) (3, 8) (4, 6));
#[cfg(target_arch = "x86_64")]
level!(bf16, Bf16, ["avx512f,avx512bf16"], rows [1 2 3 4 5 6 7 8], most 4, across (1, 24) (2, 12) (3, 8) (4, 6));
