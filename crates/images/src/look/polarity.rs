//! Is this film a photographic negative? Bone must be white.

use std::sync::OnceLock;

use crate::phantom::render;
use crate::{Image, Side};

/// How a film shows bone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// White, as it should.
    Positive,
    /// Black: a negative.
    Negative,
    /// It looks like no frontal knee, so nothing can be said; a person should look.
    Unsure,
}

/// Below this likeness a film is a negative. On 6,604 real knees all 84 negatives lie below -0.6.
const NEGATIVE: f64 = -0.35;

/// From this likeness on a film is a positive. On 6,604 real knees one positive of 6,520 lies below 0.4: 0.2, half
/// hidden by staples.
const POSITIVE: f64 = 0.1;

/// Cells a side of the coarse picture that is compared.
const CELLS: usize = 16;

/// Phantoms that the pattern is the mean of.
const PHANTOMS: u64 = 12;

/// How the film shows a knee's bones, by its [`likeness`] to one.
pub fn shown(image: &Image) -> Shown {
    match likeness(image) {
        l if l < NEGATIVE => Shown::Negative,
        l if l < POSITIVE => Shown::Unsure,
        _ => Shown::Positive,
    }
}

/// Correlation (Pearson's, -1..=1) of the coarse film with the mean phantom knee, the same for left and right: bright in
/// the middle, dark beside the leg. 0 for an image of one value.
pub fn likeness(image: &Image) -> f64 {
    let seen = standardised(coarse(image));
    seen.iter().zip(pattern()).map(|(a, b)| a * b).sum::<f64>() / seen.len() as f64
}

/// The mean of some phantom knees and their mirror images, standardised. No patient is in it.
fn pattern() -> &'static [f64] {
    static PATTERN: OnceLock<Vec<f64>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let mut sum = vec![0.0; CELLS * CELLS];
        for subject in 0..PHANTOMS {
            let knee = render(0, subject, Side::Left, CELLS as u32).image;
            let knee = standardised(coarse(&knee));
            for (row, sums) in knee.chunks_exact(CELLS).zip(sum.chunks_exact_mut(CELLS)) {
                sums.iter_mut().zip(row.iter().zip(row.iter().rev())).for_each(|(sum, (a, b))| *sum += a + b);
            }
        }
        standardised(sum)
    })
}

/// Means over a grid of 16 x 16 cells.
fn coarse(image: &Image) -> Vec<f64> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let ends = |cell: usize, length: usize| {
        let first = cell * length / CELLS;
        (first, ((cell + 1) * length / CELLS).max(first + 1))
    };
    let cell = |i: usize| {
        let ((top, bottom), (left, right)) = (ends(i / CELLS, height), ends(i % CELLS, width));
        let rows = image.pixels().chunks_exact(width).take(bottom).skip(top);
        let sum: u64 = rows.flat_map(|row| &row[left..right]).map(|value| u64::from(*value)).sum();
        sum as f64 / ((bottom - top) * (right - left)) as f64
    };
    (0..CELLS * CELLS).map(cell).collect()
}

/// Mean 0 and variance 1; all 0 where there is no variance.
fn standardised(mut values: Vec<f64>) -> Vec<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
    values.iter_mut().for_each(|v| *v = (*v - mean) * scale);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;
    use crate::look::invert;

    #[test]
    fn phantoms_that_are_not_in_the_pattern_and_their_negatives_are_told_apart() {
        for subject in 100..120 {
            let side = Side::BOTH[(subject % 2) as usize];
            let film = render(9, subject, side, 48).image;
            assert_eq!((shown(&film), shown(&invert(&film))), (Shown::Positive, Shown::Negative));
            let eight = film.at(Depth::Eight);
            assert_eq!((shown(&eight), shown(&invert(&eight))), (Shown::Positive, Shown::Negative));
        }
    }

    #[test]
    fn what_is_no_knee_is_left_alone() {
        let flat = Image::new(20, 10, Depth::Eight, vec![7; 200]);
        assert_eq!((likeness(&flat), shown(&flat)), (0.0, Shown::Unsure));
        let ramp = Image::new(32, 32, Depth::Eight, (0..1024).map(|i| (i % 32) * 8).collect());
        assert_eq!((shown(&ramp), shown(&invert(&ramp))), (Shown::Unsure, Shown::Unsure));
        let tiny = Image::new(1, 1, Depth::Eight, vec![7]);
        assert_eq!(shown(&tiny), Shown::Unsure);
    }
}
