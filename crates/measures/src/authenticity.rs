//! Authenticity (Alaa et al. 2022, section 3.3): the share of synthetic images that are no noisy copy of a real one.

use crate::features::{FeatureError, Features};
use crate::pairs::{Wanted, pairs};

/// For each synthetic image, whether it lies further from its nearest real image than that lies from its own nearest
/// real one. Of real images against each other about half do.
///
/// It speaks of the real images given: where the generator did not see them, it cannot have copied them. Two real
/// images at least.
pub fn authentic(real: &Features, synthetic: &Features) -> Result<Vec<bool>, FeatureError> {
    let wanted = Wanted { authenticity: true, ..Wanted::default() };
    Ok(pairs(real, synthetic, wanted)?.authentic.expect("it was asked for"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize) -> Features {
        Features::new(4, stream(seed, Purpose::Bootstrap, 5).normals(rows * 4)).unwrap()
    }

    fn share(real: &Features, synthetic: &Features) -> f64 {
        let flags = authentic(real, synthetic).unwrap();
        flags.iter().filter(|a| **a).count() as f64 / flags.len() as f64
    }

    #[test]
    fn copies_are_not_authentic_and_half_of_what_is_drawn_anew_is() {
        let real = cloud(1, 600);
        assert_eq!(share(&real, &real.select(&[3, 3, 500])), 0.0);
        let noisy: Vec<f32> = (0..600).flat_map(|i| real.row(i)).map(|v| v + 0.01).collect();
        assert!(share(&real, &Features::new(4, noisy).unwrap()) < 0.05);
        let anew = share(&real, &cloud(2, 600));
        // Between exchangeable images either distance is the smaller one equally often, but hubs are near to many.
        assert!((0.4..0.65).contains(&anew), "{anew}");
    }
}
