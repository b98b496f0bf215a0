//! A panel whose ability is known: the model of Roe and Metz (1997) on a rating scale.

use crate::distribution::normal_cdf;
use crate::panel::Table;
use crate::panel::auc::Scores;
use crate::rng::{Purpose, Stream, stream};

/// The population of readers and cases. A reader's impression of a case is
/// `shift (for positives) + reader + case + the rest`; the last two have variances `case` and `1 - case`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Population {
    /// How far positives lie above negatives.
    pub shift: f64,
    /// Variance between readers, drawn anew for either truth.
    pub reader: f64,
    /// Variance between cases, the same for all readers; 0..1.
    pub case: f64,
}

/// Where a rating ends and the next begins: ten ratings, five a verdict.
pub const CUTS: [f64; 9] = [-1.5, -1.0, -0.6, -0.3, 0.0, 0.3, 0.6, 1.0, 1.5];

impl Population {
    /// Ratings -5..=-1 ("negative", surely to hardly) and 1..=5 ("positive") of one drawn study.
    ///
    /// Cuts are centred between the two truths, so a reader without bias answers either alike often.
    pub fn study(&self, seed: u64, [readers, negatives, positives]: [usize; 3]) -> Scores {
        let mut draws = stream(seed, Purpose::Panel, 0);
        let mut table = |cases: usize, at: f64| self.table(&mut draws, readers, (cases, at));
        let negative = table(negatives, -0.5 * self.shift);
        Scores { negative, positive: table(positives, 0.5 * self.shift) }
    }

    fn table(&self, draws: &mut Stream, readers: usize, (cases, at): (usize, f64)) -> Table {
        let of_case: Vec<f64> = (0..cases).map(|_| self.case.sqrt() * draws.normal()).collect();
        let row = |_| {
            let reader = at + self.reader.sqrt() * draws.normal();
            of_case
                .iter()
                .map(|case| rate(reader + case + (1.0 - self.case).sqrt() * draws.normal()))
                .collect()
        };
        Table::new(&(0..readers).map(row).collect::<Vec<_>>())
    }

    /// The share of positives that a reader of the population calls positive; of negatives called negative it is the same.
    pub fn share_right(&self) -> f64 {
        normal_cdf(0.5 * self.shift / (1.0 + self.reader).sqrt())
    }

    /// The mean area under the curve of the ratings.
    pub fn area(&self) -> f64 {
        let [negative, positive] = [-0.5, 0.5].map(|at| self.rates(at * self.shift));
        let mut below = 0.0;
        let mut area = 0.0;
        for (n, p) in negative.iter().zip(&positive) {
            area += p * (below + 0.5 * n);
            below += n;
        }
        area
    }

    /// Probability of each of the ten ratings.
    fn rates(&self, at: f64) -> Vec<f64> {
        let up_to = |cut: f64| normal_cdf((cut - at) / (1.0 + self.reader).sqrt());
        let ends: Vec<f64> = std::iter::once(0.0).chain(CUTS.map(up_to)).chain([1.0]).collect();
        ends.windows(2).map(|w| w[1] - w[0]).collect()
    }
}

fn rate(impression: f64) -> f64 {
    let place = CUTS.iter().filter(|cut| impression > **cut).count() as i32;
    f64::from(if place < 5 { place - 5 } else { place - 4 })
}
