//! Signal detection: how well a reader tells two kinds apart, and toward which answer they lean.

use crate::distribution::normal_quantile;
use crate::panel::Table;
use crate::panel::auc::Scores;
use crate::panel::mrmc::{Mean, jackknife, obuchowski_rockette};

/// Answers of one reader, as counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// Synthetic images called synthetic.
    pub hits: f64,
    /// Synthetic images.
    pub signals: f64,
    /// Real images called synthetic.
    pub alarms: f64,
    /// Real images.
    pub noises: f64,
}

/// Sensitivity and criterion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// z(hit rate) - z(false alarm rate): 0 at chance.
    pub d_prime: f64,
    /// -(z(hit rate) + z(false alarm rate)) / 2: above 0 who leans toward "real".
    pub criterion: f64,
}

/// d' and c with the log-linear correction (half an answer added to each cell), so that rates of 0 and 1 have a z
/// (Hautus 1995; Macmillan and Creelman 2005, ch. 1-2).
pub fn detect(counts: Counts) -> Detection {
    let z = |hits: f64, n: f64| normal_quantile((hits + 0.5) / (n + 1.0));
    let (hit, alarm) = (z(counts.hits, counts.signals), z(counts.alarms, counts.noises));
    Detection { d_prime: hit - alarm, criterion: -0.5 * (hit + alarm) }
}

/// d' and c as means over readers of ratings (above 0: called positive); their covariances by the cases come from leaving out
/// one image after another.
pub fn pooled(scores: &Scores) -> [Mean; 2] {
    let counts = |reader: usize| Counts {
        hits: scores.positive.row(reader).iter().filter(|s| **s > 0.0).count() as f64,
        signals: scores.positive.cases() as f64,
        alarms: scores.negative.row(reader).iter().filter(|s| **s > 0.0).count() as f64,
        noises: scores.negative.cases() as f64,
    };
    let readers = 0..scores.positive.readers();
    let all: Vec<Detection> = readers.clone().map(|r| detect(counts(r))).collect();
    let without = |leave: &dyn Fn(usize, Counts) -> Counts| -> Vec<Detection> {
        readers.clone().map(|r| detect(leave(r, counts(r)))).collect()
    };
    let called = |of: &Table, reader: usize, case: usize| f64::from(u8::from(of.row(reader)[case] > 0.0));
    let mut left_out: Vec<Vec<Detection>> = Vec::new();
    for case in 0..scores.positive.cases() {
        left_out.push(without(&|r, c| Counts {
            hits: c.hits - called(&scores.positive, r, case),
            signals: c.signals - 1.0,
            ..c
        }));
    }
    for case in 0..scores.negative.cases() {
        left_out.push(without(&|r, c| Counts {
            alarms: c.alarms - called(&scores.negative, r, case),
            noises: c.noises - 1.0,
            ..c
        }));
    }
    let of: [fn(&Detection) -> f64; 2] = [|d| d.d_prime, |d| d.criterion];
    of.map(|of| {
        let measures: Vec<f64> = all.iter().map(of).collect();
        let without: Vec<Vec<f64>> = left_out.iter().map(|row| row.iter().map(of).collect()).collect();
        obuchowski_rockette(&measures, &jackknife(&without))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_zero_and_leaning_is_no_skill() {
        let even = detect(Counts { hits: 15.0, signals: 30.0, alarms: 15.0, noises: 30.0 });
        assert!(even.d_prime.abs() < 1e-12 && even.criterion.abs() < 1e-12);
        let shy = detect(Counts { hits: 3.0, signals: 30.0, alarms: 3.0, noises: 30.0 });
        assert!(shy.d_prime.abs() < 1e-12 && shy.criterion > 1.0);
    }

    #[test]
    fn known_rates_give_the_d_prime_of_the_tables() {
        // H = 20.5/25, F = 10.5/25 after the correction: z 0.91537 and -0.20189.
        let d = detect(Counts { hits: 20.0, signals: 24.0, alarms: 10.0, noises: 24.0 });
        assert!((d.d_prime - 1.117_258).abs() < 1e-5, "{d:?}");
        assert!((d.criterion + 0.356_736).abs() < 1e-5, "{d:?}");
    }
}
