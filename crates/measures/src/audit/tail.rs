//! How far chance reaches: the tail of largest values beyond what was seen.

use crate::estimate::quantile;

/// Gumbel's distribution of largest values, by its location and scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Location.
    pub location: f64,
    /// Scale.
    pub scale: f64,
}

impl Tail {
    /// Fitted to largest values by their quartiles, so that a few that do not belong (one film under two names) do
    /// not move it. `None` below 20 values, or where they are all alike.
    pub fn of(largest: &[f64]) -> Option<Self> {
        const FEWEST: usize = 20;
        if largest.len() < FEWEST {
            return None;
        }
        let mut sorted = largest.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|q| quantile(&sorted, q));
        let scale = (high - low) / (reduced(0.75) - reduced(0.25));
        (scale > 0.0).then(|| Self { location: middle - scale * reduced(0.5), scale })
    }

    /// The value that is exceeded `expected` times among `count` largest values, where each is the largest of `times`
    /// as many as those the tail was fitted to.
    pub fn exceeded(&self, expected: f64, count: usize, times: f64) -> f64 {
        let chance = (expected / (count as f64 * times)).min(0.999);
        self.location + self.scale * reduced(1.0 - chance)
    }
}

/// The quantile of the standard Gumbel distribution.
fn reduced(q: f64) -> f64 {
    -libm::log(-libm::log(q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    #[test]
    fn a_value_beyond_the_seen_is_exceeded_as_often_as_said() {
        let mut draws = stream(1, Purpose::Bootstrap, 5);
        let mut largest = |n: usize| (0..n).map(|_| draws.normal()).fold(f64::NEG_INFINITY, f64::max);
        let seen: Vec<f64> = (0..400).map(|_| largest(200)).collect();
        let limit = Tail::of(&seen).unwrap().exceeded(20.0, 2000, 1.0);
        let beyond = (0..2000).filter(|_| largest(200) > limit).count();
        // The normal's maxima approach Gumbel's law from the short side: fewer, never many more.
        assert!((3..=32).contains(&beyond), "{beyond}");
    }

    #[test]
    fn a_few_strangers_do_not_move_it_and_few_values_give_none() {
        let mut values: Vec<f64> = (1..200).map(|i| reduced(f64::from(i) / 200.0)).collect();
        let before = Tail::of(&values).unwrap();
        values.extend([50.0, 60.0]);
        let after = Tail::of(&values).unwrap();
        assert!((before.scale - 1.0).abs() < 0.02 && (after.scale - before.scale).abs() < 0.03);
        assert!(Tail::of(&values[..19]).is_none() && Tail::of(&[1.0; 50]).is_none());
    }
}
