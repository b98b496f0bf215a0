//! The Frechet distance extrapolated to infinitely many images (Chong and Forsyth 2020).
//!
//! Of finite sets the distance is too large by what is nearly a multiple of one over their count. So it is measured on parts of
//! both sets, and a line through it over the inverse of the part is followed to where the inverse is 0.

use rayon::prelude::*;

use crate::estimate::Estimate;
use crate::features::{FeatureError, Features};
use crate::frechet::{Gaussian, frechet};
use crate::rng::{Purpose, stream};

/// The parts of both sets.
const PARTS: [f64; 5] = [0.5, 0.625, 0.75, 0.875, 1.0];
/// How often each part is drawn; the whole once.
const DRAWS: usize = 3;
/// Groups of units that the jackknife leaves out in turn.
const GROUPS: usize = 10;
/// The 97.5% quantile of Student's t with one degree of freedom less than that.
const T: f64 = 2.262_157_163;
/// Images a feature, in the smallest part, from which the line is one: with fewer, higher powers of the inverse count.
const IMAGES_A_FEATURE: f64 = 1.0;

/// The squared distance between the populations that two sets are drawn from, with its interval; `None` where there are too few
/// images for that. Near 0 it may come out negative.
///
/// Parts are of whole units. The interval is the jackknife's over ten groups of units of both sets (Efron and Tibshirani 1993,
/// ch. 11).
pub fn frechet_infinite(a: &Features, b: &Features, seed: u64) -> Result<Option<Estimate>, FeatureError> {
    let units = [a.by_unit(), b.by_unit()];
    let few = a.len().min(b.len()) as f64 * PARTS[0] * (1.0 - 1.0 / GROUPS as f64);
    let enough = units.iter().all(|units| units.len() >= 4 * GROUPS);
    if few < IMAGES_A_FEATURE * a.width() as f64 || !enough {
        return Ok(None);
    }
    let orders: Vec<Order> = (0..DRAWS as u64).map(|draw| Order::of(&units, seed, draw)).collect();
    let value = intercept([a, b], &orders)?;
    let without = |group: usize| {
        let left: Vec<Order> = orders.iter().map(|order| order.without(group)).collect();
        intercept([a, b], &left)
    };
    let values = (0..GROUPS).into_par_iter().map(without).collect::<Result<Vec<f64>, _>>()?;
    let mean = values.iter().sum::<f64>() / GROUPS as f64;
    let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    let reach = T * (squares * (GROUPS - 1) as f64 / GROUPS as f64).sqrt();
    let (low, high) = (value - reach, value + reach);
    Ok(Some(Estimate { value, low, high, floor: None, n: a.len().min(b.len()) }))
}

/// The units of both sets in a random order, each with the group it is of.
struct Order<'a>([Vec<(usize, &'a [usize])>; 2]);

impl<'a> Order<'a> {
    fn of(units: &'a [Vec<Vec<usize>>; 2], seed: u64, draw: u64) -> Self {
        let order = |side: usize| {
            let grouped = units[side].iter().enumerate().map(|(at, rows)| (at % GROUPS, rows.as_slice()));
            let mut order: Vec<(usize, &[usize])> = grouped.collect();
            stream(seed, Purpose::Subset, 2 * draw + side as u64).shuffle(&mut order);
            order
        };
        Self([order(0), order(1)])
    }

    fn without(&self, group: usize) -> Self {
        Self(self.0.each_ref().map(|side| side.iter().copied().filter(|(of, _)| *of != group).collect()))
    }

    /// The rows of a part of one side.
    fn rows(&self, side: usize, part: f64) -> Vec<usize> {
        let order = &self.0[side];
        let kept = (part * order.len() as f64).round() as usize;
        order[..kept].iter().flat_map(|(_, rows)| rows.iter().copied()).collect()
    }
}

/// The least-squares line through the distances of all parts over the inverse of the part, at 0.
fn intercept(sets: [&Features; 2], orders: &[Order]) -> Result<f64, FeatureError> {
    let mut points = Vec::new();
    for (draw, order) in orders.iter().enumerate() {
        let sizes = [0, 1].map(|side: usize| order.rows(side, 1.0).len() as f64);
        for part in PARTS.into_iter().filter(|part| *part < 1.0 || draw == 0) {
            let rows = [0, 1].map(|side: usize| order.rows(side, part));
            let inverse = 0.5 * (sizes[0] / rows[0].len() as f64 + sizes[1] / rows[1].len() as f64);
            let [p, q] = [0, 1].map(|side: usize| Gaussian::of(&sets[side].select(&rows[side])));
            points.push((inverse, frechet(&p?, &q?)?));
        }
    }
    let n = points.len() as f64;
    let [x, y] = [points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n];
    let spread: f64 = points.iter().map(|p| (p.0 - x) * (p.0 - x)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    Ok(y - slope * x)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 20;

    fn cloud(seed: u64, rows: usize, shift: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 5).normals(rows * WIDTH);
        values.iter_mut().for_each(|v| *v += shift);
        Features::new(WIDTH, values).unwrap()
    }

    #[test]
    fn what_few_images_add_to_the_distance_is_taken_off_and_the_interval_holds_the_truth() {
        // Normals shifted by 0.3 in each of 20 features: 1.8.
        let (mut plain, mut beyond, mut held) = (0.0, 0.0, 0);
        for seed in 0..20 {
            let (a, b) = (cloud(2 * seed, 150, 0.0), cloud(2 * seed + 1, 200, 0.3));
            let found = frechet_infinite(&a, &b, seed).unwrap().unwrap();
            plain += frechet(&Gaussian::of(&a).unwrap(), &Gaussian::of(&b).unwrap()).unwrap() / 20.0;
            beyond += found.value / 20.0;
            held += usize::from(found.low < 1.8 && 1.8 < found.high);
        }
        assert!(plain > 2.3, "{plain}");
        // The deviation of one is 0.35 or so, of the mean of twenty 0.08.
        assert!((beyond - 1.8).abs() < 0.25, "{beyond}");
        assert!(held >= 16, "{held} of 20");
    }

    #[test]
    fn too_few_images_for_a_line_give_none() {
        assert_eq!(frechet_infinite(&cloud(1, 40, 0.0), &cloud(2, 400, 0.0), 0).unwrap(), None);
        let pairs = cloud(1, 70, 0.0).with_units((0..70).map(|i| i / 2).collect()).unwrap();
        assert_eq!(frechet_infinite(&pairs, &cloud(2, 400, 0.0), 0).unwrap(), None);
    }
}
