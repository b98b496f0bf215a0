//! A task's part of the source, set out once so that every tap of every tile reads whole vectors of it: padding is
//! there, columns of a step stand in phases, bfloat16 is rounded and paired.
//!
//! Lanes are 32 bits, `[image][unit][row][phase][width]`. A unit is a channel or a pair of channels.

use std::ops::Range;

use crate::gather::{GATHER, Grid, Source, inside};
use crate::level::{Level, Mode};
use crate::pack::{pack_pair, rounded};
use crate::passes::{row_up, vectorised};
use crate::weights::{PackedWeights, Pairs};

/// The geometry of what all tasks of a product stage.
#[derive(Clone, Copy)]
pub(crate) struct Stage {
    mode: Mode,
    pairs: Pairs,
    /// Columns that stand apart: those of a step, unless they are paired.
    phases: usize,
    source: Source,
    /// The first row and column that any tap reads, from position 0.
    origin: [isize; 2],
    /// Rows that a position's taps span.
    span: usize,
    /// Columns of positions.
    cols: usize,
    /// Lanes of one phase of a row.
    width: usize,
}

/// What one task stages: some rows of positions of some images.
#[derive(Clone)]
pub(crate) struct Strip {
    pub(crate) images: Range<usize>,
    pub(crate) rows: Range<usize>,
}

impl Strip {
    /// The strip's positions.
    pub(crate) fn grid(&self, cols: usize) -> Grid {
        Grid { images: self.images.len(), rows: self.rows.len(), cols }
    }
}

impl Stage {
    /// The stage of a product with `cols` columns of positions, or none where gathering from the source itself is as
    /// good: one tap, or a step that no level splits.
    pub(crate) fn new(source: Source, weights: &PackedWeights, cols: usize) -> Option<Stage> {
        let taps = || weights.parts.iter().flat_map(|part| &part.taps);
        let paired = weights.pairs == Pairs::Columns;
        if !paired && (source.step[1] > 2 || taps().count() < 2) {
            return None;
        }
        let phases = if paired { 1 } else { source.step[1] };
        let ends = |axis: usize| {
            let low = taps().map(|tap| tap[axis]).min().unwrap_or(0);
            (low, (taps().map(|tap| tap[axis]).max().unwrap_or(0) - low) as usize)
        };
        let ((top, span), (left, across)) = (ends(0), ends(1));
        let width = cols + across / source.step[1];
        let (mode, pairs) = (weights.mode, weights.pairs);
        Some(Stage { mode, pairs, phases, source, origin: [top, left], span, cols, width })
    }

    /// The stage of a sum over positions: lanes follow one another along a row, as two neighbours each where the mode
    /// is paired, so that a term is 32 bits from wherever its first position is.
    pub(crate) fn lines(mode: Mode, source: Source, taps: &[[isize; 2]], cols: usize) -> Stage {
        let low = |axis: usize| taps.iter().map(|tap| tap[axis]).min().unwrap_or(0);
        let high = |axis: usize| taps.iter().map(|tap| tap[axis]).max().unwrap_or(0);
        let origin = [low(0), low(1)];
        let [span, across] = [0, 1].map(|axis| (high(axis) - low(axis)) as usize);
        let phases = source.step[1];
        let width = cols + across / phases;
        let (pairs, width) =
            if mode.is_paired() { (Pairs::Columns, width.div_ceil(2)) } else { (Pairs::None, width) };
        Stage { mode, pairs, phases, source, origin, span, cols, width }
    }

    /// Bytes from where position 0 reads to where `tap` does, in a stage of [`Stage::lines`].
    pub(crate) fn bytes(&self, tap: [isize; 2]) -> usize {
        let [down, right] = [0, 1].map(|axis| (tap[axis] - self.origin[axis]) as usize);
        let each = if self.pairs == Pairs::Columns { 2 } else { 4 };
        4 * (down * self.row() + right % self.phases * self.width) + each * (right / self.phases)
    }

    /// Bytes from the start of the stage to where the first position of each line reads.
    pub(crate) fn line_starts(&self, strip: &Strip, channels: usize) -> Vec<usize> {
        let row = |image: usize, row: usize| {
            4 * (image * channels * self.plane(strip) + row * self.source.step[0] * self.row())
        };
        let images = 0..strip.images.len();
        images.flat_map(|image| (0..strip.rows.len()).map(move |line| row(image, line))).collect()
    }

    /// Lanes between two rows.
    fn row(&self) -> usize {
        self.phases * self.width
    }

    fn rows(&self, strip: &Strip) -> usize {
        (strip.rows.len() - 1) * self.source.step[0] + self.span + 1
    }

    /// Lanes between two units.
    pub(crate) fn plane(&self, strip: &Strip) -> usize {
        self.rows(strip) * self.row()
    }

    fn units(&self, channels: usize) -> usize {
        if self.pairs == Pairs::Channels { channels.div_ceil(2) } else { channels }
    }

    /// Lanes of a strip of `channels` channels, and a vector more that stores may run over.
    pub(crate) fn len(&self, strip: &Strip, channels: usize) -> usize {
        strip.images.len() * self.units(channels) * self.plane(strip) + GATHER
    }

    /// Rows of positions whose lanes fit in `lanes`, at least one.
    pub(crate) fn rows_within(&self, lanes: usize, channels: usize) -> usize {
        let rows = lanes / (self.units(channels) * self.row());
        (rows.saturating_sub(self.span + 1) / self.source.step[0] + 1).max(1)
    }

    /// Where `tap` reads, from where the position does.
    pub(crate) fn offset(&self, tap: [isize; 2]) -> usize {
        let [down, right] = [0, 1].map(|axis| (tap[axis] - self.origin[axis]) as usize);
        let right = match self.pairs {
            Pairs::Columns => right / 2,
            _ => right % self.phases * self.width + right / self.phases,
        };
        down * self.row() + right
    }

    /// Sets out `channels` of `x` from `first` on.
    pub(crate) fn fill(&self, x: &[f32], strip: &Strip, channels: Range<usize>, to: &mut [f32]) {
        assert!(to.len() >= self.len(strip, channels.len()));
        let top = (strip.rows.start * self.source.step[0]) as isize + self.origin[0];
        let mut readers = [Reader::new(self.source), Reader::new(self.source)];
        let mut at = 0;
        for image in strip.images.clone() {
            for unit in 0..self.units(channels.len()) {
                for row in 0..self.rows(strip) {
                    let row = top + row as isize;
                    let to = &mut to[at..][..self.row() + GATHER];
                    if row < 0 || row >= self.source.height as isize {
                        to[..self.row()].fill(0.0);
                    } else {
                        let [one, two] = &mut readers;
                        let at = |channel: usize| [image * self.source.channels + channel, row as usize];
                        let second = channels.start + 2 * unit + 1;
                        let rows = match self.pairs {
                            Pairs::Channels if second < channels.end => {
                                [one.row(x, at(second - 1)), two.row(x, at(second))]
                            }
                            Pairs::Channels => [one.row(x, at(second - 1)), &[]],
                            _ => [one.row(x, at(channels.start + unit)), &[]],
                        };
                        self.convert(rows, to);
                    }
                    at += self.row();
                }
            }
        }
    }

    /// Sets out one row; `to` has room for a vector more.
    fn convert(&self, rows: [&[f32]; 2], to: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if self.mode.level >= Level::Avx512 && !self.mode.is_rounded() && self.phases <= 2 {
            let (left, width) = (self.origin[1], self.width);
            // SAFETY: `Mode::checked` let this level through, and only `Level::Bf16` pairs.
            return unsafe {
                match (self.pairs, self.phases) {
                    (Pairs::None, 1) => avx512::copy_row(rows[0], left, (to, width)),
                    (Pairs::None, _) => avx512::split(rows[0], left, (to, width)),
                    (Pairs::Channels, 1) => avx512::channels(rows, left, (to, width)),
                    (Pairs::Channels, _) => avx512::split_channels(rows, left, (to, width)),
                    (Pairs::Columns, 1) => avx512::columns(rows[0], left, (to, width)),
                    (Pairs::Columns, _) => avx512::split_columns(rows[0], left, (to, width)),
                }
            };
        }
        self.convert_plainly(rows, to);
    }

    fn convert_plainly(&self, [first, second]: [&[f32]; 2], to: &mut [f32]) {
        let to = &mut to[..self.row()];
        if self.pairs == Pairs::None {
            for (phase, to) in to.chunks_exact_mut(self.width).enumerate() {
                self.copy_phase(first, phase as isize, to);
            }
            if self.mode.is_rounded() {
                vectorised(
                    #[inline(always)]
                    || to.iter_mut().for_each(|to| *to = rounded(*to)),
                );
            }
            return;
        }
        let value = |row: &[f32], col: usize| {
            let col = col as isize + self.origin[1];
            if col < 0 { 0.0 } else { row.get(col as usize).copied().unwrap_or(0.0) }
        };
        for (index, to) in to.iter_mut().enumerate() {
            let (phase, lane) = (index / self.width, index % self.width);
            let col = lane * self.phases + phase;
            *to = match self.pairs {
                Pairs::Columns => {
                    let next = 2 * lane * self.phases + phase;
                    pack_pair(value(first, next), value(first, next + self.phases))
                }
                _ => pack_pair(value(first, col), value(second, col)),
            };
        }
    }

    /// Sets out the columns `phase`, `phase + phases` ... of a row.
    fn copy_phase(&self, row: &[f32], phase: isize, to: &mut [f32]) {
        let [low, high] = inside(self.origin[1] + phase, self.phases, row.len(), to.len());
        to[..low].fill(0.0);
        to[high..].fill(0.0);
        if low == high {
            return;
        }
        let start = (low * self.phases) as isize + self.origin[1] + phase;
        let (from, to) = (&row[start as usize..], &mut to[low..high]);
        match self.phases {
            1 => to.copy_from_slice(&from[..to.len()]),
            2 => vectorised(
                #[inline(always)]
                || {
                    let pairs = from.as_chunks::<2>().0;
                    to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
                    // The last has perhaps no odd column after it.
                    if let Some(to) = to.get_mut(pairs.len()) {
                        *to = from[2 * pairs.len()];
                    }
                },
            ),
            step => to.iter_mut().zip(from.iter().step_by(step)).for_each(|(to, from)| *to = *from),
        }
    }

    /// Where the positions of a tile read.
    pub(crate) fn spots(&self, strip: &Strip, channels: usize, tile: [usize; 2], to: &mut Spots) {
        let image = self.units(channels) * self.plane(strip);
        let grid = strip.grid(self.cols);
        to.spots.clear();
        to.starts.clear();
        for lane in (0..tile[1]).step_by(GATHER) {
            to.starts.push(to.spots.len());
            grid.rows_of(tile[0] + lane, GATHER.min(tile[1] - lane), |part| {
                let base = part.image * image + part.row * self.source.step[0] * self.row() + part.col;
                to.spots.push(Spot { lane: part.lane, len: part.len, base });
            });
        }
        to.starts.push(to.spots.len());
    }
}

/// Reads the rows of a source, and makes those that are upsampled.
struct Reader {
    source: Source,
    row: Vec<f32>,
    blend: Vec<f32>,
}

impl Reader {
    fn new(source: Source) -> Reader {
        let width = if source.upsampled { source.width } else { 0 };
        Reader { source, row: vec![0.0; width], blend: vec![0.0; width / 2 + 2] }
    }

    /// A row of a plane of all images.
    fn row<'a>(&'a mut self, x: &'a [f32], [plane, row]: [usize; 2]) -> &'a [f32] {
        let Source { height, width, upsampled, .. } = self.source;
        if !upsampled {
            return &x[(plane * height + row) * width..][..width];
        }
        let small = [height / 2, width / 2];
        let x = &x[plane * small[0] * small[1]..][..small[0] * small[1]];
        let (blend, out) = (&mut self.blend, &mut self.row);
        vectorised(
            #[inline(always)]
            || row_up(small, x, row, blend, out),
        );
        &self.row
    }
}

/// Lanes of one vector that stand together in the stage.
#[derive(Clone, Copy)]
struct Spot {
    lane: usize,
    len: usize,
    base: usize,
}

/// Where the vectors of a tile read, under a tap of offset 0 in the first unit.
#[derive(Default)]
pub(crate) struct Spots {
    spots: Vec<Spot>,
    /// First spot of each vector, and the end of the last.
    starts: Vec<usize>,
}

impl Spots {
    fn vector(&self, index: usize) -> &[Spot] {
        &self.spots[self.starts[index]..self.starts[index + 1]]
    }

    fn vectors(&self) -> usize {
        self.starts.len() - 1
    }

    /// Copies `units` units, `plane` apart from `offset` on, to rows of a panel `stride` apart.
    pub(crate) fn copy(
        &self,
        level: Level,
        (from, offset, plane): (&[f32], usize, usize),
        units: usize,
        (panel, stride): (&mut [f32], usize),
    ) {
        if units == 0 {
            return;
        }
        let last = self.spots.iter().map(|spot| spot.base + spot.len).max().unwrap_or(0);
        assert!(last + offset + (units - 1) * plane <= from.len());
        assert!(panel.len() >= (units - 1) * stride + self.vectors() * GATHER);
        for index in 0..self.vectors() {
            let spots = self.vector(index);
            let to = &mut panel[index * GATHER..];
            #[cfg(target_arch = "x86_64")]
            if level >= Level::Avx512 {
                // SAFETY: the level is the machine's; the assertions bound all that is read and written.
                unsafe { avx512::copy(spots, (&from[offset..], plane), units, (to, stride)) };
                continue;
            }
            #[cfg(target_arch = "x86_64")]
            if level == Level::Avx2 {
                // SAFETY: as above.
                unsafe { avx2::copy(spots, (&from[offset..], plane), units, (to, stride)) };
                continue;
            }
            let _ = level;
            for unit in 0..units {
                for spot in spots {
                    let values = &from[spot.base + offset + unit * plane..][..spot.len];
                    to[unit * stride + spot.lane..][..spot.len].copy_from_slice(values);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{GATHER, Spot};

    /// Lanes `0..16` whose column `start + lane` lies in `0..len`.
    fn inside(start: isize, len: usize) -> u16 {
        let low = start.saturating_neg().clamp(0, 16) as u32;
        let high = (len as isize - start).clamp(0, 16) as u32;
        (((1u32 << high) - 1) & !((1u32 << low) - 1)) as u16
    }

    /// # Safety
    /// The machine has AVX-512 F.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn load(row: &[f32], start: isize) -> __m512 {
        // SAFETY: masked lanes lie in the row; masked loads touch no other.
        unsafe { _mm512_maskz_loadu_ps(inside(start, row.len()), row.as_ptr().wrapping_offset(start)) }
    }

    /// What `width` lanes of a row of the stage are: `lanes(column of the first lane)`, a vector at a time.
    macro_rules! row {
        ($(#[$doc:meta])* $name:ident, $features:literal, [$($argument:ident: $of:ty),*], $step:literal, $phases:literal,
         |$start:ident| $lanes:expr) => {
            $(#[$doc])*
            ///
            /// # Safety
            /// The machine has the features; `to` holds `width` lanes of each phase and a vector more.
            #[target_feature(enable = $features)]
            pub(super) unsafe fn $name($($argument: $of,)* left: isize, (to, width): (&mut [f32], usize)) {
                assert!(to.len() >= $phases * width + GATHER);
                for lane in (0..width).step_by(GATHER) {
                    let $start = left + $step * lane as isize;
                    // SAFETY: the caller's; the assertion has a vector more than `width`.
                    unsafe {
                        let vectors: [__m512; $phases] = $lanes;
                        for (phase, vector) in vectors.into_iter().enumerate() {
                            // The last lanes of a phase run into the next, which is not there yet, or is kept.
                            let mask = if phase + 1 < $phases { inside(lane as isize, width) } else { 0xffff };
                            let to = to.as_mut_ptr().add(phase * width + lane);
                            _mm512_mask_storeu_ps(to, mask, vector);
                        }
                    }
                }
            }
        };
    }

    row!(
        /// The columns of a row.
        copy_row, "avx512f", [row: &[f32]], 1, 1, |start| [load(row, start)]
    );
    row!(
        /// Even columns, then odd ones.
        split, "avx512f", [row: &[f32]], 2, 2, |start| halves(row, start)
    );
    row!(
        /// Pairs the columns of two rows; an empty second row is zeros.
        channels, "avx512f,avx512bw,avx512bf16", [rows: [&[f32]; 2]], 1, 1,
        |start| [crate::pack::interleaved(load(rows[0], start), load(rows[1], start))]
    );
    row!(
        /// Both.
        split_channels, "avx512f,avx512bw,avx512bf16", [rows: [&[f32]; 2]], 2, 2,
        |start| {
            let [first, second] = [halves(rows[0], start), halves(rows[1], start)];
            [crate::pack::interleaved(first[0], second[0]), crate::pack::interleaved(first[1], second[1])]
        }
    );
    row!(
        /// Pairs neighbouring columns of a row.
        columns, "avx512f,avx512bw,avx512bf16", [row: &[f32]], 2, 1,
        |start| {
            let pairs = _mm512_cvtne2ps_pbh(load(row, start + 16), load(row, start));
            // 512 bits of plain numbers either way.
            [std::mem::transmute::<__m512bh, __m512>(pairs)]
        }
    );

    row!(
        /// Pairs of even columns, then of odd ones.
        split_columns, "avx512f,avx512bw,avx512bf16", [row: &[f32]], 4, 2,
        |start| {
            let [near, far] = [halves(row, start), halves(row, start + 32)];
            // 512 bits of plain numbers either way.
            [0, 1].map(|phase| {
                std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(far[phase], near[phase]))
            })
        }
    );

    /// Even columns from `start` on, and odd ones.
    ///
    /// # Safety
    /// The machine has AVX-512 F.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn halves(row: &[f32], start: isize) -> [__m512; 2] {
        // SAFETY: the caller's.
        let (low, high) = unsafe { (load(row, start), load(row, start + 16)) };
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        let odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
        [_mm512_permutex2var_ps(low, even, high), _mm512_permutex2var_ps(low, odd, high)]
    }

    /// # Safety
    /// The machine has AVX-512 F; `from` holds every spot at `units` planes, and `to` a vector at as many strides.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn copy(
        spots: &[Spot],
        (from, plane): (&[f32], usize),
        units: usize,
        (to, stride): (&mut [f32], usize),
    ) {
        let mut to = to.as_mut_ptr();
        let mask = |spot: Spot| (((1u32 << spot.len) - 1) << spot.lane) as u16;
        let start = |spot: Spot| from.as_ptr().wrapping_add(spot.base).wrapping_sub(spot.lane);
        match *spots {
            [one] => {
                let (mask, mut at) = (mask(one), start(one));
                for _ in 0..units {
                    // SAFETY: the caller's; masked loads touch no other lane.
                    unsafe { _mm512_storeu_ps(to, _mm512_maskz_loadu_ps(mask, at)) };
                    (at, to) = (at.wrapping_add(plane), to.wrapping_add(stride));
                }
            }
            [one, two] => {
                let (masks, mut at) = ([mask(one), mask(two)], [start(one), start(two)]);
                for _ in 0..units {
                    // SAFETY: as above.
                    unsafe {
                        let first = _mm512_maskz_loadu_ps(masks[0], at[0]);
                        _mm512_storeu_ps(to, _mm512_mask_loadu_ps(first, masks[1], at[1]));
                    }
                    (at, to) = (at.map(|at| at.wrapping_add(plane)), to.wrapping_add(stride));
                }
            }
            _ => {
                for unit in 0..units {
                    let mut vector = _mm512_setzero_ps();
                    for &spot in spots {
                        let at = start(spot).wrapping_add(unit * plane);
                        // SAFETY: as above.
                        vector = unsafe { _mm512_mask_loadu_ps(vector, mask(spot), at) };
                    }
                    // SAFETY: as above.
                    unsafe { _mm512_storeu_ps(to, vector) };
                    to = to.wrapping_add(stride);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::Spot;

    /// The lanes of `spot` in either half of a vector of sixteen, as signs.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn masks(spot: Spot) -> [__m256i; 2] {
        let lanes = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
        [0, 8].map(|half| {
            let above = |lane: usize| {
                _mm256_cmpgt_epi32(
                    _mm256_add_epi32(lanes, _mm256_set1_epi32(half)),
                    _mm256_set1_epi32(lane as i32 - 1),
                )
            };
            _mm256_andnot_si256(above(spot.lane + spot.len), above(spot.lane))
        })
    }

    /// # Safety
    /// The machine has AVX2; `from` holds every spot at `units` planes, and `to` sixteen lanes at as many strides.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn copy(
        spots: &[Spot],
        (from, plane): (&[f32], usize),
        units: usize,
        (to, stride): (&mut [f32], usize),
    ) {
        let mut to = to.as_mut_ptr();
        let start = |spot: Spot| from.as_ptr().wrapping_add(spot.base).wrapping_sub(spot.lane);
        match *spots {
            [one] if one.len == 16 => {
                let mut at = start(one);
                for _ in 0..units {
                    // SAFETY: the caller's.
                    unsafe {
                        _mm256_storeu_ps(to, _mm256_loadu_ps(at));
                        _mm256_storeu_ps(to.add(8), _mm256_loadu_ps(at.add(8)));
                    }
                    (at, to) = (at.wrapping_add(plane), to.wrapping_add(stride));
                }
            }
            [one, two] => {
                let (masks, mut at) = ([masks(one), masks(two)], [start(one), start(two)]);
                for _ in 0..units {
                    for half in [0, 1] {
                        let load = |of: usize| {
                            let from = at[of].wrapping_add(8 * half);
                            // SAFETY: the caller's; masked loads touch no other lane.
                            unsafe { _mm256_maskload_ps(from, masks[of][half]) }
                        };
                        // SAFETY: the caller's.
                        unsafe {
                            _mm256_storeu_ps(to.wrapping_add(8 * half), _mm256_or_ps(load(0), load(1)))
                        };
                    }
                    (at, to) = (at.map(|at| at.wrapping_add(plane)), to.wrapping_add(stride));
                }
            }
            _ => {
                for unit in 0..units {
                    let mut halves = [_mm256_setzero_ps(); 2];
                    for &spot in spots {
                        let (at, masks) = (start(spot).wrapping_add(unit * plane), masks(spot));
                        for half in [0, 1] {
                            let from = at.wrapping_add(8 * half);
                            // SAFETY: as above.
                            let lanes = unsafe { _mm256_maskload_ps(from, masks[half]) };
                            halves[half] = _mm256_or_ps(halves[half], lanes);
                        }
                    }
                    for (half, lanes) in halves.into_iter().enumerate() {
                        // SAFETY: the caller's.
                        unsafe { _mm256_storeu_ps(to.wrapping_add(8 * half), lanes) };
                    }
                    to = to.wrapping_add(stride);
                }
            }
        }
    }
}
