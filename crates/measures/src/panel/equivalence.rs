//! Is it as good as chance? Two one-sided tests (Schuirmann 1987).

use serde::{Deserialize, Serialize};

use crate::distribution::student_cdf;
use crate::panel::mrmc::Mean;

/// What the two one-sided tests say of a mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equivalence {
    /// What it is compared with.
    pub reference: f64,
    /// How far off still counts as equivalent.
    pub margin: f64,
    /// The larger p of the two: that the mean lies outside the margin.
    pub p: f64,
    /// 90% interval of the mean; equivalent at 5% where it lies within the margin.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Whether p < 0.05.
    pub equivalent: bool,
    /// Two-sided p that the mean is the reference itself: small where readers can tell.
    pub p_difference: f64,
}

/// Whether `mean` is within `margin` of `reference`.
pub fn equivalence(mean: &Mean, reference: f64, margin: f64) -> Equivalence {
    let above = |of: f64| match mean.error {
        0.0 if of > 0.0 => 0.0,
        0.0 => 1.0,
        error => student_cdf(-of / error, mean.df),
    };
    let off = mean.value - reference;
    let p = above(off + margin).max(above(margin - off));
    let (low, high) = mean.interval(0.05);
    let p_difference = (2.0 * above(off.abs())).min(1.0);
    Equivalence { reference, margin, p, low, high, equivalent: p < 0.05, p_difference }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_equivalent_exactly_when_the_90_percent_interval_is_within_the_margin() {
        for value in [0.38, 0.42, 0.47, 0.5, 0.55, 0.58, 0.63] {
            let e = equivalence(&Mean { value, error: 0.03, df: 14.0 }, 0.5, 0.1);
            assert_eq!(e.equivalent, e.low > 0.4 && e.high < 0.6, "{e:?}");
        }
    }

    #[test]
    fn a_difference_shows_in_the_other_p() {
        let e = equivalence(&Mean { value: 0.7, error: 0.03, df: 14.0 }, 0.5, 0.1);
        assert!(e.p > 0.99 && e.p_difference < 1e-4, "{e:?}");
    }
}
