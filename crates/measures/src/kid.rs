//! The kernel distance (Binkowski et al. 2018): the squared maximum mean discrepancy under the kernel
//! `(x . y / width + 1)^3`, without bias. With Inception's features it is the KID.

use rayon::prelude::*;

use crate::estimate::{Estimate, Z};
use crate::features::{FeatureError, Features};
use crate::tiles::{Block, TILE, Tiles};

/// The unbiased squared discrepancy with its 95% interval; it may come out below 0 for sets that are alike.
///
/// Pairs of images of one unit are left out, which for sets without units is the U-statistic of Gretton et al. 2012,
/// eq. 3. The interval is `value +- 1.96` standard errors by leaving out one unit after another (Tukey 1958); it is
/// somewhat too wide where the sets are alike, and the statistic degenerate, never too narrow (Efron and Stein 1981).
pub fn kid(real: &Features, synthetic: &Features) -> Result<Estimate, FeatureError> {
    let sums = Sums::of(real, synthetic)?;
    let reach = Z * sums.error();
    let value = sums.value();
    let n = real.len().min(synthetic.len());
    Ok(Estimate { value, low: value - reach, high: value + reach, floor: None, n })
}

/// The value of [`kid`] alone.
pub fn kid_value(real: &Features, synthetic: &Features) -> Result<f64, FeatureError> {
    Ok(Sums::of(real, synthetic)?.value())
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

struct Sums {
    sides: [Side; 2],
}

impl Sums {
    fn of(real: &Features, synthetic: &Features) -> Result<Self, FeatureError> {
        real.same_space(synthetic)?;
        let tiles = [Tiles::new(real), Tiles::new(synthetic)];
        let width = real.width() as f64;
        let (down, across) = cross_sums(&tiles[0], &tiles[1], width);
        let sides = [
            Side::new(real, inner_sums(&tiles[0], width), &down)?,
            Side::new(synthetic, inner_sums(&tiles[1], width), &across)?,
        ];
        Ok(Self { sides })
    }

    fn value(&self) -> f64 {
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
    fn new(set: &Features, rows: Vec<f64>, cross: &[f64]) -> Result<Self, FeatureError> {
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
    let base = product + 1.0;
    base * base * base
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// The kernel's sums over the other set for each image of `a`, and for each of `b`.
fn cross_sums(a: &Tiles, b: &Tiles, width: f64) -> (Vec<f64>, Vec<f64>) {
    let mut down = Vec::with_capacity(a.count);
    let mut across = vec![0.0; b.count];
    // As many strips at a time as keep the cores busy: memory stays flat, and the order of the sums is fixed.
    for strips in a.blocks.chunks(STRIPS) {
        let parts: Vec<_> = strips.par_iter().map(|block| strip(block, &b.blocks, width)).collect();
        for (part, sums) in parts {
            down.extend(part);
            across.iter_mut().zip(sums).for_each(|(sum, s)| *sum += s);
        }
    }
    (down, across)
}

/// The kernel's sums over the set for each of its images, itself included; each pair is computed once.
fn inner_sums(set: &Tiles, width: f64) -> Vec<f64> {
    let mut sums = vec![0.0; set.count];
    let places: Vec<usize> = (0..set.blocks.len()).collect();
    for strips in places.chunks(STRIPS) {
        let part = |at: &usize| (*at, strip(&set.blocks[*at], &set.blocks[*at..], width));
        let parts: Vec<_> = strips.par_iter().map(part).collect();
        for (at, (down, across)) in parts {
            let own = down.len();
            let (rows, later) = sums[at * TILE..].split_at_mut(own);
            rows.iter_mut().zip(down).for_each(|(sum, s)| *sum += s);
            later.iter_mut().zip(&across[own..]).for_each(|(sum, s)| *sum += s);
        }
    }
    sums
}

/// The kernel's sums of one block with others: for each of its images, and for each of theirs.
fn strip(block: &Block, others: &[Block], width: f64) -> (Vec<f64>, Vec<f64>) {
    let mut down = vec![0.0; block.len()];
    let mut across = Vec::new();
    for other in others {
        let tile = block.products(other, 1.0 / width);
        for j in 0..tile.ncols() {
            let mut whole = 0.0;
            for (sum, product) in down.iter_mut().zip(tile.col_as_slice(j)) {
                let k = kernel(*product);
                *sum += k;
                whole += k;
            }
            across.push(whole);
        }
    }
    (down, across)
}

/// Strips whose sums are held at once.
const STRIPS: usize = 16;

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

    fn pairs(set: Features) -> Features {
        let units = (0..set.len() as u32).map(|i| i / 2).collect();
        set.with_units(units).unwrap()
    }

    #[test]
    fn it_is_the_mean_over_pairs_of_different_units() {
        for (a, b) in
            [(cloud(1, 40, 0.0), cloud(2, 30, 0.4)), (pairs(cloud(3, 20, 0.0)), pairs(cloud(4, 600, 0.1)))]
        {
            let (ours, plain) = (kid(&a, &b).unwrap().value, plain(&a, &b));
            assert!((ours - plain).abs() < 1e-12, "{ours} {plain}");
        }
    }

    #[test]
    fn the_error_is_that_of_leaving_out_each_unit() {
        let (a, b) = (pairs(cloud(5, 12, 0.0)), cloud(6, 9, 0.3));
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
        let ours = Sums::of(&a, &b).unwrap().error();
        assert!((ours - (left + right).sqrt()).abs() < 1e-12 * ours, "{ours}");
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
