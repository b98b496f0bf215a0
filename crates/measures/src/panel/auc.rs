//! The area under the ROC curve of readers who give scores, and its two intervals.

use crate::panel::Table;
use crate::panel::mrmc::{Covariances, Mean, combine, covariances};

/// Scores of a panel on cases of either truth; higher speaks for positive.
pub struct Scores {
    /// Of the cases that are not (here: real images).
    pub negative: Table,
    /// Of the cases that are (here: synthetic images).
    pub positive: Table,
}

/// 1 where the positive scores higher, 1/2 where they tie, else 0.
fn kernel(positive: f64, negative: f64) -> f64 {
    match positive.total_cmp(&negative) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}

/// Each reader's area (Wilcoxon), and the covariances between them by the placements of DeLong, DeLong and
/// Clarke-Pearson (1988). At least two cases of either truth.
pub fn areas(scores: &Scores) -> (Vec<f64>, Covariances) {
    let (negative, positive) = (&scores.negative, &scores.positive);
    let mean_over =
        |of: &[f64], f: &dyn Fn(f64) -> f64| of.iter().map(|v| f(*v)).sum::<f64>() / of.len() as f64;
    let rows = |r: usize| (negative.row(r), positive.row(r));
    let readers = 0..negative.readers();
    let at_positive: Vec<Vec<f64>> = readers
        .clone()
        .map(|r| (rows(r).1.iter().map(|p| mean_over(rows(r).0, &|n| kernel(*p, n)))).collect())
        .collect();
    let at_negative: Vec<Vec<f64>> = readers
        .map(|r| (rows(r).0.iter().map(|n| mean_over(rows(r).1, &|p| kernel(p, *n)))).collect())
        .collect();
    let areas: Vec<f64> = at_positive.iter().map(|row| row.iter().sum::<f64>() / row.len() as f64).collect();
    let part = |placements: &[Vec<f64>]| {
        let n = placements[0].len() as f64;
        covariances(&Table::new(placements), &areas, |sum| sum / (n * (n - 1.0)))
    };
    let covariances = combine((1.0, &part(&at_positive)), (1.0, &part(&at_negative)));
    (areas, covariances)
}

/// The mean area with the unbiased variance of Gallas (2006) and the degrees of freedom of iMRMC ("BDG").
///
/// The variance is a sum of eight second moments of the kernel, over pairs that share the reader, the negative or the
/// positive case, or not; each is estimated without bias by averaging over such pairs. It can come out negative for few
/// readers and cases; the biased one, which cannot, then stands in, as iMRMC offers it. Two readers at least.
pub fn u_statistic(scores: &Scores) -> Mean {
    let sums = Sums::of(scores);
    let value = sums.value();
    let unbiased = variance(&sums.moments(Bias::None), sums.sizes);
    let biased_moments = sums.moments(Bias::Biased);
    let biased = variance(&biased_moments, sums.sizes);
    let variance = if unbiased > 0.0 { unbiased } else { biased };
    Mean { value, error: variance.max(0.0).sqrt(), df: freedom(variance, &biased_moments, sums.sizes) }
}

/// The eight moments without bias, M1..M8 of Gallas (2006), for comparison with iMRMC.
pub fn moments(scores: &Scores) -> [f64; 8] {
    Sums::of(scores).moments(Bias::None)
}

/// Whether moments are averaged over distinct pairs alone.
#[derive(Clone, Copy, PartialEq)]
enum Bias {
    None,
    Biased,
}

/// Sums of squares of the kernel's sums; from these all moments follow.
struct Sums {
    /// Negatives, positives, readers.
    sizes: [f64; 3],
    /// Indexed by what is held fixed, as bits: 1 the negative, 2 the positive, 4 the reader.
    squares: [f64; 8],
    total: f64,
}

impl Sums {
    fn of(scores: &Scores) -> Self {
        let (n, p, r) = (scores.negative.cases(), scores.positive.cases(), scores.negative.readers());
        let mut cells = [n, n * p, p].map(|size| vec![0.0; size]);
        let (mut squares, mut total) = ([0.0; 8], 0.0);
        for reader in 0..r {
            let (mut by_negative, mut by_positive, mut all) = (vec![0.0; n], vec![0.0; p], 0.0);
            for (i, negative) in scores.negative.row(reader).iter().enumerate() {
                for (j, positive) in scores.positive.row(reader).iter().enumerate() {
                    let s = kernel(*positive, *negative);
                    squares[7] += s * s;
                    cells[1][i * p + j] += s;
                    by_negative[i] += s;
                    by_positive[j] += s;
                    all += s;
                }
            }
            squares[5] += square(&by_negative);
            squares[6] += square(&by_positive);
            squares[4] += all * all;
            cells[0].iter_mut().zip(&by_negative).for_each(|(a, b)| *a += b);
            cells[2].iter_mut().zip(&by_positive).for_each(|(a, b)| *a += b);
            total += all;
        }
        squares[1] = square(&cells[0]);
        squares[2] = square(&cells[2]);
        squares[3] = square(&cells[1]);
        squares[0] = total * total;
        Self { sizes: [n as f64, p as f64, r as f64], squares, total }
    }

    fn value(&self) -> f64 {
        self.total / self.sizes.iter().product::<f64>()
    }

    /// M1..M4 share the reader, M5..M8 do not; within each: both cases, the positive, the negative, none.
    fn moments(&self, bias: Bias) -> [f64; 8] {
        const SHARED: [usize; 8] = [7, 6, 5, 4, 3, 2, 1, 0];
        SHARED.map(|fixed| {
            let pairs: f64 = (0..3).map(|axis| self.choices(fixed >> axis & 1 == 1, axis, bias)).product();
            self.sum_over_pairs(fixed, bias) / pairs
        })
    }

    fn choices(&self, fixed: bool, axis: usize, bias: Bias) -> f64 {
        let n = self.sizes[axis];
        match (fixed, bias) {
            (true, _) => n,
            (false, Bias::None) => n * (n - 1.0),
            (false, Bias::Biased) => n * n,
        }
    }

    /// Over pairs equal in what is `fixed` and, without bias, different in all else: inclusion and exclusion.
    fn sum_over_pairs(&self, fixed: usize, bias: Bias) -> f64 {
        if bias == Bias::Biased {
            return self.squares[fixed];
        }
        let signed = |more: usize| {
            let sign = if (more ^ fixed).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * self.squares[more]
        };
        (0..8).filter(|more| more & fixed == fixed).map(signed).sum()
    }
}

fn square(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

/// The variance as a combination of the moments (Gallas 2006, eq. 9).
fn variance(moments: &[f64; 8], [n, p, r]: [f64; 3]) -> f64 {
    let cells = n * p * r;
    let cases = [1.0, n - 1.0, p - 1.0, (n - 1.0) * (p - 1.0)];
    let shared = cases.map(|c| c / cells);
    let other = cases.map(|c| c * (r - 1.0) / cells);
    let weighted =
        |weights: [f64; 4], moments: &[f64]| -> f64 { weights.iter().zip(moments).map(|(w, m)| w * m).sum() };
    weighted(shared, &moments[..4]) + weighted(other, &moments[4..]) - moments[7]
}

/// Degrees of freedom as iMRMC has them ("BDG"): Satterthwaite's, from the biased components of negatives, positives and
/// readers, and no fewer than the smallest of theirs (Gaylor and Hopper 1969).
fn freedom(variance: f64, biased: &[f64; 8], [n, p, r]: [f64; 3]) -> f64 {
    let none = biased[7];
    let part = |moment: f64, size: f64| (moment - none).powi(2) / (size - 1.0).powi(3);
    let spread = part(biased[6], n) + part(biased[5], p) + part(biased[3], r);
    let least = n.min(p).min(r) - 1.0;
    if spread > 0.0 { (variance * variance / spread).max(least) } else { f64::INFINITY }
}
