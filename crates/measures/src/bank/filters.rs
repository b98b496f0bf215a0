//! Second derivatives of a Gaussian steered to four orientations (Freeman and Adelson 1991, tables III and IV).

use super::grid::Grid;

/// Half-width of the filters: nine taps.
const REACH: usize = 4;
/// Distance between taps in the Gaussian's unit.
const SPACING: f64 = 0.67;
/// Octaves.
const SCALES: usize = 3;
/// Energy cells, rows and columns: five rows, so that the joint lies in the middle of one.
const CELLS: (usize, usize) = (5, 3);
/// Energy that counts as nothing: a deviation of a quarter of an 8-bit grey step.
const NOTHING: f64 = 1e-6;
/// cos and sin of 0, 45, 90 and 135 degrees.
const DIRECTIONS: [(f32, f32); 4] = {
    const H: f32 = std::f32::consts::FRAC_1_SQRT_2;
    [(1.0, 0.0), (H, H), (0.0, 1.0), (-H, H)]
};

type Taps = [f32; 2 * REACH + 1];

/// The separable parts of the basis filters.
pub(super) struct Filters {
    bend: Taps,
    bell: Taps,
    slope: Taps,
}

impl Filters {
    pub(super) fn new() -> Self {
        let taps = |f: &dyn Fn(f64) -> f64| -> [f64; 2 * REACH + 1] {
            std::array::from_fn(|i| f((i as f64 - REACH as f64) * SPACING))
        };
        let bell = |t: f64| libm::exp(-t * t);
        let bend = taps(&|t| 0.9213 * (2.0 * t * t - 1.0) * bell(t));
        // Sampled, the second derivative does not sum to 0 by itself; brightness must not pass.
        let rest = bend.iter().sum::<f64>() / bend.len() as f64;
        Self {
            bend: bend.map(|t| (t - rest) as f32),
            bell: taps(&bell).map(|t| t as f32),
            slope: taps(&|t| libm::sqrt(1.843) * t * bell(t)).map(|t| t as f32),
        }
    }

    /// Appends log energies: scale by scale, orientation by orientation, cell by cell.
    pub(super) fn energies(&self, image: &Grid, out: &mut Vec<f64>) {
        let mut level = Grid { width: image.width, height: image.height, values: image.values.clone() };
        for scale in 0..SCALES {
            if scale > 0 {
                level = level.halved();
            }
            self.level(&level, out);
        }
    }

    fn level(&self, image: &Grid, out: &mut Vec<f64>) {
        let xx = down(&across(image, &self.bend), &self.bell);
        let xy = down(&across(image, &self.slope), &self.slope);
        let yy = down(&across(image, &self.bell), &self.bend);
        for (cos, sin) in DIRECTIONS {
            let (a, b, c) = (cos * cos, -2.0 * cos * sin, sin * sin);
            let parts = xx.values.iter().zip(&xy.values).zip(&yy.values);
            let energy = parts.map(|((x, m), y)| {
                let response = a * x + b * m + c * y;
                response * response
            });
            let energy = Grid { width: image.width, height: image.height, values: energy.collect() };
            let cells = energy.cells(CELLS.0, CELLS.1);
            out.extend(cells.iter().map(|(mean, _)| libm::log(mean + NOTHING)));
        }
    }
}

/// Filtered along the rows, mirrored at the ends.
fn across(image: &Grid, taps: &Taps) -> Grid {
    let width = image.width;
    let mut padded = vec![0.0; width + 2 * REACH];
    let mut values = Vec::with_capacity(image.values.len());
    for row in image.values.chunks(width) {
        for (at, value) in padded.iter_mut().enumerate() {
            *value = row[mirrored(at, width)];
        }
        values
            .extend(padded.windows(taps.len()).map(|w| w.iter().zip(taps).map(|(v, t)| v * t).sum::<f32>()));
    }
    Grid { width, height: image.height, values }
}

/// Filtered along the columns, mirrored at the ends.
fn down(image: &Grid, taps: &Taps) -> Grid {
    let (width, height) = (image.width, image.height);
    let mut values = vec![0.0; width * height];
    for (y, out) in values.chunks_mut(width).enumerate() {
        for (step, tap) in taps.iter().enumerate() {
            let row = &image.values[mirrored(y + step, height) * width..][..width];
            out.iter_mut().zip(row).for_each(|(o, v)| *o += tap * v);
        }
    }
    Grid { width, height, values }
}

/// The source of position `at - REACH` on a line of `size` values, the end values repeated by reflection.
fn mirrored(at: usize, size: usize) -> usize {
    if at < REACH {
        REACH - 1 - at
    } else if at - REACH >= size {
        2 * size - 1 - (at - REACH)
    } else {
        at - REACH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strongest(picture: impl Fn(f32, f32) -> f32) -> usize {
        let values = (0..128 * 128).map(|i| picture((i % 128) as f32, (i / 128) as f32)).collect();
        let mut energies = Vec::new();
        Filters::new().level(&Grid { width: 128, height: 128, values }, &mut energies);
        let middle = |d: usize| energies[d * CELLS.0 * CELLS.1 + 7];
        (0..4).max_by(|a, b| middle(*a).total_cmp(&middle(*b))).unwrap()
    }

    #[test]
    fn each_orientation_answers_its_own_stripes() {
        assert_eq!(strongest(|x, _| (x * 1.2).sin()), 0);
        assert_eq!(strongest(|_, y| (y * 1.2).sin()), 2);
        assert_eq!(strongest(|x, y| ((x - y) * 0.85).sin()), 1);
        assert_eq!(strongest(|x, y| ((x + y) * 0.85).sin()), 3);
    }

    #[test]
    fn an_even_image_has_no_energy() {
        let mut energies = Vec::new();
        Filters::new()
            .energies(&Grid { width: 128, height: 128, values: vec![0.7; 128 * 128] }, &mut energies);
        assert_eq!(energies.len(), 180);
        assert!(energies.iter().all(|e| (e - libm::log(NOTHING)).abs() < 1e-3));
    }
}
