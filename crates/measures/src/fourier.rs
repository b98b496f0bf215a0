//! The discrete Fourier transform of lines and planes.

/// Tables for lines of one length, a power of two.
pub(crate) struct Fourier {
    side: usize,
    /// `exp(-2 pi i k / side)` for the first half of the circle.
    turns: Vec<(f32, f32)>,
}

impl Fourier {
    pub(crate) fn new(side: usize) -> Self {
        assert!(side.is_power_of_two(), "the transform halves its length");
        let turn = |k: usize| std::f64::consts::TAU * k as f64 / side as f64;
        let turns = (0..side / 2).map(|k| (libm::cos(turn(k)) as f32, -libm::sin(turn(k)) as f32)).collect();
        Self { side, turns }
    }

    /// The transform of a square plane of complex numbers, columns for rows.
    pub(crate) fn plane(&self, mut plane: Vec<(f32, f32)>) -> Vec<(f32, f32)> {
        let side = self.side;
        plane.chunks_mut(side).for_each(|row| self.transform(row));
        let mut turned: Vec<(f32, f32)> =
            (0..side * side).map(|i| plane[(i % side) * side + i / side]).collect();
        turned.chunks_mut(side).for_each(|column| self.transform(column));
        turned
    }

    /// The discrete Fourier transform in place (Cooley and Tukey 1965, radix 2).
    fn transform(&self, line: &mut [(f32, f32)]) {
        let bits = self.side.ilog2();
        for i in 0..line.len() {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                line.swap(i, j);
            }
        }
        let mut half = 1;
        while half < line.len() {
            let stride = line.len() / (2 * half);
            for block in line.chunks_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let (c, s) = self.turns[k * stride];
                    let turned = (b.0 * c - b.1 * s, b.0 * s + b.1 * c);
                    (*a, *b) = ((a.0 + turned.0, a.1 + turned.1), (a.0 - turned.0, a.1 - turned.1));
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transform_is_the_discrete_fourier_sum() {
        let fourier = Fourier::new(16);
        let line: Vec<(f32, f32)> = (0..16).map(|i| ((i * i % 7) as f32, (i % 3) as f32)).collect();
        let mut fast = line.clone();
        fourier.transform(&mut fast);
        for (k, value) in fast.iter().enumerate() {
            let add = |(re, im): (f64, f64), (n, x): (usize, &(f32, f32))| {
                let angle = -std::f64::consts::TAU * (k * n) as f64 / 16.0;
                let (c, s) = (angle.cos(), angle.sin());
                (re + f64::from(x.0) * c - f64::from(x.1) * s, im + f64::from(x.0) * s + f64::from(x.1) * c)
            };
            let slow = line.iter().enumerate().fold((0.0, 0.0), add);
            assert!((f64::from(value.0) - slow.0).abs() < 1e-4 && (f64::from(value.1) - slow.1).abs() < 1e-4);
        }
    }
}
