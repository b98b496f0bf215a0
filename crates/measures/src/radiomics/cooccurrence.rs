//! Grey level co-occurrence (IBSI section 3.6; Haralick et al. 1973).

use super::{Binned, DIRECTIONS, EPSILON, LEVELS, surprise};

pub(super) const NAMES: [&str; 22] = [
    "glcm_Autocorrelation",
    "glcm_JointAverage",
    "glcm_ClusterProminence",
    "glcm_ClusterShade",
    "glcm_ClusterTendency",
    "glcm_Contrast",
    "glcm_Correlation",
    "glcm_DifferenceAverage",
    "glcm_DifferenceEntropy",
    "glcm_DifferenceVariance",
    "glcm_JointEnergy",
    "glcm_JointEntropy",
    "glcm_Imc1",
    "glcm_Imc2",
    "glcm_Idm",
    "glcm_Idmn",
    "glcm_Id",
    "glcm_Idn",
    "glcm_InverseVariance",
    "glcm_MaximumProbability",
    "glcm_SumEntropy",
    "glcm_SumSquares",
];

/// The mean over the directions that have a pair.
pub(super) fn features(image: &Binned) -> [f64; 22] {
    let all: Vec<[f64; 22]> =
        DIRECTIONS.iter().filter_map(|d| Pairs::new(image, *d)).map(|p| p.features()).collect();
    std::array::from_fn(|at| all.iter().map(|f| f[at]).sum::<f64>() / all.len().max(1) as f64)
}

/// Probabilities of pairs of levels, symmetric.
struct Pairs {
    p: Vec<[f64; LEVELS]>,
    /// Of one level, of a difference, of a sum (from 0).
    single: [f64; LEVELS],
    difference: [f64; LEVELS],
    sum: [f64; 2 * LEVELS - 1],
}

impl Pairs {
    fn new(image: &Binned, (dx, dy): (isize, isize)) -> Option<Self> {
        let mut p = vec![[0.0; LEVELS]; LEVELS];
        let mut total = 0.0;
        for (x, y, a) in image.places() {
            if let Some(b) = image.at(x + dx, y + dy) {
                p[a][b] += 1.0;
                p[b][a] += 1.0;
                total += 2.0;
            }
        }
        if total == 0.0 {
            return None;
        }
        let (mut single, mut difference, mut sum) = ([0.0; LEVELS], [0.0; LEVELS], [0.0; 2 * LEVELS - 1]);
        for (i, row) in p.iter_mut().enumerate() {
            for (j, value) in row.iter_mut().enumerate() {
                *value /= total;
                single[i] += *value;
                difference[i.abs_diff(j)] += *value;
                sum[i + j] += *value;
            }
        }
        Some(Self { p, single, difference, sum })
    }

    /// The mean of a function of both levels, counted from 1.
    fn mean(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        let row = |(i, row): (usize, &[f64; LEVELS])| {
            row.iter().enumerate().map(|(j, p)| p * of((i + 1) as f64, (j + 1) as f64)).sum::<f64>()
        };
        self.p.iter().enumerate().map(row).sum()
    }

    fn features(&self) -> [f64; 22] {
        let levels = self.levels();
        let mean = self.mean(|i, _| i);
        let variance = self.mean(|i, _| (i - mean) * (i - mean));
        let about = |k: i32| self.mean(|i, j| (i + j - 2.0 * mean).powi(k));
        let over = |of: &dyn Fn(f64) -> f64| self.mean(|i, j| of((i - j).abs()));
        let entropy = |of: &[f64]| of.iter().map(|p| surprise(*p)).sum::<f64>();
        let joint = self.p.iter().map(|row| entropy(row)).sum::<f64>();
        let difference = over(&|d| d);
        let [imc1, imc2] = self.information(joint);
        [
            self.mean(|i, j| i * j),
            mean,
            about(4),
            about(3),
            about(2),
            over(&|d| d * d),
            if variance > 0.0 { self.mean(|i, j| (i - mean) * (j - mean)) / variance } else { 1.0 },
            difference,
            entropy(&self.difference),
            over(&|d| (d - difference) * (d - difference)),
            self.p.iter().flatten().map(|p| p * p).sum(),
            joint,
            imc1,
            imc2,
            over(&|d| 1.0 / (1.0 + d * d)),
            over(&|d| 1.0 / (1.0 + d * d / (levels * levels))),
            over(&|d| 1.0 / (1.0 + d)),
            over(&|d| 1.0 / (1.0 + d / levels)),
            over(&|d| if d > 0.0 { 1.0 / (d * d) } else { 0.0 }),
            self.p.iter().flatten().copied().fold(0.0, f64::max),
            entropy(&self.sum),
            variance,
        ]
    }

    /// The greatest level there is, from 1.
    fn levels(&self) -> f64 {
        self.single.iter().rposition(|p| *p > 0.0).map_or(1.0, |at| (at + 1) as f64)
    }

    /// Both information correlations.
    fn information(&self, joint: f64) -> [f64; 2] {
        let marginal: f64 = self.single.iter().map(|p| surprise(*p)).sum();
        let pairs = || self.single.iter().flat_map(|a| self.single.iter().map(move |b| a * b));
        let log = |p: f64| (p + EPSILON).log2();
        let products = self.p.iter().flatten().zip(pairs());
        let first: f64 = products.map(|(p, q)| -p * log(q)).sum();
        let second: f64 = pairs().map(|q| -q * log(q)).sum();
        let one = if marginal > 0.0 { (joint - first) / marginal } else { 0.0 };
        [one, (1.0 - libm::exp(-2.0 * (second - joint))).max(0.0).sqrt()]
    }
}
