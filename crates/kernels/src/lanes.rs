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
    /// `self - a` lane by lane.
    unsafe fn sub(self, a: Self) -> Self;
    /// `self * a` lane by lane.
    unsafe fn mul(self, a: Self) -> Self;
    /// A lane where it is positive or NaN, else the lane times `slope`'s.
    unsafe fn leaky_relu(self, slope: Self) -> Self;
    /// A lane, or `top`'s where it is above; NaN stays.
    unsafe fn at_most(self, top: Self) -> Self;

    /// `sums[r][v] += left[r][k * step] * right[k * stride][v]` for each `k` in order.
    ///
    /// # Safety
    /// The machine has the instructions; every lane so named is there.
    #[inline(always)]
    unsafe fn add_products<const M: usize, const N: usize>(
        sums: &mut [[Self; N]; M],
        left: [*const f32; M],
        right: *const f32,
        walk: Walk,
    ) {
        // SAFETY: the caller's.
        unsafe { term_by_term(sums, left, right, walk) }
    }
}

/// How a tile goes along its factors.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    /// Terms of each sum.
    pub(crate) depth: usize,
    /// Lanes between two terms of the left factor.
    pub(crate) step: usize,
    /// Lanes between two terms of the right one.
    pub(crate) stride: usize,
}

/// [`Lanes::add_products`] as the compiler makes it.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn term_by_term<V: Lanes, const M: usize, const N: usize>(
    sums: &mut [[V; N]; M],
    left: [*const f32; M],
    right: *const f32,
    walk: Walk,
) {
    for k in 0..walk.depth {
        let right = right.wrapping_add(k * walk.stride);
        // SAFETY: the caller's.
        unsafe {
            let mut vectors = [V::zero(); N];
            for (v, vector) in vectors.iter_mut().enumerate() {
                *vector = V::load(right.wrapping_add(v * V::WIDTH));
            }
            for (left, row) in left.iter().zip(sums.iter_mut()) {
                let factor = V::splat(left.wrapping_add(k * walk.step));
                for (sum, &vector) in row.iter_mut().zip(&vectors) {
                    *sum = sum.add_product(factor, vector);
                }
            }
        }
    }
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
    unsafe fn sub(self, a: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] - a.0[i]))
    }
    #[inline(always)]
    unsafe fn mul(self, a: Self) -> Self {
        Plain(std::array::from_fn(|i| self.0[i] * a.0[i]))
    }
    #[inline(always)]
    unsafe fn leaky_relu(self, slope: Self) -> Self {
        Plain(std::array::from_fn(|i| crate::finish::leaky_relu(self.0[i], slope.0[i])))
    }
    #[inline(always)]
    unsafe fn at_most(self, top: Self) -> Self {
        Plain(std::array::from_fn(|i| crate::finish::at_most(self.0[i], top.0[i])))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Bf16};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Lanes, Walk, term_by_term};

    /// The methods are one instruction each; the trait's contract is theirs.
    macro_rules! lanes {
        ($(#[$doc:meta])* $name:ident, $vector:ty, $width:literal, $zero:ident, $load:ident, $store:ident,
         |$from:ident| $splat:expr, |$sum:ident, $a:ident, $b:ident| $product:expr, [$add:ident, $sub:ident, $mul:ident, $min:ident],
         |$x:ident, $slope:ident| $leaky:expr $(, $add_products:ident)?) => {
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
                unsafe fn sub(self, a: Self) -> Self {
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($sub(self.0, a.0)) }
                }
                #[inline(always)]
                unsafe fn mul(self, a: Self) -> Self {
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($mul(self.0, a.0)) }
                }
                #[inline(always)]
                unsafe fn leaky_relu(self, slope: Self) -> Self {
                    let ($x, $slope) = (self.0, slope.0);
                    // SAFETY: the trait's: as `zero`.
                    unsafe { $name($leaky) }
                }
                #[inline(always)]
                unsafe fn at_most(self, top: Self) -> Self {
                    // SAFETY: the trait's: as `zero`. Of a pair with NaN it gives the second.
                    unsafe { $name($min(top.0, self.0)) }
                }
                $(
                    #[inline(always)]
                    unsafe fn add_products<const M: usize, const N: usize>(
                        sums: &mut [[Self; N]; M],
                        left: [*const f32; M],
                        right: *const f32,
                        walk: Walk,
                    ) {
                        // SAFETY: the trait's.
                        unsafe { $add_products(sums, left, right, walk) }
                    }
                )?
            }
        };
    }

    lanes!(
        /// Eight lanes: AVX2 and FMA.
        Avx2, __m256, 8, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_storeu_ps,
        |from| _mm256_set1_ps(from.read_unaligned()), |sum, a, b| _mm256_fmadd_ps(a, b, sum),
        [_mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_min_ps],
        |x, slope| {
            let low = _mm256_cmp_ps::<_CMP_LE_OQ>(x, _mm256_setzero_ps());
            _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), low)
        },
        by_sixteen_registers
    );
    lanes!(
        /// Sixteen lanes: AVX-512 F.
        Avx512, __m512, 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_storeu_ps,
        |from| _mm512_set1_ps(from.read_unaligned()), |sum, a, b| _mm512_fmadd_ps(a, b, sum),
        [_mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_min_ps],
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
        [_mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_min_ps],
        |x, slope| {
            let low = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, _mm512_setzero_ps());
            _mm512_mask_mul_ps(x, low, x, slope)
        }
    );

    /// [`Lanes::add_products`] where the tallest tiles take all sixteen registers of AVX2: the compiler, which sees no
    /// way to do without a seventeenth, moves sums from register to register at every term (40% of the peak; so 90%).
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn by_sixteen_registers<const M: usize, const N: usize>(
        sums: &mut [[Avx2; N]; M],
        left: [*const f32; M],
        right: *const f32,
        walk: Walk,
    ) {
        // SAFETY: the caller's; each branch casts sums to the shape that they have.
        unsafe {
            match (M, N) {
                (4, 3) => four_by_three(&mut *(&raw mut *sums).cast(), &left[..], right, walk),
                (6, 2) => six_by_two(&mut *(&raw mut *sums).cast(), &left[..], right, walk),
                _ => term_by_term(sums, left, right, walk),
            }
        }
    }

    /// The loop over the terms: sums in `ymm0` to `ymm11`, the right factor from `ymm12` on, the left in `ymm15`.
    macro_rules! terms {
        ($(#[$doc:meta])* $name:ident, $rows:literal x $columns:literal, [$($load:literal)*],
         rows [$($row:ident = $index:literal: [$($product:literal)*])*], sums [$($register:tt = $r:literal, $v:literal;)*]) => {
            $(#[$doc])*
            ///
            /// # Safety
            /// The machine has AVX2 and FMA; the factors are there along the walk.
            #[inline]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn $name(sums: &mut [[Avx2; $columns]; $rows], left: &[*const f32], right: *const f32, walk: Walk) {
                if walk.depth == 0 {
                    return;
                }
                // SAFETY: reads what the caller promises, writes registers alone.
                unsafe {
                    std::arch::asm!(
                        "2:",
                        $($load,)*
                        $(
                            concat!("vbroadcastss ymm15, [{", stringify!($row), "} + {at}]"),
                            $($product,)*
                        )*
                        "add {right}, {stride}",
                        "add {at}, {step}",
                        "dec {depth}",
                        "jnz 2b",
                        $($row = in(reg) left[$index],)*
                        at = inout(reg) 0usize => _,
                        right = inout(reg) right => _,
                        stride = in(reg) 4 * walk.stride,
                        step = in(reg) 4 * walk.step,
                        depth = inout(reg) walk.depth => _,
                        $(inout($register) sums[$r][$v].0,)*
                        out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                        options(readonly, nostack)
                    );
                }
            }
        };
    }

    terms!(
        /// Four rows of three vectors.
        four_by_three, 4 x 3,
        ["vmovups ymm12, [{right}]" "vmovups ymm13, [{right} + 32]" "vmovups ymm14, [{right} + 64]"],
        rows [a = 0: ["vfmadd231ps ymm0, ymm12, ymm15" "vfmadd231ps ymm1, ymm13, ymm15" "vfmadd231ps ymm2, ymm14, ymm15"]
        b = 1: ["vfmadd231ps ymm3, ymm12, ymm15" "vfmadd231ps ymm4, ymm13, ymm15" "vfmadd231ps ymm5, ymm14, ymm15"]
        c = 2: ["vfmadd231ps ymm6, ymm12, ymm15" "vfmadd231ps ymm7, ymm13, ymm15" "vfmadd231ps ymm8, ymm14, ymm15"]
        d = 3: ["vfmadd231ps ymm9, ymm12, ymm15" "vfmadd231ps ymm10, ymm13, ymm15" "vfmadd231ps ymm11, ymm14, ymm15"]],
        sums ["ymm0" = 0, 0; "ymm1" = 0, 1; "ymm2" = 0, 2; "ymm3" = 1, 0; "ymm4" = 1, 1; "ymm5" = 1, 2;
              "ymm6" = 2, 0; "ymm7" = 2, 1; "ymm8" = 2, 2; "ymm9" = 3, 0; "ymm10" = 3, 1; "ymm11" = 3, 2;]
    );
    terms!(
        /// Six rows of two vectors.
        six_by_two, 6 x 2,
        ["vmovups ymm12, [{right}]" "vmovups ymm13, [{right} + 32]"],
        rows [a = 0: ["vfmadd231ps ymm0, ymm12, ymm15" "vfmadd231ps ymm1, ymm13, ymm15"]
        b = 1: ["vfmadd231ps ymm2, ymm12, ymm15" "vfmadd231ps ymm3, ymm13, ymm15"]
        c = 2: ["vfmadd231ps ymm4, ymm12, ymm15" "vfmadd231ps ymm5, ymm13, ymm15"]
        d = 3: ["vfmadd231ps ymm6, ymm12, ymm15" "vfmadd231ps ymm7, ymm13, ymm15"]
        e = 4: ["vfmadd231ps ymm8, ymm12, ymm15" "vfmadd231ps ymm9, ymm13, ymm15"]
        f = 5: ["vfmadd231ps ymm10, ymm12, ymm15" "vfmadd231ps ymm11, ymm13, ymm15"]],
        sums ["ymm0" = 0, 0; "ymm1" = 0, 1; "ymm2" = 1, 0; "ymm3" = 1, 1; "ymm4" = 2, 0; "ymm5" = 2, 1;
              "ymm6" = 3, 0; "ymm7" = 3, 1; "ymm8" = 4, 0; "ymm9" = 4, 1; "ymm10" = 5, 0; "ymm11" = 5, 1;]
    );
}
