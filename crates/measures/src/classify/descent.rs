//! The minimum of a smooth convex function, by limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5).

use std::collections::VecDeque;

/// Pairs of steps and changes of slope that are remembered.
const MEMORY: usize = 10;
/// The share of the decrease that the slope promises which a step has to bring (Armijo).
const ENOUGH: f64 = 1e-4;
/// Halvings after which no step helps: the rest is rounding.
const HALVINGS: usize = 15;

/// A function that says its value at a point and fills in its gradient there.
pub(super) trait Valley {
    fn value(&self, at: &[f64], gradient: &mut [f64]) -> f64;
}

/// Where a descent ended.
pub(super) struct Bottom {
    pub(super) at: Vec<f64>,
    /// Steps taken.
    pub(super) steps: usize,
    /// Whether the slope became as small as was asked, or rounding alone was left of it.
    pub(super) reached: bool,
}

/// Steps downhill until the gradient is no longer than `flat`, `most` steps at most.
pub(super) fn descend(valley: &impl Valley, mut at: Vec<f64>, flat: f64, most: usize) -> Bottom {
    let mut gradient = vec![0.0; at.len()];
    let mut value = valley.value(&at, &mut gradient);
    let mut memory = VecDeque::new();
    for steps in 0..most {
        if length(&gradient) <= flat {
            return Bottom { at, steps, reached: true };
        }
        let direction = direction(&gradient, &memory);
        let Some((new, new_value, new_gradient)) = step(valley, (&at, value, &gradient), &direction) else {
            return Bottom { at, steps, reached: true };
        };
        let moved: Vec<f64> = new.iter().zip(&at).map(|(a, b)| a - b).collect();
        let bent: Vec<f64> = new_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if dot(&moved, &bent) > 0.0 {
            memory.push_back((moved, bent));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        (at, value, gradient) = (new, new_value, new_gradient);
    }
    let reached = length(&gradient) <= flat;
    Bottom { at, steps: most, reached }
}

/// The longest of a step and its halves that goes far enough down.
fn step(
    valley: &impl Valley,
    (at, value, gradient): (&[f64], f64, &[f64]),
    direction: &[f64],
) -> Option<(Vec<f64>, f64, Vec<f64>)> {
    let promised = dot(gradient, direction);
    let mut new_gradient = vec![0.0; at.len()];
    let reach = |halvings: usize| libm::exp2(-(halvings as f64));
    (0..HALVINGS).map(reach).find_map(|by| {
        let new: Vec<f64> = at.iter().zip(direction).map(|(x, d)| x + by * d).collect();
        let new_value = valley.value(&new, &mut new_gradient);
        (new_value <= value + ENOUGH * by * promised).then(|| (new, new_value, new_gradient.clone()))
    })
}

/// The negative gradient, bent by the remembered curvature; of length 1 at most while nothing is remembered.
fn direction(gradient: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moved, bent) in memory.iter().rev() {
        let share = dot(moved, &direction) / dot(moved, bent);
        add(&mut direction, -share, bent);
        shares.push(share);
    }
    let size = memory
        .back()
        .map_or_else(|| 1.0 / length(gradient).max(1.0), |(moved, bent)| dot(moved, bent) / dot(bent, bent));
    direction.iter_mut().for_each(|d| *d *= size);
    for ((moved, bent), share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(bent, &direction) / dot(moved, bent);
        add(&mut direction, share - back, moved);
    }
    direction
}

fn add(to: &mut [f64], by: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(t, w)| *t += by * w);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn length(of: &[f64]) -> f64 {
    dot(of, of).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long and narrow valley, a thousand times as steep across as along, and not a parabola.
    struct Narrow;

    impl Valley for Narrow {
        fn value(&self, at: &[f64], gradient: &mut [f64]) -> f64 {
            let [x, y] = [at[0] - 3.0, at[0] + at[1]];
            let (root, steep) = ((1.0 + x * x).sqrt(), 1000.0 * y);
            gradient.copy_from_slice(&[x / root + steep, steep]);
            root + 500.0 * y * y
        }
    }

    #[test]
    fn the_bottom_of_a_narrow_valley_is_found_and_the_cap_holds() {
        let bottom = descend(&Narrow, vec![-5.0, 9.0], 1e-9, 200);
        assert!(bottom.reached && bottom.steps < 60, "{}", bottom.steps);
        assert!((bottom.at[0] - 3.0).abs() < 1e-6 && (bottom.at[1] + 3.0).abs() < 1e-6, "{:?}", bottom.at);
        let short = descend(&Narrow, vec![-5.0, 9.0], 1e-9, 3);
        assert!(!short.reached && short.steps == 3);
    }
}
