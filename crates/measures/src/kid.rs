//! The kernel distance (Binkowski et al. 2018): the squared maximum mean discrepancy under the kernel
//! `(x . y / width + 1)^3`, without bias. With Inception's features it is the KID.

use crate::estimate::{Estimate, Z};
use crate::features::{FeatureError, Features};
use crate::pairs::{Wanted, pairs};
use crate::tiles::{Block, Gather, Tile, Tiles};

/// The unbiased squared discrepancy with its 95% interval; it may come out below 0 for sets that are alike.
///
/// Pairs of images of one unit are left out, which for sets without units is the U-statistic of Gretton et al. 2012,
/// eq. 3. The interval is `value +- 1.96` standard errors by leaving out one unit after another (Tukey 1958); it is
/// somewhat too wide where the sets are alike, and the statistic degenerate, never too narrow (Efron and Stein 1981).
pub fn kid(real: &Features, synthetic: &Features) -> Result<Estimate, FeatureError> {
    let wanted = Wanted { kernel: true, ..Wanted::default() };
    Ok(pairs(real, synthetic, wanted)?.kernel.expect("it was asked for").estimate())
}

/// The kernel distance of two sets, from the sums of kernels of each unit.
pub struct KernelDistance {
    sides: [Side; 2],
}

/// One set's part of the statistic.
struct Side {
    units: Vec<Vec<usize>>,
    /// Of each unit: kernels with images of the set's other units, and with the other set's images.
    inner: Vec<f64>,
    cross: Vec<f64>,
    count: f64,
    /// Ordered pairs of images of different units.
    pairs: f64,
}

impl KernelDistance {
    /// By the kernels' sums over each set within itself and across.
    pub(crate) fn new(
        sets: [&Features; 2],
        [real, synthetic]: &[KernelSums; 2],
        across: &KernelSums,
    ) -> Result<Self, FeatureError> {
        let side = |set, inner: &KernelSums, cross| Side::new(set, &inner.within(), cross);
        let sides = [side(sets[0], real, &across.down)?, side(sets[1], synthetic, &across.across)?];
        Ok(Self { sides })
    }

    /// The distance with its interval, as [`kid`] gives it.
    pub fn estimate(&self) -> Estimate {
        let (value, reach) = (self.value(), Z * self.error());
        let n = self.sides.iter().map(|side| side.count as usize).min().unwrap_or(0);
        Estimate { value, low: value - reach, high: value + reach, floor: None, n }
    }

    /// The distance alone.
    pub fn value(&self) -> f64 {
        let [a, b] = &self.sides;
        let cross: f64 = a.cross.iter().sum();
        a.mean_inner() + b.mean_inner() - 2.0 * cross / (a.count * b.count)
    }

    /// The standard error by the jackknife over the units of either side.
    fn error(&self) -> f64 {
        let [a, b] = &self.sides;
        (a.jackknife(b) + b.jackknife(a)).sqrt()
    }
}

impl Side {
    fn new(set: &Features, rows: &[f64], cross: &[f64]) -> Result<Self, FeatureError> {
        let units = set.by_unit();
        if units.len() < 3 {
            return Err(FeatureError::TooFew { count: units.len(), needed: 3 });
        }
        let width = set.width() as f64;
        let of = |unit: &Vec<usize>, i: usize| -> f64 {
            unit.iter().map(|j| kernel(dot(set.row(i), set.row(*j)) / width)).sum()
        };
        let inner = units.iter().map(|u| u.iter().map(|i| rows[*i] - of(u, *i)).sum()).collect();
        let cross = units.iter().map(|u| u.iter().map(|i| cross[*i]).sum()).collect();
        let count = set.len() as f64;
        let own: f64 = units.iter().map(|u| (u.len() * u.len()) as f64).sum();
        Ok(Self { units, inner, cross, count, pairs: count * count - own })
    }

    fn mean_inner(&self) -> f64 {
        self.inner.iter().sum::<f64>() / self.pairs
    }

    /// The jackknife's variance of the whole statistic by this side's units.
    fn jackknife(&self, other: &Self) -> f64 {
        let (inner, cross): (f64, f64) = (self.inner.iter().sum(), self.cross.iter().sum());
        let without = |at: usize| {
            let size = self.units[at].len() as f64;
            let pairs = self.pairs - 2.0 * size * (self.count - size);
            let left = (self.count - size) * other.count;
            (inner - 2.0 * self.inner[at]) / pairs - 2.0 * (cross - self.cross[at]) / left
        };
        let values: Vec<f64> = (0..self.units.len()).map(without).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() * (n - 1.0) / n
    }
}

fn kernel(product: f64) -> f64 {
    cube(product + 1.0)
}

fn cube(base: f64) -> f64 {
    base * base * base
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Gathers the kernel's sums over all images of the columns for each of the rows, and the other way round.
pub(crate) struct KernelSums {
    /// What a tile's product is multiplied by.
    scale: f64,
    /// Of each image, so that two of them and the scaled product make the kernel's base.
    offsets: [Vec<f64>; 2],
    down: Vec<f64>,
    across: Vec<f64>,
}

impl KernelSums {
    pub(crate) fn new(rows: &Tiles<'_>, columns: &Tiles<'_>) -> Self {
        let width = rows.width() as f64;
        let offsets =
            |set: &Tiles<'_>| set.offsets().into_iter().map(|offset| offset / width + 0.5).collect();
        Self {
            scale: rows.unscaled() / width,
            offsets: [rows, columns].map(offsets),
            down: Vec::with_capacity(rows.len()),
            across: vec![0.0; columns.len()],
        }
    }

    /// Of each image the sum over its whole set, itself included, where rows and columns are one.
    fn within(&self) -> Vec<f64> {
        self.down.iter().zip(&self.across).map(|(down, across)| down + across).collect()
    }
}

impl Gather for KernelSums {
    type Part = [Vec<f64>; 2];

    fn begin(&self, rows: &Block) -> Self::Part {
        [vec![0.0; rows.len()], vec![0.0; self.across.len()]]
    }

    fn see(&self, [down, across]: &mut Self::Part, tile: &Tile<'_>) {
        let own = tile.rows.part(&self.offsets[0]);
        for (j, products) in tile.columns() {
            let place = tile.columns.first() + j;
            let (offset, mut whole) = (self.offsets[1][place], 0.0);
            for ((sum, product), own) in down.iter_mut().zip(products).zip(own) {
                let kernel = cube(f64::from(*product) * self.scale + (own + offset));
                *sum += kernel;
                whole += kernel;
            }
            across[place] += if tile.diagonal { 0.0 } else { whole };
        }
    }

    fn end(&mut self, _: &Block, [down, across]: Self::Part) {
        self.down.extend(down);
        self.across.iter_mut().zip(across).for_each(|(sum, part)| *sum += part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, shift: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 21).normals(rows * 5);
        values.iter_mut().for_each(|v| *v += shift);
        Features::new(5, values).unwrap()
    }

    /// The definition, pair by pair.
    fn plain(a: &Features, b: &Features) -> f64 {
        let mean = |x: &Features, y: &Features| {
            let same = std::ptr::eq(x, y);
            let pairs = (0..x.len()).flat_map(|i| (0..y.len()).map(move |j| (i, j)));
            let kept: Vec<f64> = pairs
                .filter(|(i, j)| !same || x.units()[*i] != y.units()[*j])
                .map(|(i, j)| kernel(dot(x.row(i), y.row(j)) / 5.0))
                .collect();
            kept.iter().sum::<f64>() / kept.len() as f64
        };
        mean(a, a) + mean(b, b) - 2.0 * mean(a, b)
    }

    fn twins(set: Features) -> Features {
        let units = (0..set.len() as u32).map(|i| i / 2).collect();
        set.with_units(units).unwrap()
    }

    #[test]
    fn it_is_the_mean_over_pairs_of_different_units() {
        for (a, b) in
            [(cloud(1, 40, 0.0), cloud(2, 30, 0.4)), (twins(cloud(3, 20, 0.0)), twins(cloud(4, 600, 0.1)))]
        {
            let (ours, plain) = (kid(&a, &b).unwrap().value, plain(&a, &b));
            assert!((ours - plain).abs() < 1e-7 * plain.abs(), "{ours} {plain}");
        }
        // Far from 0 the kernels are a million times their distance, and still it is right to a millionth of itself.
        let [a, b] = [cloud(1, 40, 100.0), cloud(2, 30, 101.0)];
        let (ours, plain) = (kid(&a, &b).unwrap().value, plain(&a, &b));
        assert!((ours - plain).abs() < 1e-6 * plain, "{ours} {plain}");
    }

    #[test]
    fn the_error_is_that_of_leaving_out_each_unit() {
        let (a, b) = (twins(cloud(5, 12, 0.0)), cloud(6, 9, 0.3));
        let without = |set: &Features, unit: u32| {
            set.select(&(0..set.len()).filter(|i| set.units()[*i] != unit).collect::<Vec<_>>())
        };
        let variance = |values: Vec<f64>| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() * (n - 1.0) / n
        };
        let left = variance((0..6).map(|u| plain(&without(&a, u), &b)).collect());
        let right = variance((0..9).map(|u| plain(&a, &without(&b, u))).collect());
        let wanted = Wanted { kernel: true, ..Wanted::default() };
        let ours = pairs(&a, &b, wanted).unwrap().kernel.unwrap().error();
        assert!((ours - (left + right).sqrt()).abs() < 1e-6 * ours, "{ours}");
    }

    #[test]
    fn the_interval_holds_the_true_distance_as_often_as_it_says() {
        for (rows, shift, bound) in [(40, 0.0, 0.93), (40, 0.5, 0.90), (150, 0.5, 0.915)] {
            let studies: Vec<Estimate> = (0..300u64)
                .map(|s| kid(&cloud(100 + 2 * s, rows, 0.0), &cloud(101 + 2 * s, rows, shift)).unwrap())
                .collect();
            let truth = studies.iter().map(|e| e.value).sum::<f64>() / studies.len() as f64;
            let held = studies.iter().filter(|e| e.low <= truth && truth <= e.high).count();
            let share = held as f64 / studies.len() as f64;
            println!("{rows} images, shift {shift}: {:.1}%, mean {truth:.4}", 100.0 * share);
            assert!(share >= bound, "{share}");
            // Without bias: three standard errors of the mean of 300 studies.
            let spread = studies.iter().map(|e| (e.value - truth).powi(2)).sum::<f64>() / 299.0;
            assert!(shift > 0.0 || truth.abs() < 3.0 * (spread / 300.0).sqrt(), "{truth}");
        }
    }
}
