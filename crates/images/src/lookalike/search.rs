//! Which prints are near each other: all pairs are compared, by bits, and only near ones are kept.

use rayon::prelude::*;

use super::print::{LENGTH, Print};

/// Two images that may be one film.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// The first, by its place.
    pub a: usize,
    /// The second, by its place; behind the first.
    pub b: usize,
    /// Whether the second is near when it is mirrored.
    pub mirrored: bool,
}

type Bits = [u64; 4];

/// Of 225 bits at most this many may differ. Half do where two films have nothing in common.
const MOST_BITS: u32 = 52;

/// The least correlation of two prints.
const LEAST: f64 = 0.55;

/// From this many images on, what is common to all is taken off before they are compared.
const MANY: usize = 256;

/// All pairs whose prints are near, by place. Every pair is looked at (a few nanoseconds each), so none near is missed; memory
/// grows with the images and with what is found, not with the pairs.
pub fn search(prints: &[Option<Print>]) -> Vec<Near> {
    let centre = centre(prints);
    let bits = |print: &Option<Print>| print.as_ref().map(|p| above(p, &centre));
    let plain: Vec<Option<Bits>> = prints.par_iter().map(bits).collect();
    let mirrored = |print: &Option<Print>| print.as_ref().map(|p| above(&p.mirrored(), &centre));
    let mirrored: Vec<Option<Bits>> = prints.par_iter().map(mirrored).collect();
    let near = |a: usize| {
        let mut found = Vec::new();
        let Some(mine) = plain[a] else { return found };
        for (flag, theirs) in [(false, &plain), (true, &mirrored)] {
            for (b, other) in theirs.iter().enumerate().skip(a + 1) {
                if other.is_some_and(|other| apart(&mine, &other) <= MOST_BITS) {
                    found.push(Near { a, b, mirrored: flag });
                }
            }
        }
        found.retain(|near| correlation(prints, &centre, near) >= LEAST);
        found
    };
    (0..prints.len()).into_par_iter().flat_map_iter(near).collect()
}

/// The median of each place of the prints; 0 where there are too few.
fn centre(prints: &[Option<Print>]) -> [i8; LENGTH] {
    let prints: Vec<&Print> = prints.iter().flatten().collect();
    let mut centre = [0; LENGTH];
    if prints.len() >= MANY {
        for (place, centre) in centre.iter_mut().enumerate() {
            let mut values: Vec<i8> = prints.iter().map(|print| print.0[place]).collect();
            let middle = values.len() / 2;
            *centre = *values.select_nth_unstable(middle).1;
        }
    }
    centre
}

/// Which places lie above the centre.
fn above(print: &Print, centre: &[i8; LENGTH]) -> Bits {
    let mut bits = [0; 4];
    for (at, (value, centre)) in print.0.iter().zip(centre).enumerate() {
        bits[at / 64] |= u64::from(value > centre) << (at % 64);
    }
    bits
}

fn apart(a: &Bits, b: &Bits) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Correlation of two prints less the centre.
fn correlation(prints: &[Option<Print>], centre: &[i8; LENGTH], near: &Near) -> f64 {
    let [Some(a), Some(b)] = [&prints[near.a], &prints[near.b]] else { return 0.0 };
    let b = if near.mirrored { b.mirrored() } else { b.clone() };
    let less = |print: &Print| -> Vec<f64> {
        print.0.iter().zip(centre).map(|(p, c)| f64::from(*p) - f64::from(*c)).collect()
    };
    let (a, b) = (less(a), less(&b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(f64::MIN_POSITIVE)
}
