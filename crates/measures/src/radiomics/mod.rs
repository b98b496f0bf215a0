//! Radiomics: first-order statistics and texture of a whole grey image by the definitions of the Image Biomarker
//! Standardisation Initiative (Zwanenburg et al. 2020), in two dimensions.
//!
//! Grey levels are cut into [`LEVELS`] equal bins from the image's least to its greatest value (IBSI's fixed bin number).
//! Co-occurrences and runs are of distance 1 in four directions, a feature being the mean over the directions; zones and
//! neighbourhoods are of the eight neighbours. It is what pyradiomics gives with `binCount=32`, `force2D=True` and a mask of
//! the whole image, without MCC and without what others say twice (TotalEnergy, SumAverage).

mod cooccurrence;
mod first_order;
mod neighbours;
mod runs;
mod zones;

/// Names the space; another number means that distances are not comparable.
pub const VERSION: &str = "radiomics-2";

/// Bins of the grey levels.
pub const LEVELS: usize = 32;

/// How near below an edge of two bins a value is on it: more than single precision blurs grey levels that were whole numbers, less
/// than 16 bits tell apart.
const TIE: f64 = 4e-6;

/// Names of the features, in their order, as pyradiomics spells them.
pub fn names() -> Vec<&'static str> {
    [
        &first_order::NAMES[..],
        &cooccurrence::NAMES[..],
        &runs::NAMES[..],
        &zones::NAMES[..],
        &neighbours::NAMES[..],
    ]
    .concat()
}

/// Features of an image of `width` columns, row by row: as many as [`names`]. Panics unless rows are whole.
pub fn features(pixels: &[f32], width: usize) -> Vec<f64> {
    assert!(width > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(width), "whole rows");
    let image = Binned::new(pixels, width);
    let mut features = first_order::features(pixels, &image).to_vec();
    features.extend(cooccurrence::features(&image));
    features.extend(runs::features(&image));
    features.extend(zones::features(&image));
    features.extend(neighbours::features(&image));
    features
}

/// The Frechet radiomics distance (Konz et al. 2026, version 1), of a squared Frechet distance between sets whose features are
/// in deviations of the real images: its natural logarithm. Theirs is of these classes of the image and of its wavelets and
/// Laplacians of Gaussians; this is of the image alone. Nothing for a distance of 0.
pub fn frechet_radiomics(distance: f64) -> Option<f64> {
    Some(distance.ln()).filter(|log| log.is_finite())
}

/// An image of grey levels 0..[`LEVELS`]; as IBSI counts them, from 1, they are one more.
struct Binned {
    width: usize,
    height: usize,
    levels: Vec<usize>,
}

impl Binned {
    fn new(pixels: &[f32], width: usize) -> Self {
        let (low, high) = pixels
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(f64::from(*v)), high.max(f64::from(*v))));
        let level = |v: &f32| {
            if high <= low {
                return 0;
            }
            let place = LEVELS as f64 * (f64::from(*v) - low) / (high - low);
            ((place + TIE) as usize).min(LEVELS - 1)
        };
        Self { width, height: pixels.len() / width, levels: pixels.iter().map(level).collect() }
    }

    /// The level at a place, or nothing outside.
    fn at(&self, x: isize, y: isize) -> Option<usize> {
        let inside = x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height;
        inside.then(|| self.levels[y as usize * self.width + x as usize])
    }

    /// All places with their levels.
    fn places(&self) -> impl Iterator<Item = (isize, isize, usize)> + '_ {
        let width = self.width;
        self.levels
            .iter()
            .enumerate()
            .map(move |(i, level)| ((i % width) as isize, (i / width) as isize, *level))
    }
}

/// One of each pair of opposite directions.
const DIRECTIONS: [(isize, isize); 4] = [(1, 0), (1, 1), (0, 1), (-1, 1)];

/// Added to probabilities under a logarithm, as pyradiomics does.
const EPSILON: f64 = f64::EPSILON;

/// `-p log2 p`, with pyradiomics' guard.
fn surprise(p: f64) -> f64 {
    -p * (p + EPSILON).log2()
}

/// Features of a table of levels (rows) by sizes (columns, from 1): the sixteen that runs and zones share.
fn sized(table: &[Vec<f64>], pixels: f64) -> [f64; 16] {
    let total: f64 = table.iter().flatten().sum();
    let cells = || {
        table.iter().enumerate().flat_map(|(i, row)| {
            let grey = (i + 1) as f64;
            row.iter().enumerate().filter(|(_, n)| **n > 0.0).map(move |(j, n)| (grey, (j + 1) as f64, *n))
        })
    };
    let mean = |of: &dyn Fn(f64, f64) -> f64| cells().map(|(g, s, n)| n * of(g, s)).sum::<f64>() / total;
    let by_grey: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let longest = table.iter().map(Vec::len).max().unwrap_or(0);
    let by_size: Vec<f64> =
        (0..longest).map(|j| table.iter().map(|row| row.get(j).copied().unwrap_or(0.0)).sum()).collect();
    let squares = |of: &[f64]| of.iter().map(|n| n * n).sum::<f64>();
    let (grey, size) = (mean(&|g, _| g), mean(&|_, s| s));
    [
        mean(&|_, s| 1.0 / (s * s)),
        mean(&|_, s| s * s),
        squares(&by_grey) / total,
        squares(&by_grey) / (total * total),
        squares(&by_size) / total,
        squares(&by_size) / (total * total),
        total / pixels,
        mean(&|g, _| (g - grey) * (g - grey)),
        mean(&|_, s| (s - size) * (s - size)),
        cells().map(|(_, _, n)| surprise(n / total)).sum(),
        mean(&|g, _| 1.0 / (g * g)),
        mean(&|g, _| g * g),
        mean(&|g, s| 1.0 / (g * g * s * s)),
        mean(&|g, s| g * g / (s * s)),
        mean(&|g, s| s * s / (g * g)),
        mean(&|g, s| g * g * s * s),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grey_level_on_an_edge_is_in_the_upper_bin_as_whole_numbers_would_be() {
        // Of 225 levels from 3 on every seventh is an edge.
        let pixels: Vec<f32> = (3..=227).map(|level| level as f32 / 255.0).collect();
        let whole: Vec<usize> = (0..=224_usize).map(|level| (LEVELS * level / 224).min(LEVELS - 1)).collect();
        assert_eq!(Binned::new(&pixels, 225).levels, whole);
    }

    #[test]
    fn there_are_as_many_features_as_names_and_a_flat_image_has_finite_ones() {
        for pixels in [vec![0.5; 64], (0..64).map(|i| (i % 7) as f32).collect()] {
            let features = features(&pixels, 8);
            assert_eq!(features.len(), names().len());
            let bad = names().into_iter().zip(&features).find(|(_, v)| !v.is_finite());
            assert_eq!(bad, None);
        }
    }
}
