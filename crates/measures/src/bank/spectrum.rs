//! Power in rings of the two-dimensional spectrum.

/// Tables for squares of one side, a power of two.
pub(super) struct Spectrum {
    side: usize,
    window: Vec<f32>,
    /// `exp(-2 pi i k / side)` for the first half of the circle.
    turns: Vec<(f32, f32)>,
}

impl Spectrum {
    pub(super) fn new(side: usize) -> Self {
        assert!(side.is_power_of_two(), "the transform halves its length");
        let turn = |k: usize| std::f64::consts::TAU * k as f64 / side as f64;
        let window = (0..side).map(|k| (0.5 - 0.5 * libm::cos(turn(k))) as f32).collect();
        let turns = (0..side / 2).map(|k| (libm::cos(turn(k)) as f32, -libm::sin(turn(k)) as f32)).collect();
        Self { side, window, turns }
    }

    /// Log mean power (per pixel, of the windowed image less its mean) at squared radii 2^k .. 2^(k+1), k = 0..12
    /// for a side of 128: half-octave rings up to the Nyquist frequency.
    pub(super) fn rings(&self, values: &[f32]) -> Vec<f64> {
        let side = self.side;
        let mean = (values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64) as f32;
        let windowed =
            |(i, v): (usize, &f32)| ((v - mean) * self.window[i / side] * self.window[i % side], 0.0);
        let mut plane: Vec<(f32, f32)> = values.iter().enumerate().map(windowed).collect();
        plane.chunks_mut(side).for_each(|row| self.transform(row));
        let mut turned: Vec<(f32, f32)> =
            (0..side * side).map(|i| plane[(i % side) * side + i / side]).collect();
        turned.chunks_mut(side).for_each(|column| self.transform(column));
        self.ring_means(&turned)
    }

    fn ring_means(&self, plane: &[(f32, f32)]) -> Vec<f64> {
        let side = self.side;
        let rings = 2 * (side / 2).ilog2() as usize;
        let mut sums = vec![(0.0, 0usize); rings];
        for (i, (re, im)) in plane.iter().enumerate() {
            let frequency = |k: usize| k.min(side - k);
            let squared = frequency(i % side).pow(2) + frequency(i / side).pow(2);
            let ring = squared.checked_ilog2().map(|r| r as usize).filter(|r| *r < rings);
            if let Some(ring) = ring {
                sums[ring].0 += f64::from(re * re + im * im);
                sums[ring].1 += 1;
            }
        }
        let pixels = (side * side) as f64;
        sums.iter().map(|(power, count)| libm::log(power / (pixels * *count as f64) + 1e-9)).collect()
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
        let spectrum = Spectrum::new(16);
        let line: Vec<(f32, f32)> = (0..16).map(|i| ((i * i % 7) as f32, (i % 3) as f32)).collect();
        let mut fast = line.clone();
        spectrum.transform(&mut fast);
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

    #[test]
    fn a_wave_lies_in_the_ring_of_its_frequency() {
        let wave = |i: usize| (std::f32::consts::TAU * 12.0 * (i % 128) as f32 / 128.0).sin();
        let rings = Spectrum::new(128).rings(&(0..128 * 128).map(wave).collect::<Vec<f32>>());
        let loudest = (0..12).max_by(|a, b| rings[*a].total_cmp(&rings[*b])).unwrap();
        // 12 squared is 144, between 2^7 and 2^8.
        assert_eq!((rings.len(), loudest), (12, 7));
    }
}
