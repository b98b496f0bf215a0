//! What the machine can do, asked once.

use std::sync::OnceLock;

/// The instructions a kernel may use. `Ord`: each level can also run what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Whatever the compiler makes of plain Rust: runs anywhere, and is the reference for the others.
    Plain,
    /// AVX2 and FMA: 256-bit vectors.
    Avx2,
    /// AVX-512 F, BW, DQ and VL: 512-bit vectors.
    Avx512,
    /// AVX-512 and its bfloat16 dot product.
    Bf16,
}

impl Level {
    /// The best level this machine has, or the one that the environment variable `DOPPELRAY_SIMD`
    /// (`plain`, `avx2`, `avx512` or `bf16`; anything else is as if unset) names where the machine has it. Read once
    /// a process.
    pub fn detect() -> Level {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let wanted = std::env::var("DOPPELRAY_SIMD").ok().and_then(|name| Level::named(&name));
            wanted.unwrap_or(Level::Bf16).at_most_available()
        })
    }

    /// The levels this machine has, the plain one first.
    pub fn available() -> impl Iterator<Item = Level> {
        [Level::Plain, Level::Avx2, Level::Avx512, Level::Bf16].into_iter().filter(|&l| l <= machine())
    }

    /// This level, or the machine's best where the machine lacks it: what makes running the kernels sound.
    pub fn at_most_available(self) -> Level {
        self.min(machine())
    }

    fn named(name: &str) -> Option<Level> {
        Some(match name {
            "plain" => Level::Plain,
            "avx2" => Level::Avx2,
            "avx512" => Level::Avx512,
            "bf16" => Level::Bf16,
            _ => return None,
        })
    }
}

#[cfg(target_arch = "x86_64")]
fn machine() -> Level {
    use std::arch::is_x86_feature_detected as has;
    if !(has!("avx2") && has!("fma")) {
        return Level::Plain;
    }
    if !(has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")) {
        return Level::Avx2;
    }
    if has!("avx512bf16") { Level::Bf16 } else { Level::Avx512 }
}

#[cfg(not(target_arch = "x86_64"))]
fn machine() -> Level {
    Level::Plain
}

/// What is multiplied; sums are `f32` in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `f32` factors.
    F32,
    /// `f32` factors, and minimal filtering for 3x3 (some 1e-6 of the largest sum): as near as a network needs, and sooner done.
    Filtered,
    /// Factors rounded to bfloat16 (to nearest, ties to even) where the machine multiplies those; elsewhere, where
    /// rounding would but cost, as [`Precision::Filtered`].
    Mixed,
    /// The factors of [`Precision::Mixed`] on every machine, multiplied as `f32`: what its rounding does to a training
    /// can so be seen anywhere.
    Rounded,
}

impl Precision {
    /// [`Precision::Mixed`], or [`Precision::Rounded`] where the environment variable `DOPPELRAY_MIXED` says `rounded`.
    /// Read once a process.
    pub fn mixed() -> Precision {
        static MIXED: OnceLock<Precision> = OnceLock::new();
        *MIXED.get_or_init(|| match std::env::var("DOPPELRAY_MIXED").as_deref() {
            Ok("rounded") => Precision::Rounded,
            _ => Precision::Mixed,
        })
    }
}

/// How a product is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Instructions to use, at most; those that the machine lacks are not used.
    pub level: Level,
    /// What is multiplied.
    pub precision: Precision,
}

impl Mode {
    /// `precision` at the machine's best level.
    pub fn new(precision: Precision) -> Mode {
        Mode { level: Level::detect(), precision }
    }

    /// True where factors travel as pairs of bfloat16 in one 32-bit lane.
    pub(crate) fn is_paired(self) -> bool {
        self.precision == Precision::Mixed && self.level == Level::Bf16
    }

    /// True where factors are rounded to bfloat16 and stay `f32`.
    pub(crate) fn is_rounded(self) -> bool {
        self.precision == Precision::Rounded
    }

    /// True where 3x3 goes by minimal filtering.
    pub(crate) fn is_filtered(self) -> bool {
        match self.precision {
            Precision::Filtered => true,
            Precision::Mixed => self.level < Level::Bf16,
            Precision::F32 | Precision::Rounded => false,
        }
    }

    pub(crate) fn checked(self) -> Mode {
        Mode { level: self.level.at_most_available(), ..self }
    }
}

impl Default for Mode {
    /// `f32` at the machine's best level.
    fn default() -> Mode {
        Mode::new(Precision::F32)
    }
}
