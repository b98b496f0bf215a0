//! The kinds of convolutions that go by tiles, and their transforms at each level.

use rayon::prelude::*;

use super::Finish;
use super::tiles::{LANES, Squares, Take};
use super::transform::{Input, Map, Output, OutputGradient, Weights, Wide, both};
use crate::conv::{Activation, Conv};
use crate::finish::Shared;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{Avx2, Avx512};
use crate::lanes::{Lanes, Plain};
use crate::level::Level;
use crate::weights::Direction;

/// A kind of product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 3x3 by F(4x4, 3x3).
    Plain,
    /// 4x4 that moves by 2: by F(3x3, 2x2), each input channel in four phases of rows and columns.
    Halving,
    /// The transposed map of that: each output channel in four phases. Outputs `2 i - padding` and the next are the phases
    /// 0 and 1, and both take the inputs `i - 1` and `i`.
    Doubling,
}

/// Phases of rows and columns.
const PHASES: usize = 4;

/// Runs a transform at a level.
macro_rules! at {
    ($level:expr, $transform:ident($($argument:expr),*)) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Mode::checked` let this level through.
            Level::Avx512 | Level::Bf16 => unsafe { avx512::$transform($($argument),*) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { avx2::$transform($($argument),*) },
            // SAFETY: plain Rust runs anywhere.
            _ => unsafe { plain::$transform($($argument),*) },
        }
    };
}

impl Kind {
    /// Numbers of a transformed tile along each axis.
    pub(super) fn side(self) -> usize {
        if self == Kind::Plain { 6 } else { 4 }
    }

    /// Numbers of a transformed tile, each with a product of its own.
    pub(crate) fn points(self) -> usize {
        self.side() * self.side()
    }

    /// Outputs of a tile along each axis.
    pub(super) fn outputs(self) -> usize {
        match self {
            Kind::Plain => 4,
            Kind::Halving => 3,
            Kind::Doubling => 6,
        }
    }

    pub(super) fn input_phases(self) -> usize {
        if self == Kind::Halving { PHASES } else { 1 }
    }

    pub(super) fn output_phases(self) -> usize {
        if self == Kind::Doubling { PHASES } else { 1 }
    }

    /// Channels that a product reads and writes, each phase one.
    pub(crate) fn channels(self, conv: &Conv, direction: Direction) -> [usize; 2] {
        let (inputs, outputs) = match direction {
            Direction::Forward => (conv.in_channels, conv.out_channels),
            Direction::InputGradient => (conv.out_channels, conv.in_channels),
        };
        [inputs * self.input_phases(), outputs * self.output_phases()]
    }

    /// How tiles take their inputs.
    pub(super) fn take(self, padding: [usize; 2]) -> Take {
        match self {
            Kind::Plain => Take { side: 6, step: 4, padding },
            Kind::Halving => Take { side: 8, step: 6, padding },
            Kind::Doubling => Take { side: 4, step: 3, padding },
        }
    }

    /// The transformed weights, a matrix `[outputs][inputs]` of what the product reads and writes for each point.
    pub(super) fn transformed(self, conv: &Conv, w: &[f32], direction: Direction) -> Vec<f32> {
        let [inputs, outputs] = self.channels(conv, direction);
        let taps = conv.kernel[0] * conv.kernel[1];
        let mut to = vec![0.0; self.points() * outputs * inputs];
        let shared = Shared::new(&mut to);
        (0..outputs).into_par_iter().with_min_len(16).for_each(|output| {
            // SAFETY: each output has its own row of each point.
            let row = |point: usize| unsafe { shared.part((point * outputs + output) * inputs, inputs) };
            let mut rows: Vec<&mut [f32]> = (0..self.points()).map(row).collect();
            for input in 0..inputs {
                let (o, i) = (output / self.output_phases(), input / self.input_phases());
                let of = match direction {
                    Direction::Forward => o * conv.in_channels + i,
                    Direction::InputGradient => i * conv.in_channels + o,
                };
                let kernel = &w[of * taps..][..taps];
                let phase = output % self.output_phases() + input % self.input_phases();
                let mut write = |points: &[f32]| {
                    rows.iter_mut().zip(points).for_each(|(row, point)| row[input] = *point);
                };
                match (self, direction) {
                    (Kind::Plain, Direction::Forward) => {
                        write(nine(|row, col| kernel[3 * row + col]).as_flattened())
                    }
                    (Kind::Plain, Direction::InputGradient) => {
                        write(nine(|row, col| kernel[8 - 3 * row - col]).as_flattened());
                    }
                    (Kind::Halving, _) => {
                        write(four(|row, col| kernel[phase_at(phase, [row, col])]).as_flattened())
                    }
                    (Kind::Doubling, _) => {
                        write(four(|row, col| kernel[phase_at(phase, [1 - row, 1 - col])]).as_flattened());
                    }
                }
            }
        });
        to
    }

    /// Transforms one channel's squares to `to[point][stride]`, its phases one after the other.
    pub(super) fn input_points(self, level: Level, squares: &Squares, to: (&mut [f32], usize)) {
        at!(level, inputs(self, squares, to));
    }

    /// Transforms one channel's squares of gradients at the outputs to `to[point][stride]`.
    pub(super) fn output_points(self, level: Level, squares: &Squares, to: (&mut [f32], usize)) {
        at!(level, gradients(self, squares, to));
    }

    /// Transforms one channel's sums, `[point][stride]`, its phases one after the other, to finished outputs.
    pub(super) fn computed(
        self,
        level: Level,
        sums: (&[f32], usize),
        finish: Finish,
        to: &mut [[f32; LANES]],
    ) {
        at!(level, outputs(self, sums, finish, to));
    }
}

/// Where a phase of a 4x4 kernel has its weight.
pub(super) fn phase_at(phase: usize, [row, col]: [usize; 2]) -> usize {
    (phase / 2 + 2 * row) * 4 + phase % 2 + 2 * col
}

fn nine(weight: impl Fn(usize, usize) -> f32) -> [[f32; 6]; 6] {
    both::<Weights, f32, 3, 6>(&std::array::from_fn(|row| std::array::from_fn(|col| weight(row, col))))
}

fn four(weight: impl Fn(usize, usize) -> f32) -> [[f32; 4]; 4] {
    both::<Weights, f32, 2, 4>(&std::array::from_fn(|row| std::array::from_fn(|col| weight(row, col))))
}

/// Transforms squares by `F`; the numbers of a square are those `from` says.
///
/// # Safety
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn points<V: Lanes, F: Map<N, M>, const N: usize, const M: usize>(
    squares: &Squares,
    from: ([usize; 2], usize),
    (to, stride): (&mut [f32], usize),
) {
    for lane in (0..LANES).step_by(V::WIDTH) {
        // SAFETY: the caller's.
        let points = both::<F, Wide<V>, N, M>(&unsafe { squares.wide(lane, from) });
        for (point, value) in points.as_flattened().iter().enumerate() {
            value.store(to, point * stride + lane);
        }
    }
}

/// Transforms sums to outputs, which stand `step` apart from row and column `first` on in a tile of `side`, and finishes
/// them.
///
/// # Safety
/// The machine has the instructions of `V`.
#[inline(always)]
unsafe fn outputs<V: Lanes, const N: usize, const M: usize>(
    (sums, stride): (&[f32], usize),
    finish: Finish,
    (first, step, side): ([usize; 2], usize, usize),
    to: &mut [[f32; LANES]],
) where
    Output: Map<N, M>,
{
    for lane in (0..LANES).step_by(V::WIDTH) {
        // SAFETY: the caller's.
        let load = |point: usize| unsafe { Wide::<V>::load(sums, point * stride + lane) };
        let mut square = [[load(0); N]; N];
        for (point, wide) in square.as_flattened_mut().iter_mut().enumerate() {
            *wide = load(point);
        }
        let back = both::<Output, Wide<V>, N, M>(&square);
        for (row, back) in back.iter().enumerate() {
            for (col, value) in back.iter().enumerate() {
                let to = &mut to[(first[0] + row * step) * side + first[1] + col * step];
                let value = value.plus(finish.bias);
                match finish.activation {
                    Activation::Identity => value.store(to, lane),
                    Activation::LeakyRelu(slope) => value.leaky_relu(slope).store(to, lane),
                    Activation::Clipped(top) => value.leaky_relu(0.0).at_most(top).store(to, lane),
                }
            }
        }
    }
}

/// The transforms at one level.
macro_rules! level {
    ($name:ident, $lanes:ty, [$($features:literal)?]) => {
        mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn inputs(kind: Kind, squares: &Squares, (to, stride): (&mut [f32], usize)) {
                // SAFETY: the caller's: the machine has the features above.
                unsafe {
                    match kind {
                        Kind::Plain => points::<$lanes, Input, 6, 6>(squares, ([0, 0], 1), (to, stride)),
                        Kind::Halving => {
                            for phase in 0..PHASES {
                                let from = ([phase / 2, phase % 2], 2);
                                points::<$lanes, Input, 4, 4>(squares, from, (&mut to[phase * LANES..], stride));
                            }
                        }
                        Kind::Doubling => points::<$lanes, Input, 4, 4>(squares, ([0, 0], 1), (to, stride)),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn gradients(kind: Kind, squares: &Squares, to: (&mut [f32], usize)) {
                // SAFETY: as above.
                unsafe {
                    match kind {
                        Kind::Plain => points::<$lanes, OutputGradient, 4, 6>(squares, ([0, 0], 1), to),
                        _ => points::<$lanes, OutputGradient, 3, 4>(squares, ([0, 0], 1), to),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn outputs(
                kind: Kind,
                (sums, stride): (&[f32], usize),
                finish: Finish,
                to: &mut [[f32; LANES]],
            ) {
                // SAFETY: as above.
                unsafe {
                    match kind {
                        Kind::Plain => super::outputs::<$lanes, 6, 4>((sums, stride), finish, ([0, 0], 1, 4), to),
                        Kind::Halving => super::outputs::<$lanes, 4, 3>((sums, stride), finish, ([0, 0], 1, 3), to),
                        Kind::Doubling => {
                            for phase in 0..PHASES {
                                let at = ([phase / 2, phase % 2], 2, 6);
                                super::outputs::<$lanes, 4, 3>((&sums[phase * LANES..], stride), finish, at, to);
                            }
                        }
                    }
                }
            }
        }
    };
}

level!(plain, Plain, []);
#[cfg(target_arch = "x86_64")]
level!(avx2, Avx2, ["avx2,fma"]);
#[cfg(target_arch = "x86_64")]
level!(avx512, Avx512, ["avx512f"]);
