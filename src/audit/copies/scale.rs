//! Two bands of detail on one scale: what noise hides in the fine one still shows in one half as fine, where strangers are more
//! alike.

use doppelray_images::copies::Registered;
use doppelray_measures::estimate::quantile;

/// What strangers reach: middle and deviation of Fisher's z of their best agreements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    fine: [f64; 2],
    middle: [f64; 2],
}

/// Strangers below which there is no scale.
const FEWEST: usize = 20;
/// Normal quantiles one deviation on either side.
const ONE_DEVIATION: [f64; 2] = [0.158_655, 0.841_345];

impl Scale {
    /// By strangers' best agreements in the fine band and in the middle one.
    pub(super) fn of(strangers: &[[f64; 2]]) -> Option<Self> {
        let band = |at: usize| {
            let mut z: Vec<f64> = strangers.iter().map(|best| fisher(best[at])).collect();
            z.sort_unstable_by(f64::total_cmp);
            let [low, high] = ONE_DEVIATION.map(|q| quantile(&z, q));
            [quantile(&z, 0.5), 0.5 * (high - low)]
        };
        let enough = strangers.len() >= FEWEST;
        let scale = enough.then(|| Self { fine: band(0), middle: band(1) })?;
        (scale.fine[1] > 0.0 && scale.middle[1] > 0.0).then_some(scale)
    }

    /// The larger of two agreements: the fine band's, and the one there that is as rare among strangers as the middle band's.
    pub(super) fn agreement(scale: Option<&Self>, lies: &Registered) -> f64 {
        let Some(Self { fine, middle }) = scale else { return lies.correlation };
        let z = fine[0] + fine[1] * (fisher(lies.middle) - middle[0]) / middle[1];
        lies.correlation.max(z.tanh())
    }
}

/// Fisher's z, which makes the tails of correlations alike.
pub(super) fn fisher(correlation: f64) -> f64 {
    correlation.clamp(-0.999_999, 0.999_999).atanh()
}

#[cfg(test)]
mod tests {
    use doppelray_images::copies::Warp;

    use super::*;

    #[test]
    fn what_is_as_rare_in_either_band_counts_as_much() {
        let strangers: Vec<[f64; 2]> =
            (0..100).map(|i| [0.2 + 0.001 * f64::from(i), 0.5 + 0.002 * f64::from(i)]).collect();
        let scale = Scale::of(&strangers);
        let agreement = |correlation, middle| {
            Scale::agreement(scale.as_ref(), &Registered { correlation, middle, warp: Warp::IDENTITY })
        };
        assert!((agreement(0.2, quantile_of(&strangers, 1)) - quantile_of(&strangers, 0)).abs() < 1e-9);
        assert!(agreement(0.3, 0.97) > 0.6 && agreement(0.7, 0.5) == 0.7);
        assert!(Scale::of(&strangers[..19]).is_none());
        assert!(Scale::of(&[[0.3, 0.5]; 50]).is_none());
    }

    fn quantile_of(strangers: &[[f64; 2]], band: usize) -> f64 {
        let z: Vec<f64> = strangers.iter().map(|best| fisher(best[band])).collect();
        quantile(&z, 0.5).tanh()
    }
}
