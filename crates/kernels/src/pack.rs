//! Gathering a tile's pixels into a panel of vectors, under one tap, for a stretch of channels.

use crate::gather::{GATHER, Run, Runs};
use crate::level::{Level, Mode};

/// Channel planes of a tensor: `count` of them, `stride` apart, from `first` on.
#[derive(Clone, Copy)]
pub(crate) struct Planes<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) first: usize,
    pub(crate) stride: usize,
    pub(crate) count: usize,
    /// Between neighbouring lanes of a run.
    pub(crate) step: usize,
}

impl<'a> Planes<'a> {
    /// Plane `index` alone.
    fn plane(self, index: usize) -> Planes<'a> {
        Planes { first: self.first + index * self.stride, count: 1, ..self }
    }

    /// True where all lanes of `run` lie in the data, in every plane.
    fn hold(self, run: Run) -> bool {
        if run.lanes == 0 || self.count == 0 {
            return true;
        }
        let (low, high) = (run.lanes.trailing_zeros() as usize, 15 - run.lanes.leading_zeros() as usize);
        let from = run.base + (self.first + low * self.step) as isize;
        let to = run.base + (self.first + high * self.step + (self.count - 1) * self.stride) as isize;
        from >= 0 && to < self.data.len() as isize
    }
}

/// The lanes of one row of a panel that hold something: 32 bits a channel, or a pair of channels.
pub(crate) fn units(mode: Mode, channels: usize) -> usize {
    if mode.is_paired() { channels.div_ceil(2) } else { channels }
}

/// Fills `panel[unit][stride]` with the tile's pixels under `tap`; pairs of channels where the mode is paired.
pub(crate) fn channels(mode: Mode, runs: &Runs, tap: usize, planes: Planes<'_>, panel: (&mut [f32], usize)) {
    let (panel, stride) = panel;
    let used = units(mode, planes.count);
    assert!(used == 0 || panel.len() >= (used - 1) * stride + runs.vectors() * GATHER);
    runs.check(tap, planes);
    match mode.level {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Mode::checked` let this level through; what is read and written was checked above.
        Level::Bf16 if mode.is_paired() && planes.step <= 2 => unsafe {
            avx512::pairs(runs, tap, planes, (panel, stride));
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 | Level::Bf16 if !mode.is_paired() && planes.step <= 2 => unsafe {
            avx512::channels(runs, tap, planes, (panel, stride));
        },
        _ => {
            for vector in 0..runs.vectors() {
                let of = runs.of(tap, vector);
                let to = (&mut panel[vector * GATHER..], stride);
                if mode.is_paired() { plain_pairs(of, planes, to) } else { plain_channels(of, planes, to) }
            }
        }
    }
    if mode.is_rounded() {
        for row in 0..planes.count {
            let row = &mut panel[row * stride..][..runs.vectors() * GATHER];
            row.iter_mut().for_each(|value| *value = rounded(*value));
        }
    }
}

impl Runs {
    /// Panics unless all lanes under `tap` lie in the data.
    fn check(&self, tap: usize, planes: Planes<'_>) {
        let all = (0..self.vectors()).flat_map(|vector| self.of(tap, vector));
        assert!(all.into_iter().all(|&run| planes.hold(run)), "the geometry fits the tensor");
    }
}

/// `value` as bfloat16, to nearest, ties to even; NaN stays NaN.
pub(crate) fn bfloat16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// The `f32` that `value`, rounded to bfloat16, stands for.
pub(crate) fn rounded(value: f32) -> f32 {
    f32::from_bits(u32::from(bfloat16(value)) << 16)
}

/// Two bfloat16 in one lane, `first` below.
pub(crate) fn pack_pair(first: f32, second: f32) -> f32 {
    f32::from_bits(u32::from(bfloat16(first)) | u32::from(bfloat16(second)) << 16)
}

fn gathered(runs: &[Run], planes: Planes<'_>) -> [f32; GATHER] {
    let mut out = [0.0; GATHER];
    for run in runs {
        let start = run.base + planes.first as isize;
        if planes.step == 1 && run.lanes == u16::MAX {
            out.copy_from_slice(&planes.data[start as usize..][..GATHER]);
            continue;
        }
        for lane in (0..GATHER).filter(|lane| run.lanes >> lane & 1 == 1) {
            out[lane] = planes.data[(start + (lane * planes.step) as isize) as usize];
        }
    }
    out
}

fn plain_channels(runs: &[Run], planes: Planes<'_>, (to, stride): (&mut [f32], usize)) {
    // Most vectors of kernels of one pixel: sixteen neighbours.
    if let [Run { lanes: u16::MAX, base }] = *runs
        && planes.step == 1
    {
        let first = (base + planes.first as isize) as usize;
        for index in 0..planes.count {
            let from: &[f32; GATHER] =
                planes.data[first + index * planes.stride..].first_chunk().expect("checked");
            *to[index * stride..].first_chunk_mut().expect("checked") = *from;
        }
        return;
    }
    for index in 0..planes.count {
        to[index * stride..][..GATHER].copy_from_slice(&gathered(runs, planes.plane(index)));
    }
}

fn plain_pairs(runs: &[Run], planes: Planes<'_>, (to, stride): (&mut [f32], usize)) {
    for index in (0..planes.count).step_by(2) {
        let first = gathered(runs, planes.plane(index));
        let last = index + 1 == planes.count;
        let second = if last { [0.0; GATHER] } else { gathered(runs, planes.plane(index + 1)) };
        for (lane, out) in to[index / 2 * stride..][..GATHER].iter_mut().enumerate() {
            *out = pack_pair(first[lane], second[lane]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{interleaved, paired};

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{GATHER, Planes, Run, Runs};

    /// A run as masks: lanes of a first and a second load, 16 values apart.
    #[derive(Clone, Copy)]
    struct Masked {
        masks: [u16; 2],
        base: isize,
    }

    fn masked(run: Run, step: usize) -> Masked {
        if step == 1 {
            return Masked { masks: [run.lanes, 0], base: run.base };
        }
        let spread =
            (0..GATHER).fold(0u32, |bits, lane| bits | (u32::from(run.lanes) >> lane & 1) << (2 * lane));
        Masked { masks: [spread as u16, (spread >> 16) as u16], base: run.base }
    }

    /// What the runs gather from the plane at `from`: one load, or two and their even lanes.
    ///
    /// # Safety
    /// The masked lanes lie in the data; masked loads touch no other.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn gathered(runs: &[Masked], step: usize, from: *const f32) -> __m512 {
        // All but tiles of narrow images: one run, whose mask stays in a register along the channels.
        if let [run] = runs
            && step == 1
        {
            // SAFETY: the caller's.
            return unsafe { _mm512_maskz_loadu_ps(run.masks[0], from.wrapping_offset(run.base)) };
        }
        let mut halves = [_mm512_setzero_ps(); 2];
        for run in runs {
            let at = from.wrapping_offset(run.base);
            // SAFETY: the caller's.
            halves[0] = unsafe { _mm512_mask_loadu_ps(halves[0], run.masks[0], at) };
            if step == 2 {
                // SAFETY: the caller's.
                halves[1] = unsafe { _mm512_mask_loadu_ps(halves[1], run.masks[1], at.wrapping_add(16)) };
            }
        }
        if step == 1 {
            return halves[0];
        }
        let even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
        _mm512_permutex2var_ps(halves[0], even, halves[1])
    }

    /// The most runs of one vector: a row for each lane.
    fn all(runs: &[Run], step: usize, buffer: &mut [Masked; GATHER]) -> usize {
        for (to, &run) in buffer.iter_mut().zip(runs) {
            *to = masked(run, step);
        }
        runs.len()
    }

    /// # Safety
    /// The machine has AVX-512 F and BW; the lanes under `tap` lie in every plane; `to` holds the tile's vectors
    /// at each of `planes.count` strides.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn channels(
        runs: &Runs,
        tap: usize,
        planes: Planes<'_>,
        (to, stride): (&mut [f32], usize),
    ) {
        let mut buffer = [Masked { masks: [0; 2], base: 0 }; GATHER];
        for vector in 0..runs.vectors() {
            let count = all(runs.of(tap, vector), planes.step, &mut buffer);
            let (mut from, mut to) = (
                planes.data.as_ptr().wrapping_add(planes.first),
                to.as_mut_ptr().wrapping_add(vector * GATHER),
            );
            for _ in 0..planes.count {
                // SAFETY: the caller's.
                unsafe { _mm512_storeu_ps(to, gathered(&buffer[..count], planes.step, from)) };
                from = from.wrapping_add(planes.stride);
                to = to.wrapping_add(stride);
            }
        }
    }

    /// # Safety
    /// As [`channels`], at half as many strides, and AVX-512 BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn pairs(
        runs: &Runs,
        tap: usize,
        planes: Planes<'_>,
        (to, stride): (&mut [f32], usize),
    ) {
        let mut buffer = [Masked { masks: [0; 2], base: 0 }; GATHER];
        for vector in 0..runs.vectors() {
            let count = all(runs.of(tap, vector), planes.step, &mut buffer);
            let runs = &buffer[..count];
            let (mut from, mut to) = (
                planes.data.as_ptr().wrapping_add(planes.first),
                to.as_mut_ptr().wrapping_add(vector * GATHER),
            );
            for index in (0..planes.count).step_by(2) {
                // SAFETY: the caller's; the second of a pair is read where it is there.
                unsafe {
                    let first = gathered(runs, planes.step, from);
                    let second = if index + 1 < planes.count {
                        gathered(runs, planes.step, from.wrapping_add(planes.stride))
                    } else {
                        _mm512_setzero_ps()
                    };
                    _mm512_storeu_ps(to, interleaved(first, second));
                }
                from = from.wrapping_add(2 * planes.stride);
                to = to.wrapping_add(stride);
            }
        }
    }

    /// Two vectors rounded to bfloat16, lane by lane in pairs.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(crate) fn interleaved(first: __m512, second: __m512) -> __m512 {
        let pairs = _mm512_cvtne2ps_pbh(second, first);
        // SAFETY: both are 512 bits of plain numbers.
        let pairs = unsafe { std::mem::transmute::<__m512bh, __m512i>(pairs) };
        // Lane i takes the 16-bit numbers i and 16 + i.
        let lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        let order =
            _mm512_or_si512(lanes, _mm512_slli_epi32(_mm512_add_epi32(lanes, _mm512_set1_epi32(16)), 16));
        _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, pairs))
    }

    /// The same of sixteen numbers and sixteen.
    ///
    /// # Safety
    /// The machine has AVX-512 F, BW and BF16.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(crate) unsafe fn paired(first: &[f32; GATHER], second: &[f32; GATHER]) -> [f32; GATHER] {
        let mut to = [0.0; GATHER];
        // SAFETY: arrays of a vector each.
        unsafe {
            let pairs = interleaved(_mm512_loadu_ps(first.as_ptr()), _mm512_loadu_ps(second.as_ptr()));
            _mm512_storeu_ps(to.as_mut_ptr(), pairs);
        }
        to
    }
}
