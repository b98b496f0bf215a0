//! Turning blocks of lanes.

use crate::level::Level;

/// `to[col][row] = from[row][col]` for `[rows, cols]` lanes.
pub(crate) fn transpose(
    level: Level,
    (from, from_stride): (&[f32], usize),
    [rows, cols]: [usize; 2],
    (to, to_stride): (&mut [f32], usize),
) {
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(from.len() >= (rows - 1) * from_stride + cols && to.len() >= (cols - 1) * to_stride + rows);
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx512 && rows == 16 && cols.is_multiple_of(16) {
        for col in (0..cols).step_by(16) {
            // SAFETY: `Mode::checked` let this level through; the assertion holds 16 rows at each stride.
            unsafe { x86::square((&from[col..], from_stride), (&mut to[col * to_stride..], to_stride)) }
        }
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && rows.is_multiple_of(8) && cols.is_multiple_of(8) {
        for row in (0..rows).step_by(8) {
            for col in (0..cols).step_by(8) {
                let from = (&from[row * from_stride + col..], from_stride);
                // SAFETY: `Mode::checked` let this level through; the assertion holds 8 rows at each stride.
                unsafe { x86::eighth(from, (&mut to[col * to_stride + row..], to_stride)) }
            }
        }
        return;
    }
    let _ = level;
    for col in 0..cols {
        for row in 0..rows {
            to[col * to_stride + row] = from[row * from_stride + col];
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Turns 8 by 8 lanes in two rounds, as [`square`].
    ///
    /// # Safety
    /// The machine has AVX2; both slices hold 8 rows of 8 lanes at their strides.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn eighth((from, from_stride): (&[f32], usize), (to, to_stride): (&mut [f32], usize)) {
        debug_assert!(from.len() >= 7 * from_stride + 8 && to.len() >= 7 * to_stride + 8);
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        // Rows i and i + 4 share a vector, so that no round crosses its halves, which is dear on older machines.
        let halves = |row: usize, col: usize| {
            // SAFETY: the caller's.
            unsafe {
                let [low, high] = [row, row + 4].map(|row| from.add(row * from_stride + col));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high))
            }
        };
        let mut b = [_mm256_setzero_ps(); 8];
        for col in [0, 4] {
            let a = [halves(0, col), halves(1, col), halves(2, col), halves(3, col)];
            let (low, high) = (_mm256_unpacklo_ps(a[0], a[1]), _mm256_unpacklo_ps(a[2], a[3]));
            b[col] = _mm256_shuffle_ps::<0x44>(low, high);
            b[col + 1] = _mm256_shuffle_ps::<0xee>(low, high);
            let (low, high) = (_mm256_unpackhi_ps(a[0], a[1]), _mm256_unpackhi_ps(a[2], a[3]));
            b[col + 2] = _mm256_shuffle_ps::<0x44>(low, high);
            b[col + 3] = _mm256_shuffle_ps::<0xee>(low, high);
        }
        for (col, vector) in b.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { _mm256_storeu_ps(to.add(col * to_stride), *vector) }
        }
    }

    /// Turns 16 by 16 lanes in four rounds; each exchanges rows `2^i` apart in units of `2^i` lanes.
    ///
    /// # Safety
    /// The machine has AVX-512 F; both slices hold 16 rows of 16 lanes at their strides.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn square((from, from_stride): (&[f32], usize), (to, to_stride): (&mut [f32], usize)) {
        debug_assert!(from.len() >= 15 * from_stride + 16 && to.len() >= 15 * to_stride + 16);
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        let mut a = [_mm512_setzero_si512(); 16];
        for (row, vector) in a.iter_mut().enumerate() {
            // SAFETY: the caller's.
            *vector = unsafe { _mm512_loadu_si512(from.add(row * from_stride).cast()) };
        }
        let mut b = [_mm512_setzero_si512(); 16];
        for i in (0..16).step_by(2) {
            b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
            b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
        }
        for i in (0..16).step_by(4) {
            a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
            a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
            a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
            a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
        }
        // Now quarter q of a[4 g + c] is column 4 q + c of rows 4 g to 4 g + 3.
        for c in 0..4 {
            let low = [a[c], a[4 + c]];
            let high = [a[8 + c], a[12 + c]];
            let first = _mm512_shuffle_i32x4::<0x88>(low[0], low[1]);
            let second = _mm512_shuffle_i32x4::<0xdd>(low[0], low[1]);
            let third = _mm512_shuffle_i32x4::<0x88>(high[0], high[1]);
            let fourth = _mm512_shuffle_i32x4::<0xdd>(high[0], high[1]);
            b[c] = _mm512_shuffle_i32x4::<0x88>(first, third);
            b[8 + c] = _mm512_shuffle_i32x4::<0xdd>(first, third);
            b[4 + c] = _mm512_shuffle_i32x4::<0x88>(second, fourth);
            b[12 + c] = _mm512_shuffle_i32x4::<0xdd>(second, fourth);
        }
        for (col, vector) in b.iter().enumerate() {
            // SAFETY: the caller's.
            unsafe { _mm512_storeu_si512(to.add(col * to_stride).cast(), *vector) }
        }
    }
}
