//! The radial power spectrum: what generators of images often get wrong, from blur to checkerboards.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::compare::{FEWEST, Settings, halvings};
use crate::estimate::{Estimate, Units, distance_estimate};
use crate::features::{FeatureError, Features};
use crate::fourier::Fourier;
use crate::rng::{Purpose, stream};

/// Names the profile; another number means that distances are not comparable.
pub const VERSION: &str = "radial-1";

/// Power added to all, far below what 8 bits resolve: an empty ring has a finite logarithm.
const LEAST: f64 = 1e-9;

/// Tables for square images of one size.
pub struct Radial {
    size: usize,
    side: usize,
    window: Vec<f32>,
    /// The window's energy.
    energy: f64,
    fourier: Fourier,
}

impl Radial {
    /// For images of `size` x `size` pixels, 4 at least.
    pub fn new(size: usize) -> Self {
        let side = size.next_power_of_two();
        let turn = |k: usize| std::f64::consts::TAU * (k as f64 + 0.5) / size as f64;
        let window: Vec<f32> = (0..size).map(|k| (0.5 - 0.5 * libm::cos(turn(k))) as f32).collect();
        let line: f64 = window.iter().map(|w| f64::from(*w) * f64::from(*w)).sum();
        Self { size, side, window, energy: line * line, fourier: Fourier::new(side) }
    }

    /// Rings of a profile: 1 to `size / 2` cycles an image.
    pub fn width(&self) -> usize {
        self.size / 2
    }

    /// Mean power by spatial frequency of `size * size` values in 0..1, in decibels: ring r holds r - 1/2 to r + 1/2 cycles an
    /// image. The image less its mean is under a Hann window, and padded with zeros to a power of two.
    pub fn profile(&self, pixels: &[f32]) -> Vec<f32> {
        let (size, side) = (self.size, self.side);
        assert_eq!(pixels.len(), size * size, "pixel count");
        let mean = (pixels.iter().map(|v| f64::from(*v)).sum::<f64>() / pixels.len() as f64) as f32;
        let mut plane = vec![(0.0, 0.0); side * side];
        for (y, row) in pixels.chunks_exact(size).enumerate() {
            for (x, value) in row.iter().enumerate() {
                plane[y * side + x].0 = (value - mean) * self.window[y] * self.window[x];
            }
        }
        self.rings(&self.fourier.plane(plane))
    }

    fn rings(&self, plane: &[(f32, f32)]) -> Vec<f32> {
        let mut sums = vec![(0.0, 0usize); self.width()];
        let scale = self.size as f64 / self.side as f64;
        let frequency = |k: usize| scale * k.min(self.side - k) as f64;
        for (i, (re, im)) in plane.iter().enumerate() {
            let (x, y) = (frequency(i % self.side), frequency(i / self.side));
            let ring = (x * x + y * y).sqrt().round() as usize;
            if (1..=self.width()).contains(&ring) {
                sums[ring - 1].0 += f64::from(re * re + im * im);
                sums[ring - 1].1 += 1;
            }
        }
        let decibels =
            |(power, count): (f64, usize)| 10.0 * (power / (self.energy * count as f64) + LEAST).log10();
        sums.into_iter().map(|ring| decibels(ring) as f32).collect()
    }
}

/// Mean profiles of two sets and how far apart they lie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spectra {
    /// Root mean square difference of the mean profiles over the rings, in decibels.
    pub distance: Estimate,
    /// Synthetic images against a real half, at the floor's count.
    pub at_floor: Option<f64>,
    /// The mean profile of real images, in decibels, ring by ring.
    pub real: Vec<f64>,
    /// That of synthetic ones.
    pub synthetic: Vec<f64>,
}

/// Compares profiles, or gives nothing below ten subjects or images a side.
///
/// The interval is of resampled units ([`distance_estimate`]), the floor that of real halves.
pub fn spectra(
    real: &Features,
    synthetic: &Features,
    settings: &Settings,
) -> Result<Option<Spectra>, FeatureError> {
    real.same_space(synthetic)?;
    let units = [Units::of(real), Units::of(synthetic)];
    if real.by_unit().len().min(synthetic.by_unit().len()) < FEWEST {
        return Ok(None);
    }
    let sets = [real, synthetic];
    let means = sets.map(|set| mean(set, &vec![1; set.len()]));
    let replicate = |index| {
        let mut draws = stream(settings.seed, Purpose::Bootstrap, index);
        let [a, b] = [0, 1].map(|at| mean(sets[at], &units[at].weights(&mut draws)));
        apart(&a, &b)
    };
    let drawn: Vec<f64> =
        (0..settings.distance_replicates.max(2) as u64).into_par_iter().map(replicate).collect();
    let distance = distance_estimate(apart(&means[0], &means[1]), &drawn, real.len().min(synthetic.len()));
    let halves = |[left, right, fake]: &[Vec<usize>; 3]| {
        let [left, right, fake] = [(real, left), (real, right), (synthetic, fake)].map(|(set, rows)| {
            let chosen = set.select(rows);
            mean(&chosen, &vec![1; chosen.len()])
        });
        (apart(&left, &fake), apart(&left, &right))
    };
    let floors: Vec<(f64, f64)> =
        halvings(real, synthetic, settings).filter(|h| h[0].len() >= FEWEST).map(|h| halves(&h)).collect();
    let average = |of: fn(&(f64, f64)) -> f64| {
        (!floors.is_empty()).then(|| floors.iter().map(of).sum::<f64>() / floors.len() as f64)
    };
    let [real, synthetic] = means;
    let distance = Estimate { floor: average(|f| f.1), ..distance };
    Ok(Some(Spectra { distance, at_floor: average(|f| f.0), real, synthetic }))
}

fn mean(set: &Features, weights: &[u32]) -> Vec<f64> {
    let mut sums = vec![0.0; set.width()];
    for (row, weight) in weights.iter().enumerate().filter(|(_, w)| **w > 0) {
        sums.iter_mut().zip(set.row(row)).for_each(|(sum, v)| *sum += f64::from(*weight) * f64::from(*v));
    }
    let total: u32 = weights.iter().sum();
    sums.iter().map(|sum| sum / f64::from(total)).collect()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
    (squares / a.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, gain: f32) -> Vec<f32> {
        stream(seed, Purpose::Bootstrap, 61).normals(48 * 48).iter().map(|v| 0.5 + 0.01 * gain * v).collect()
    }

    #[test]
    fn white_noise_is_flat_at_its_variance() {
        let radial = Radial::new(48);
        let profiles: Vec<Vec<f32>> = (0..60).map(|s| radial.profile(&noise(s, 1.0))).collect();
        // 1e-4 is -40 dB. The mean of the logarithm of few values lies below, so the first rings are left out.
        for ring in 4..24 {
            let level = profiles.iter().map(|p| p[ring]).sum::<f32>() / 60.0;
            assert!((level + 40.0).abs() < 0.6, "ring {ring}: {level}");
        }
    }

    #[test]
    fn a_wave_stands_at_its_frequency() {
        let wave = |i: usize| 0.5 + 0.1 * (std::f32::consts::TAU * 9.0 * (i % 48) as f32 / 48.0).sin();
        let profile = Radial::new(48).profile(&(0..48 * 48).map(wave).collect::<Vec<f32>>());
        let loudest = (0..24).max_by(|a, b| profile[*a].total_cmp(&profile[*b])).unwrap();
        assert_eq!(loudest + 1, 9);
    }

    #[test]
    fn what_is_twice_as_loud_lies_six_decibels_apart() {
        let radial = Radial::new(48);
        let set = |from: u64, gain| {
            let values = (from..from + 40).flat_map(|s| radial.profile(&noise(s, gain))).collect();
            Features::new(radial.width(), values).unwrap()
        };
        let settings = Settings::default();
        let apart = spectra(&set(100, 1.0), &set(200, 2.0), &settings).unwrap().unwrap().distance;
        assert!((apart.value - 6.02).abs() < 0.3 && apart.low < 6.02 && 6.02 < apart.high, "{apart:?}");
        let same = spectra(&set(100, 1.0), &set(200, 1.0), &settings).unwrap().unwrap();
        let ratio = same.at_floor.unwrap() / same.distance.floor.unwrap();
        assert!((0.7..1.4).contains(&ratio), "{same:?}");
    }
}
