//! Whatever needs all pairs of images of two sets, from one pass over them.

use crate::features::{FeatureError, Features};
use crate::kid::{KernelDistance, KernelSums};
use crate::neighbours::{Nearest, Neighbour, Others};
use crate::prdc::{Balls, Indicators};
use crate::tiles::Tiles;

/// What to gather of all pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// The kernel distance ([`crate::kid`]).
    pub kernel: bool,
    /// Who is no copy ([`crate::authenticity`]).
    pub authenticity: bool,
    /// Who lies in whose ball of so many neighbours ([`crate::prdc`]).
    pub balls: Option<usize>,
}

/// What was gathered: present if it was wanted.
pub struct Pairs {
    /// The kernel distance.
    pub kernel: Option<KernelDistance>,
    /// For each synthetic image, whether it lies further from its nearest real image than that from its own.
    pub authentic: Option<Vec<bool>>,
    /// Which images lie in whose ball.
    pub indicators: Option<Indicators>,
}

/// Gathers what is wanted; each measure says at its own function what it needs.
pub fn pairs(real: &Features, synthetic: &Features, wanted: Wanted) -> Result<Pairs, FeatureError> {
    real.same_space(synthetic)?;
    let few = real.len().min(synthetic.len());
    if let Some(k) = wanted.balls.filter(|k| *k == 0 || few <= *k) {
        return Err(FeatureError::TooFew { count: few, needed: k.max(1) + 1 });
    }
    if wanted.authenticity && real.len() < 2 {
        return Err(FeatureError::TooFew { count: real.len(), needed: 2 });
    }
    if wanted == Wanted::default() {
        return Ok(Pairs { kernel: None, authentic: None, indicators: None });
    }
    let [a, b] = &Tiles::pair(real, synthetic);
    let k = wanted.balls.unwrap_or(1);
    let within = |set: &Tiles<'_>, neighbours: bool| {
        let mut found =
            (neighbours.then(|| Others::new(set, k)), wanted.kernel.then(|| KernelSums::new(set, set)));
        set.within(&mut found);
        (found.0.map_or_else(Vec::new, |others| others.neighbours(set)), found.1)
    };
    let (near_real, real_sums) = within(a, wanted.balls.is_some() || wanted.authenticity);
    let (near_synthetic, synthetic_sums) = within(b, wanted.balls.is_some());
    let neighbours: [&[Vec<Neighbour>]; 2] = [&near_real, &near_synthetic];
    let mut across = (
        wanted.balls.map(|k| Balls::new([a, b], neighbours, k)),
        (wanted.authenticity.then(|| Nearest::new(a, b)), wanted.kernel.then(|| KernelSums::new(a, b))),
    );
    a.against(b, &mut across);
    let (balls, (nearest, cross_sums)) = across;
    let authentic = |real: Neighbour| real.distance > near_real[real.at][0].distance;
    let kernel = match (real_sums, synthetic_sums, cross_sums) {
        (Some(a), Some(b), Some(across)) => Some(KernelDistance::new([real, synthetic], &[a, b], &across)?),
        _ => None,
    };
    Ok(Pairs {
        kernel,
        authentic: nearest.map(|nearest| nearest.of(b, a).into_iter().map(authentic).collect()),
        indicators: balls.map(Balls::indicators),
    })
}
