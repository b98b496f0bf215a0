//! The transforms of F(4x4, 3x3) at the points 0, 1, -1, 2, -2 and infinity (Lavin and Gray 2016, section 4.3), and of
//! F(3x3, 2x2) at 0, 1, -1 and infinity, along one axis; each is applied along both.

use std::ops::{Add, Mul, Sub};

use crate::lanes::Lanes;

/// What can be transformed.
pub(super) trait Number:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<f32, Output = Self>
{
}

impl<T: Copy + Add<Output = T> + Sub<Output = T> + Mul<f32, Output = T>> Number for T {}

/// A linear map of `N` numbers to `M`. A type and not a closure: closures that are not inlined would not have the caller's
/// instructions.
pub(super) trait Map<const N: usize, const M: usize> {
    /// The map of numbers of any kind.
    fn map<T: Number>(numbers: [T; N]) -> [T; M];
}

/// A number of each of several tiles. Only vectors that were made where the machine has their instructions get in here
/// ([`Wide::load`]), so that what follows is safe.
#[derive(Clone, Copy)]
pub(super) struct Wide<V>(V);

impl<V: Lanes> Wide<V> {
    /// The numbers from `at` on.
    ///
    /// # Safety
    /// The machine has the instructions of `V`.
    #[inline(always)]
    pub(super) unsafe fn load(from: &[f32], at: usize) -> Self {
        let from = &from[at..at + V::WIDTH];
        // SAFETY: the caller's; there are as many.
        Wide(unsafe { V::load(from.as_ptr()) })
    }

    /// Writes the numbers from `at` on.
    #[inline(always)]
    pub(super) fn store(self, to: &mut [f32], at: usize) {
        let to = &mut to[at..at + V::WIDTH];
        // SAFETY: the machine has the instructions, for there is a vector; there is room for as many.
        unsafe { self.0.store(to.as_mut_ptr()) }
    }

    /// The number plus a bias.
    #[inline(always)]
    pub(super) fn plus(self, bias: f32) -> Self {
        // SAFETY: the machine has the instructions, for there is a vector.
        Wide(unsafe { self.0.add(V::splat(&raw const bias)) })
    }

    /// The number where it is positive or NaN, else `slope` times it.
    #[inline(always)]
    pub(super) fn leaky_relu(self, slope: f32) -> Self {
        // SAFETY: as above.
        Wide(unsafe { self.0.leaky_relu(V::splat(&raw const slope)) })
    }

    /// The number, or `top` where it is above; NaN stays.
    #[inline(always)]
    pub(super) fn at_most(self, top: f32) -> Self {
        // SAFETY: as above.
        Wide(unsafe { self.0.at_most(V::splat(&raw const top)) })
    }
}

impl<V: Lanes> Add for Wide<V> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the machine has the instructions, for there is a vector.
        Wide(unsafe { self.0.add(other.0) })
    }
}

impl<V: Lanes> Sub for Wide<V> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Wide(unsafe { self.0.sub(other.0) })
    }
}

impl<V: Lanes> Mul<f32> for Wide<V> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        // SAFETY: as above.
        Wide(unsafe { self.0.mul(V::splat(&raw const factor)) })
    }
}

/// Six inputs to the six points.
pub(super) struct Input;

impl Map<6, 6> for Input {
    #[inline(always)]
    fn map<T: Number>([d0, d1, d2, d3, d4, d5]: [T; 6]) -> [T; 6] {
        let (even, odd) = (d4 - d2 * 4.0, d3 - d1 * 4.0);
        let (near, far) = (d4 - d2, (d3 - d1) * 2.0);
        [d0 * 4.0 - d2 * 5.0 + d4, even + odd, even - odd, near + far, near - far, d1 * 4.0 - d3 * 5.0 + d5]
    }
}

/// Sums at the six points to four outputs.
pub(super) struct Output;

impl Map<6, 4> for Output {
    #[inline(always)]
    fn map<T: Number>([m0, m1, m2, m3, m4, m5]: [T; 6]) -> [T; 4] {
        let (even, odd) = (m1 + m2, m1 - m2);
        let (even_far, odd_far) = (m3 + m4, m3 - m4);
        [m0 + even + even_far, odd + odd_far * 2.0, even + even_far * 4.0, odd + odd_far * 8.0 + m5]
    }
}

/// The transposed map of [`Output`]: four gradients at the outputs to those at the six points.
pub(super) struct OutputGradient;

impl Map<4, 6> for OutputGradient {
    #[inline(always)]
    fn map<T: Number>([y0, y1, y2, y3]: [T; 4]) -> [T; 6] {
        let (even, odd) = (y0 + y2, y1 + y3);
        let (even_far, odd_far) = (y0 + y2 * 4.0, y1 * 2.0 + y3 * 8.0);
        [y0, even + odd, even - odd, even_far + odd_far, even_far - odd_far, y3]
    }
}

/// Three weights to the six points.
pub(super) struct Weights;

impl Map<3, 6> for Weights {
    #[inline(always)]
    fn map<T: Number>([g0, g1, g2]: [T; 3]) -> [T; 6] {
        let (even, odd) = ((g0 + g2) * (-1.0 / 6.0), g1 * (1.0 / 6.0));
        let (even_far, odd_far) = (g0 * (1.0 / 24.0) + g2 * (1.0 / 6.0), g1 * (1.0 / 12.0));
        [g0 * 0.25, even - odd, even + odd, even_far + odd_far, even_far - odd_far, g2]
    }
}

/// The transposed map of [`Weights`]: gradients at the six points to three.
pub(super) struct WeightsGradient;

impl Map<6, 3> for WeightsGradient {
    #[inline(always)]
    fn map<T: Number>([u0, u1, u2, u3, u4, u5]: [T; 6]) -> [T; 3] {
        let (even, odd) = ((u1 + u2) * (-1.0 / 6.0), (u2 - u1) * (1.0 / 6.0));
        let (even_far, odd_far) = (u3 + u4, u3 - u4);
        [
            u0 * 0.25 + even + even_far * (1.0 / 24.0),
            odd + odd_far * (1.0 / 12.0),
            even + even_far * (1.0 / 6.0) + u5,
        ]
    }
}

impl Map<4, 4> for Input {
    #[inline(always)]
    fn map<T: Number>([d0, d1, d2, d3]: [T; 4]) -> [T; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d3 - d1]
    }
}

impl Map<4, 3> for Output {
    #[inline(always)]
    fn map<T: Number>([m0, m1, m2, m3]: [T; 4]) -> [T; 3] {
        let even = m1 + m2;
        [m0 + even, m1 - m2, even + m3]
    }
}

impl Map<3, 4> for OutputGradient {
    #[inline(always)]
    fn map<T: Number>([y0, y1, y2]: [T; 3]) -> [T; 4] {
        let even = y0 + y2;
        [y0, even + y1, even - y1, y2]
    }
}

impl Map<2, 4> for Weights {
    #[inline(always)]
    fn map<T: Number>([g0, g1]: [T; 2]) -> [T; 4] {
        [g0, (g0 + g1) * 0.5, (g0 - g1) * 0.5, g1]
    }
}

impl Map<4, 2> for WeightsGradient {
    #[inline(always)]
    fn map<T: Number>([u0, u1, u2, u3]: [T; 4]) -> [T; 2] {
        let (even, odd) = ((u1 + u2) * 0.5, (u1 - u2) * 0.5);
        [u0 + even, odd + u3]
    }
}

/// `F` along the columns, then along the rows, of a square.
#[inline(always)]
pub(super) fn both<F: Map<N, M>, T: Number, const N: usize, const M: usize>(
    square: &[[T; N]; N],
) -> [[T; M]; M] {
    // What fills them at first is never read.
    let (mut across, mut down) = ([[square[0][0]; N]; M], [[square[0][0]; M]; M]);
    for row in 0..N {
        let mapped = F::map(square[row]);
        for col in 0..M {
            across[col][row] = mapped[col];
        }
    }
    for col in 0..M {
        let mapped = F::map(across[col]);
        for row in 0..M {
            down[row][col] = mapped[row];
        }
    }
    down
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three maps together are a correlation, and the two gradients are their transposes: on unit vectors.
    fn correlates<const N: usize, const M: usize, const K: usize>()
    where
        Input: Map<N, N>,
        Output: Map<N, M>,
        OutputGradient: Map<M, N>,
        Weights: Map<K, N>,
        WeightsGradient: Map<N, K>,
    {
        fn unit<const L: usize>(at: usize) -> [f32; L] {
            std::array::from_fn(|i| f32::from(i == at))
        }
        for (i, k) in (0..N).flat_map(|i| (0..K).map(move |k| (i, k))) {
            let (points, kernel) = (<Input as Map<N, N>>::map(unit(i)), <Weights as Map<K, N>>::map(unit(k)));
            let outputs = <Output as Map<N, M>>::map(std::array::from_fn(|p| points[p] * kernel[p]));
            for (o, got) in outputs.into_iter().enumerate() {
                let wanted = f32::from(i == o + k);
                assert!((got - wanted).abs() < 1e-6, "{i} {k} {o}: {got}");
                let back = <OutputGradient as Map<M, N>>::map(unit(o));
                let sums = std::array::from_fn(|p| points[p] * back[p]);
                let kernel = <WeightsGradient as Map<N, K>>::map(sums);
                assert!((kernel[k] - wanted).abs() < 1e-6, "{i} {k} {o}");
            }
        }
    }

    #[test]
    fn the_maps_make_a_correlation_and_its_gradient() {
        correlates::<6, 4, 3>();
        correlates::<4, 3, 2>();
    }
}
