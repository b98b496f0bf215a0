//! Power in rings of the two-dimensional spectrum.

use crate::fourier::Fourier;

/// Tables for squares of one side, a power of two.
pub(super) struct Spectrum {
    side: usize,
    window: Vec<f32>,
    fourier: Fourier,
}

impl Spectrum {
    pub(super) fn new(side: usize) -> Self {
        let turn = |k: usize| std::f64::consts::TAU * k as f64 / side as f64;
        let window = (0..side).map(|k| (0.5 - 0.5 * libm::cos(turn(k))) as f32).collect();
        Self { side, window, fourier: Fourier::new(side) }
    }

    /// Log mean power (per pixel, of the windowed image less its mean) at squared radii 2^k .. 2^(k+1), k = 0..12
    /// for a side of 128: half-octave rings up to the Nyquist frequency.
    pub(super) fn rings(&self, values: &[f32]) -> Vec<f64> {
        let side = self.side;
        let mean = (values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64) as f32;
        let windowed =
            |(i, v): (usize, &f32)| ((v - mean) * self.window[i / side] * self.window[i % side], 0.0);
        let plane = values.iter().enumerate().map(windowed).collect();
        self.ring_means(&self.fourier.plane(plane))
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_lies_in_the_ring_of_its_frequency() {
        let wave = |i: usize| (std::f32::consts::TAU * 12.0 * (i % 128) as f32 / 128.0).sin();
        let rings = Spectrum::new(128).rings(&(0..128 * 128).map(wave).collect::<Vec<f32>>());
        let loudest = (0..12).max_by(|a, b| rings[*a].total_cmp(&rings[*b])).unwrap();
        // 12 squared is 144, between 2^7 and 2^8.
        assert_eq!((rings.len(), loudest), (12, 7));
    }
}
