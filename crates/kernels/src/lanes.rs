//! Vectors of `f32` lanes, one type a level, so that the register tile is written once.
//!
//! A lane of a factor is 32 bits: an `f32`, or two bfloat16 that follow one another along the sum.

/// A vector of sums, and how a pair of factors is added to it.
///
/// # Safety
/// Callers hold what the methods ask: the machine has the level's instructions, and every pointer is good for
/// [`Lanes::WIDTH`] lanes (`splat`: for one).
pub(crate) trait Lanes: Copy {
    /// Lanes in a vector.
    const WIDTH: usize;

    /// All lanes 0.
    unsafe fn zero() -> Self;
    /// `WIDTH` lanes, unaligned.
    unsafe fn load(from: *const f32) -> Self;
    /// One 32-bit lane, perhaps unaligned, repeated.
    unsafe fn splat(from: *const f32) -> Self;
    /// Writes `WIDTH` lanes, unaligned.
    unsafe fn store(self, to: *mut f32);
    /// `self + a * b` lane by lane (bfloat16: both products of each lane).
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// `self + a` lane by lane.
    unsafe fn add(self, a: Self) -> Self;
    /// A lane where it is positive or NaN, else the lane times `slope`'s.
    unsafe fn leaky_relu(self, slope: Self) -> Self;
}

/// Four lanes in plain Rust: what fits the vectors that every 64-bit machine has.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; 4]);

impl Lanes for Plain {
    const WIDTH: usize = 4;

    #[inline(always)]
    unsafe fn zero() -> Self {
        Plain([0.0; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the trait's: `from` is good for four lanes.
        Plain(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the trait's: `from` is good for one lane.
        Plain([unsafe { from.read_unaligned() }; 4])
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the trait's: `to` is good for four lanes.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }
    #[inline(always)]
    unsafe fn add(self, a: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] + a.0[i]))
    }
    #[inline(always)]
    unsafe fn leaky_relu(self, slope: Self) -> Self {
        Plain(std::array::from_fn(|i| crate::finish::leaky_relu(self.0[i], slope.0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Bf16};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::Lanes;

    /// The methods are one instruction each; the trait's contract is theirs.
    macro_rules! lanes {
        ($(#[$doc:meta])* $name:ident, $vector:ty, $width:literal, $zero:ident, $load:ident, $store:ident,
         |$from:ident| $splat:expr, |$sum:ident, $a:ident, $b:ident| $product:expr, $add:ident,
         |$x:ident, $slope:ident| $leaky:expr) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name($vector);

            impl Lanes for $name {
                const WIDTH: usize = $width;

                #[inline(always)]
                unsafe fn zero() -> Self {
                    // SAFETY: the trait's: the machine has the instruction.
                    unsafe { $name($zero()) }
                }
                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the trait's: as `zero`, and `from` is good for a vector.
                    unsafe { $name($load(from)) }
                }
                #[inline(always)]
                unsafe fn splat($from: *const f32) -> Self {
                    // SAFETY: the trait's: as `zero`, and `from` is good for a lane.
                    unsafe { $name($splat) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the trait's: as `zero`, and `to` is good for a vector.
                    unsafe { $store(to, self.0) }
                }
                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    let ($sum, $a, $b) = (self.0, a.0, b.0);
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($product) }
                }
                #[inline(always)]
                unsafe fn add(self, a: Self) -> Self {
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($add(self.0, a.0)) }
                }
                #[inline(always)]
                unsafe fn leaky_relu(self, slope: Self) -> Self {
                    let ($x, $slope) = (self.0, slope.0);
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($leaky) }
                }
            }
        };
    }

    lanes!(
        /// Eight lanes: AVX2 and FMA.
        Avx2, __m256, 8, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps,
        |from| _mm256_set1_ps(from.read_unaligned()), |sum, a, b| _mm256_fmadd_ps(a, b, sum), _mm256_add_ps,
        |x, slope| {
            let low = _mm256_cmp_ps::<_CMP_LE_OQ>(x, _mm256_setzero_ps());
            _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), low)
        }
    );
    lanes!(
        /// Sixteen lanes: AVX-512 F.
        Avx512, __m512, 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        |from| _mm512_set1_ps(from.read_unaligned()), |sum, a, b| _mm512_fmadd_ps(a, b, sum), _mm512_add_ps,
        |x, slope| {
            let low = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, _mm512_setzero_ps());
            _mm512_mask_mul_ps(x, low, x, slope)
        }
    );
    lanes!(
        /// Sixteen sums of products of pairs: AVX-512 BF16.
        Bf16, __m512, 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        |from| _mm512_set1_ps(from.read_unaligned()),
        |sum, a, b| {
            let [a, b] = std::mem::transmute::<[__m512; 2], [__m512bh; 2]>([a, b]);
            _mm512_dpbf16_ps(sum, a, b)
        },
        _mm512_add_ps,
        |x, slope| {
            let low = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, _mm512_setzero_ps());
            _mm512_mask_mul_ps(x, low, x, slope)
        }
    );
}
