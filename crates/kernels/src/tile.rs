//! The register tile: a few rows times a few vectors of sums, held in registers along the whole depth.

use crate::finish::Out;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512, Bf16};
use crate::lanes::{Lanes, Plain, Walk};
use crate::level::{Level, Mode};

/// Pixels in the panel of a forward product: one sliver of three vectors in AVX-512, two in AVX2, four in plain.
pub(crate) const PIXELS: usize = 48;
/// Rows of the tallest tile by lines.
pub(crate) const ROWS: usize = 8;

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

/// Sums over lines of positions: `sums[r][v] (+)= sum over lines and k of left[r][line][k] * right[line][k][v]`.
/// The left factor is 32 bits anywhere in `staged`, 4 bytes after the one before.
pub(crate) struct Lines<'a> {
    pub(crate) staged: &'a [f32],
    /// Bytes from the start of the stage to each row of the product.
    pub(crate) rows: &'a [usize],
    /// Bytes from there to each line.
    pub(crate) lines: &'a [usize],
    /// Whole terms of a line.
    pub(crate) depth: usize,
    /// Whether a line ends in half a term: two bytes, and two of zeros.
    pub(crate) half: bool,
    /// `[lines][terms][stride]`
    pub(crate) right: &'a [f32],
    pub(crate) stride: usize,
    /// `[rows][stride]`, and [`ROWS`] rows more.
    pub(crate) sums: &'a mut [f32],
    /// The sums start from zero, whatever stands there.
    pub(crate) fresh: bool,
}

/// Multiplies lines by all of `stride`, a multiple of a vector.
pub(crate) fn by_lines(mode: Mode, lines: Lines<'_>) {
    match mode.level {
        #[cfg(target_arch = "x86_64")]
        Level::Bf16 if mode.is_paired() => bf16::by_lines(lines),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 | Level::Bf16 => avx512::by_lines(lines),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => avx2::by_lines(lines),
        _ => plain::by_lines(lines),
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

/// `M` rows of `N` vectors; the left factor's terms stand `M` lanes apart.
///
/// # Safety
/// The machine has the instructions of `V`; no other thread writes what `t.out` names.
#[inline(always)]
unsafe fn run<V: Lanes, const M: usize, const N: usize>(t: Tile<'_>) {
    if t.depth > 0 {
        assert!(t.left.len() >= t.depth * M);
        assert!(t.right.len() >= (t.depth - 1) * t.right_stride + N * V::WIDTH);
    }
    assert!(t.sums.len() >= (M - 1) * t.sums_stride + N * V::WIDTH);
    // SAFETY: the assertions bound every lane that is read or written; the machine and the output, which no other
    // tile shares, are the caller's promise.
    unsafe {
        let mut sums = start::<V, M, N>(t.fresh, t.sums, t.sums_stride);
        let left = std::array::from_fn(|r| t.left.as_ptr().wrapping_add(r));
        let walk = Walk { depth: t.depth, step: M, stride: t.right_stride };
        V::add_products(&mut sums, left, t.right.as_ptr(), walk);
        match t.out {
            Some(out) => out.write(&sums),
            None => keep(&sums, M, (t.sums, t.sums_stride)),
        }
    }
}

/// Zeros, or the sums that stand there.
///
/// # Safety
/// The machine has the instructions of `V`; `from` holds `M` rows of `N` vectors.
#[inline(always)]
unsafe fn start<V: Lanes, const M: usize, const N: usize>(
    fresh: bool,
    from: &[f32],
    stride: usize,
) -> [[V; N]; M] {
    // SAFETY: the caller's.
    unsafe {
        let mut sums = [[V::zero(); N]; M];
        if !fresh {
            for (r, row) in sums.iter_mut().enumerate() {
                for (v, sum) in row.iter_mut().enumerate() {
                    *sum = V::load(from.as_ptr().add(r * stride + v * V::WIDTH));
                }
            }
        }
        sums
    }
}

/// Writes the first `rows` rows of sums back where they were.
///
/// # Safety
/// As [`start`].
#[inline(always)]
unsafe fn keep<V: Lanes, const M: usize, const N: usize>(
    sums: &[[V; N]; M],
    rows: usize,
    (to, stride): (&mut [f32], usize),
) {
    for (r, row) in sums.iter().enumerate() {
        if r == rows {
            break;
        }
        for (v, sum) in row.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { sum.store(to.as_mut_ptr().add(r * stride + v * V::WIDTH)) }
        }
    }
}

/// `M` rows of a product, from `first` on, by `N` vectors from lane `lane` on.
///
/// # Safety
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn run_lines<V: Lanes, const M: usize, const N: usize>(t: &mut Lines<'_>, first: usize, lane: usize) {
    // Rows past the last repeat it, and are not kept.
    let rows: [usize; M] = std::array::from_fn(|r| t.rows[(first + r).min(t.rows.len() - 1)]);
    let end = rows.iter().max().unwrap_or(&0) + t.lines.iter().max().unwrap_or(&0);
    assert!(end + 4 * t.depth + 2 * usize::from(t.half) <= 4 * t.staged.len());
    let terms = t.lines.len() * (t.depth + usize::from(t.half));
    assert!(terms == 0 || t.right.len() >= (terms - 1) * t.stride + lane + N * V::WIDTH);
    let to = &mut t.sums[first * t.stride + lane..];
    assert!(to.len() >= (M - 1) * t.stride + N * V::WIDTH);
    // SAFETY: the assertions bound every byte that is read or written; the machine is the caller's promise.
    unsafe {
        let mut sums = start::<V, M, N>(t.fresh, to, t.stride);
        let mut right = t.right.as_ptr().wrapping_add(lane);
        for &line in t.lines {
            let left = rows.map(|row| t.staged.as_ptr().cast::<u8>().wrapping_add(row + line).cast::<f32>());
            V::add_products(&mut sums, left, right, Walk { depth: t.depth, step: 1, stride: t.stride });
            right = right.wrapping_add(t.depth * t.stride);
            if t.half {
                let halves = left.map(|left| {
                    let two = left.wrapping_add(t.depth).cast::<u16>().read_unaligned();
                    f32::from_bits(u32::from(two))
                });
                let left = std::array::from_fn(|r| &raw const halves[r]);
                V::add_products(&mut sums, left, right, Walk { depth: 1, step: 1, stride: t.stride });
                right = right.wrapping_add(t.stride);
            }
        }
        keep(&sums, t.rows.len() - first, (to, t.stride));
    }
}

impl Tile<'_> {
    /// The same product without the first lanes.
    fn skip_lanes(&mut self, first: usize) -> Tile<'_> {
        let right = &self.right[first.min(self.right.len())..];
        let out = self.out.map(|out| Out { first: out.first + first, ..out });
        Tile { right, sums: &mut self.sums[first..], out, ..*self }
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
            $($rows => unsafe { run::<$rows, $vectors>($tile) },)*
            _ => unreachable!("at most a panel"),
        }
    };
    ($name:ident, $lanes:ty, [$($features:literal)?], rows [$($rows:literal)*], most $most:literal,
     across $(($wide:literal, $high:literal))*) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            unsafe fn run<const M: usize, const N: usize>(tile: Tile<'_>) {
                // SAFETY: the caller's: the machine has the features above.
                unsafe { super::run::<$lanes, M, N>(tile) }
            }

            $(#[target_feature(enable = $features)])?
            unsafe fn run_lines<const M: usize, const N: usize>(lines: &mut Lines<'_>, first: usize, lane: usize) {
                // SAFETY: as above.
                unsafe { super::run_lines::<$lanes, M, N>(lines, first, lane) }
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

            pub(super) fn by_lines(mut lines: Lines<'_>) {
                let mut lane = 0;
                while lane < lines.stride {
                    let wide = next_wide((lines.stride - lane) / <$lanes>::WIDTH, $most);
                    match wide {
                        $($wide => for first in (0..lines.rows.len()).step_by($high) {
                            // SAFETY: `Mode::checked` let this level through.
                            unsafe { run_lines::<$high, $wide>(&mut lines, first, lane) }
                        },)*
                        _ => unreachable!("`next_wide` gives no more"),
                    }
                    lane += wide * <$lanes>::WIDTH;
                }
            }
        }
    };
}

level!(plain, Plain, [], rows [1 2 3 4], most 3, across (1, 8) (2, 6) (3, 4));
#[cfg(target_arch = "x86_64")]
level!(avx2, Avx2, ["avx2,fma"], rows [1 2 3 4], most 3, across (1, 8) (2, 6) (3, 4));
#[cfg(target_arch = "x86_64")]
level!(avx512, Avx512, ["avx512f"], rows [1 2 3 4 5 6 7 8], most 4, across (1, 8) (2, 8) (3, 8) (4, 6));
#[cfg(target_arch = "x86_64")]
level!(bf16, Bf16, ["avx512f,avx512bf16"], rows [1 2 3 4 5 6 7 8], most 4, across (1, 8) (2, 8) (3, 8) (4, 6));
