//! Shares with exact intervals, and the difference of two.

use crate::distribution::beta_quantile;
use crate::estimate::Estimate;

/// The tail left out on either side of a 95% interval.
const TAIL: f64 = 0.025;

/// `hits` of `n` independent draws with the interval of Clopper and Pearson (1934), which holds at any count.
///
/// Panics if `n` is 0 or below `hits`.
pub fn share(hits: usize, n: usize) -> Estimate {
    assert!(n > 0 && hits <= n, "{hits} of {n} is no share");
    let (x, m) = (hits as f64, n as f64);
    let low = if hits == 0 { 0.0 } else { beta_quantile(TAIL, x, m - x + 1.0) };
    let high = if hits == n { 1.0 } else { beta_quantile(1.0 - TAIL, x + 1.0, m - x) };
    Estimate { value: x / m, low, high, floor: None, n }
}

/// `a` less `b` of two independent estimates, its interval from theirs (Newcombe 1998, method 10, with the limits
/// that the estimates have).
pub fn difference(a: &Estimate, b: &Estimate) -> Estimate {
    let value = a.value - b.value;
    let below = (a.value - a.low).hypot(b.high - b.value);
    let above = (a.high - a.value).hypot(b.value - b.low);
    Estimate { value, low: value - below, high: value + above, floor: None, n: a.n.min(b.n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R: binom.test(3, 40)$conf.int, binom.test(0, 20)$conf.int.
    #[test]
    fn intervals_are_those_of_the_exact_test() {
        // By scipy.stats.beta.ppf, after Clopper and Pearson (1934).
        let some = share(3, 40);
        assert!((some.low - 0.015_742_2).abs() < 1e-6 && (some.high - 0.203_864_7).abs() < 1e-6, "{some:?}");
        let none = share(0, 20);
        assert!(none.low == 0.0 && (none.high - 0.168_433_5).abs() < 1e-6, "{none:?}");
        assert_eq!(share(20, 20).high, 1.0);
    }

    #[test]
    fn a_difference_is_as_uncertain_as_both() {
        let apart = difference(&share(30, 100), &share(10, 100));
        assert!((apart.value - 0.2).abs() < 1e-12 && apart.low > 0.07 && apart.high < 0.33, "{apart:?}");
        let same = difference(&share(0, 50), &share(0, 50));
        assert!(same.low < 0.0 && same.high > 0.0);
    }
}
