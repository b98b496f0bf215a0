//! Signal detection: how well a reader tells two kinds apart, and toward which answer they lean.

use crate::distribution::normal_quantile;

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
