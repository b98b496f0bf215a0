//! A linear embedding in which images of one subject lie close to each other and those of different subjects do not.

use faer::{Mat, Side};

use crate::audit::density::Basis;
use crate::features::{FeatureError, Features};

/// Directions of the population in which the embedding is sought.
const SOUGHT: usize = 64;
/// Subjects with two images or more below which none is found.
const FEWEST: usize = 30;
/// Share of the mean within-subject variance that is added to each direction, so that none looks better than it is.
const RIDGE: f64 = 0.1;

/// Fisher's linear discriminants of subjects (Fukunaga 1990, ch. 10), scaled to within-subject variance 1.
pub struct Embedding {
    basis: Basis,
    /// Whitened directions x directions of the embedding.
    axes: Mat<f64>,
}

impl Embedding {
    /// The `directions` in which images of one unit differ least beside all images; `None` where fewer than 30 units have two
    /// images or nothing varies.
    pub fn of(set: &Features, directions: usize) -> Result<Option<Self>, FeatureError> {
        let units: Vec<Vec<usize>> = set.by_unit().into_iter().filter(|rows| rows.len() > 1).collect();
        if units.len() < FEWEST {
            return Ok(None);
        }
        let basis = Basis::of(set, SOUGHT.min(units.len() / 2))?;
        let Some(white) = basis.project(set)? else { return Ok(None) };
        let width = white.width();
        let within = within(&white, &units);
        let ridge = RIDGE * (0..width).map(|i| within[(i, i)]).sum::<f64>() / width as f64;
        let within = Mat::from_fn(width, width, |i, j| within[(i, j)] + if i == j { ridge } else { 0.0 });
        let eigen = within.self_adjoint_eigen(Side::Lower);
        let eigen = eigen.map_err(|_| FeatureError::Decomposition { size: width })?;
        // Ascending: in whitened space least within a subject is most between subjects.
        let (vectors, values) = (eigen.U(), eigen.S().column_vector());
        let kept = directions.min(width);
        let axes =
            Mat::from_fn(width, kept, |i, j| vectors[(i, j)] / values[j].max(f64::MIN_POSITIVE).sqrt());
        Ok(Some(Self { basis, axes }))
    }

    /// The images in the embedding.
    pub fn project(&self, set: &Features) -> Result<Features, FeatureError> {
        let white = self.basis.project(set)?.expect("an embedding has directions");
        let row = |at: usize| {
            let row = white.row(at);
            (0..self.axes.ncols())
                .map(|j| {
                    row.iter().enumerate().map(|(i, v)| f64::from(*v) * self.axes[(i, j)]).sum::<f64>() as f32
                })
                .collect::<Vec<f32>>()
        };
        let values = (0..white.len()).flat_map(row).collect();
        Features::new(self.axes.ncols(), values)?.with_units(set.units().to_vec())
    }
}

/// The covariance about the means of units.
fn within(set: &Features, units: &[Vec<usize>]) -> Mat<f64> {
    let width = set.width();
    let mut sum = Mat::<f64>::zeros(width, width);
    let mut freedom = 0;
    for rows in units {
        let mean: Vec<f64> = (0..width)
            .map(|i| rows.iter().map(|r| f64::from(set.row(*r)[i])).sum::<f64>() / rows.len() as f64)
            .collect();
        for row in rows {
            let apart: Vec<f64> = set.row(*row).iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect();
            for i in 0..width {
                (0..width).for_each(|j| sum[(i, j)] += apart[i] * apart[j]);
            }
        }
        freedom += rows.len() - 1;
    }
    let scale = 1.0 / freedom.max(1) as f64;
    Mat::from_fn(width, width, |i, j| sum[(i, j)] * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    /// Two images of each subject: the first two features are the subject's, the rest is drawn anew for each image.
    fn pairs(seed: u64, subjects: usize) -> Features {
        let mut draws = stream(seed, Purpose::Bootstrap, 2);
        let mut values = Vec::new();
        for _ in 0..subjects {
            let own = draws.normals(2);
            for _ in 0..2 {
                let noise = draws.normals(10);
                values.extend(own.iter().zip(&noise).map(|(o, n)| 0.5 * o + 0.05 * n));
                values.extend(noise[2..].iter().map(|n| 2.0 * n));
            }
        }
        let units = (0..2 * subjects as u32).map(|i| i / 2).collect();
        Features::new(10, values).unwrap().with_units(units).unwrap()
    }

    fn nearest_is_own(set: &Features) -> usize {
        let squared = |a: usize, b: usize| -> f32 {
            set.row(a).iter().zip(set.row(b)).map(|(x, y)| (x - y) * (x - y)).sum()
        };
        let nearest = |a: usize| {
            (0..set.len()).filter(|b| *b != a).min_by(|b, c| squared(a, *b).total_cmp(&squared(a, *c)))
        };
        (0..set.len()).filter(|a| nearest(*a).is_some_and(|b| set.units()[b] == set.units()[*a])).count()
    }

    #[test]
    fn new_subjects_are_recognised_by_what_stays() {
        let embedding = Embedding::of(&pairs(1, 200), 2).unwrap().unwrap();
        let others = pairs(2, 50);
        let (before, after) = (nearest_is_own(&others), nearest_is_own(&embedding.project(&others).unwrap()));
        // By chance 1 of 100.
        assert!(before < 10 && after > 5 * before.max(5), "{before} {after} of 100");
    }

    #[test]
    fn single_images_teach_nothing() {
        let set = Features::new(2, stream(0, Purpose::Bootstrap, 0).normals(200)).unwrap();
        assert!(Embedding::of(&set, 2).unwrap().is_none());
    }
}
