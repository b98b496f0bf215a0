//! A feature space that needs no download: a fixed bank of multi-scale statistics of a grey image.
//!
//! The image, 0..1, is resampled to 128 x 128 with a triangle filter as wide as a step. Of it are taken:
//!
//! | features | what | sees |
//! |---|---|---|
//! | 0..25 | means on a 5 x 5 grid | exposure, where bone and air lie |
//! | 25..50 | log standard deviations on the same grid | local contrast |
//! | 50..230 | log energies of second-derivative filters (Freeman and Adelson 1991, tables III-IV), 3 scales an octave apart x 4 orientations (0, 45, 90, 135 degrees) x 5 rows x 3 columns | edges, joint space, texture |
//! | 230..242 | log power in 12 half-octave rings of the Hann-windowed spectrum | sharpness, noise |
//! | 242..251 | grey quantiles 1, 5, 10, 25, 50, 75, 90, 95, 99% | exposure |
//!
//! Each group is shifted and scaled by the constants of [`GROUPS`], which were rounded from 826 real knees once (the
//! group's mean, and the root of its features' mean variance) and never follow the data: the space is the same for every collection and release, until [`VERSION`] changes.

mod filters;
mod grid;
mod spectrum;

use grid::Grid;

/// Names the space; another number means that distances are not comparable.
pub const VERSION: &str = "bank-1";

/// Features an image.
pub const WIDTH: usize = 251;

/// Size, centre and scale of each group, in the order of the features.
pub const GROUPS: [(usize, f64, f64); 5] =
    [(25, 0.6, 0.15), (25, -3.0, 0.5), (180, -6.5, 0.9), (12, -5.75, 0.85), (9, 0.6, 0.125)];

/// Side of the standard grid.
const SIDE: usize = 128;
/// Grey quantiles.
const QUANTILES: [f64; 9] = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99];

/// The bank: tables made once.
pub struct Bank {
    filters: filters::Filters,
    spectrum: spectrum::Spectrum,
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

impl Bank {
    /// Makes the tables.
    pub fn new() -> Self {
        Self { filters: filters::Filters::new(), spectrum: spectrum::Spectrum::new(SIDE) }
    }

    /// [`WIDTH`] features of `height` x `width` grey values in 0..1, row by row.
    ///
    /// Panics if the number of values is another or 0.
    pub fn features(&self, pixels: &[f32], width: usize, height: usize) -> Vec<f32> {
        assert!(!pixels.is_empty() && pixels.len() == width * height, "pixel count");
        let image = Grid { width, height, values: pixels.to_vec() }.resampled(SIDE, SIDE);
        let mut raw = Vec::with_capacity(WIDTH);
        let (means, deviations): (Vec<f64>, Vec<f64>) = image.cells(5, 5).into_iter().unzip();
        raw.extend(means);
        raw.extend(deviations.iter().map(|d| libm::log(d + 1e-3)));
        self.filters.energies(&image, &mut raw);
        raw.extend(self.spectrum.rings(&image.values));
        raw.extend(quantiles(&image.values));
        standardised(&raw)
    }
}

/// The raw statistics by the constants of their group.
fn standardised(raw: &[f64]) -> Vec<f32> {
    let constants =
        GROUPS.iter().flat_map(|(size, centre, scale)| std::iter::repeat_n((centre, scale), *size));
    raw.iter().zip(constants).map(|(value, (centre, scale))| ((value - centre) / scale) as f32).collect()
}

fn quantiles(values: &[f32]) -> [f64; QUANTILES.len()] {
    let mut sorted: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    QUANTILES.map(|q| crate::estimate::quantile(&sorted, q))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bright bones with a dark gap of `gap` rows between them on a 224 x 224 film.
    fn joint(gap: f32, gain: f32) -> Vec<f32> {
        let pixel = |i: usize| {
            let (x, y) = ((i % 224) as f32 - 112.0, (i / 224) as f32 - 112.0);
            let bone = (y.abs() > gap / 2.0 && x.abs() < 70.0) as u8;
            gain * (0.2 + 0.5 * f32::from(bone) + 0.02 * (x * 0.9).sin() * (y * 0.7).cos())
        };
        (0..224 * 224).map(pixel).collect()
    }

    fn apart(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>().sqrt()
    }

    #[test]
    fn the_features_are_as_many_as_said_and_finite_for_any_image() {
        assert_eq!(GROUPS.iter().map(|g| g.0).sum::<usize>(), WIDTH);
        let bank = Bank::new();
        for (width, height) in [(1, 1), (64, 64), (224, 224), (300, 50)] {
            let features = bank.features(&vec![0.0; width * height], width, height);
            assert_eq!(features.len(), WIDTH);
            assert!(features.iter().all(|f| f.is_finite()));
        }
    }

    #[test]
    fn geometry_texture_and_exposure_each_move_the_features() {
        let bank = Bank::new();
        let of = |pixels: &[f32]| bank.features(pixels, 224, 224);
        let plain = of(&joint(16.0, 1.0));
        let narrow = of(&joint(8.0, 1.0));
        let bright = of(&joint(16.0, 1.3));
        let grain: Vec<f32> = joint(16.0, 1.0)
            .iter()
            .enumerate()
            .map(|(i, p)| p + 0.02 * ((i * 7919 % 101) as f32 / 50.0 - 1.0))
            .collect();
        for other in [narrow, bright, of(&grain)] {
            assert!(apart(&plain, &other) > 1.0, "{}", apart(&plain, &other));
        }
    }

    #[test]
    fn the_same_picture_at_another_size_is_nearly_the_same_to_it() {
        let bank = Bank::new();
        let large = joint(16.0, 1.0);
        let small = Grid { width: 224, height: 224, values: large.clone() }.resampled(160, 160);
        let near = apart(&bank.features(&large, 224, 224), &bank.features(&small.values, 160, 160));
        let far = apart(&bank.features(&large, 224, 224), &bank.features(&joint(8.0, 1.0), 224, 224));
        assert!(near < far, "{near} {far}");
    }

    #[test]
    fn a_core_describes_two_hundred_images_a_second() {
        let bank = Bank::new();
        let pixels = joint(16.0, 1.0);
        let began = std::time::Instant::now();
        (0..20).for_each(|_| drop(bank.features(&pixels, 224, 224)));
        let rate = 20.0 / began.elapsed().as_secs_f64();
        println!("{rate:.0} images/s");
        // A machine that others use may be several times slower; the bench measures, this guards.
        assert!(rate > 40.0, "{rate}");
    }
}
