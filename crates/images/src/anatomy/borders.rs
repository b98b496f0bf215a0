//! The outer borders of femur and tibia, row by row.

use std::ops::Range;

use super::picture::{Picture, SIDE, vertex};

/// Steps to the side a row, pixels.
const LEAN: isize = 2;
/// What a step costs, in steep slopes.
const BEND: f32 = 0.3;

/// Both borders of a bone over some rows.
pub(super) struct Borders {
    pub(super) left: Vec<f64>,
    pub(super) right: Vec<f64>,
    /// Mean slope of both borders, in steep slopes.
    pub(super) clarity: f64,
}

/// The clearest borders through `rows`: dark to bright within columns `left`, bright to dark within `right`.
pub(super) fn borders(
    picture: &Picture,
    rows: Range<usize>,
    left: Range<usize>,
    right: Range<usize>,
) -> Borders {
    let (left, a) = border(picture, &rows, left, 1.0);
    let (right, b) = border(picture, &rows, right, -1.0);
    Borders { left, right, clarity: 0.5 * (a + b) }
}

fn border(picture: &Picture, rows: &Range<usize>, columns: Range<usize>, sign: f32) -> (Vec<f64>, f64) {
    let steep = picture.steep();
    let slope = |y: usize, x: usize| sign * picture.across[y * SIDE + x];
    let own = |y: usize, at: usize| (slope(y, columns.start + at) / steep).clamp(-2.5, 2.5);
    let count = columns.len();
    let mut best: Vec<f32> = (0..count).map(|at| own(rows.start, at)).collect();
    let mut from: Vec<Vec<usize>> = Vec::new();
    for y in rows.clone().skip(1) {
        let step = |at: usize| {
            let near = at.saturating_sub(LEAN as usize)..(at + LEAN as usize + 1).min(count);
            let score = |before: &usize| best[*before] - BEND * before.abs_diff(at) as f32;
            let before = near.max_by(|a, b| score(a).total_cmp(&score(b))).unwrap_or(at);
            (score(&before) + own(y, at), before)
        };
        let (scores, steps): (Vec<f32>, Vec<usize>) = (0..count).map(step).unzip();
        best = scores;
        from.push(steps);
    }
    let last = (0..count).max_by(|a, b| best[*a].total_cmp(&best[*b])).unwrap_or(0);
    let clarity = f64::from(best[last]) / rows.len() as f64;
    let mut path = vec![last];
    for steps in from.iter().rev() {
        path.push(steps[path[path.len() - 1]]);
    }
    path.reverse();
    let place = |(y, at): (usize, &usize)| {
        vertex(|x| slope(y, x.min(SIDE - 1)), (columns.start + at).clamp(1, SIDE - 2))
    };
    (rows.clone().zip(&path).map(place).collect(), clarity)
}

impl Borders {
    /// Lean of the bone's middle line from the vertical, degrees: positive where it runs to the right going down. By least
    /// squares with weights that fall where a middle lies off the line (Huber 1964), so that a border lost counts little.
    pub(super) fn lean_deg(&self) -> f64 {
        let middles: Vec<f64> = self.left.iter().zip(&self.right).map(|(l, r)| 0.5 * (l + r)).collect();
        let mut weights = vec![1.0; middles.len()];
        let mut slope = 0.0;
        for _ in 0..5 {
            let (line, apart) = line(&middles, &weights);
            slope = line;
            let mut sizes: Vec<f64> = apart.iter().map(|a| a.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            let usual = 1.5 * sizes[sizes.len() / 2] + 0.2;
            weights.iter_mut().zip(&apart).for_each(|(w, a)| *w = 1.0 / f64::max(1.0, a.abs() / usual));
        }
        libm::atan(slope).to_degrees()
    }

    /// Largest distance of the borders over these rows, mean of the three widest, pixels.
    pub(super) fn widest(&self) -> f64 {
        let mut widths: Vec<f64> = self.right.iter().zip(&self.left).map(|(r, l)| r - l).collect();
        widths.sort_by(|a, b| b.total_cmp(a));
        let few = &widths[..widths.len().min(3)];
        few.iter().sum::<f64>() / few.len() as f64
    }

    /// Mean middle between the borders.
    pub(super) fn middle(&self) -> f64 {
        self.left.iter().zip(&self.right).map(|(l, r)| 0.5 * (l + r)).sum::<f64>() / self.left.len() as f64
    }
}

/// The slope of the weighted line through values at 0, 1, 2 ..., and how far each lies off it.
fn line(values: &[f64], weights: &[f64]) -> (f64, Vec<f64>) {
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        values.iter().zip(weights).enumerate().map(|(i, (v, w))| w * of(i as f64, *v)).sum()
    };
    let all = sum(&|_, _| 1.0);
    let (x, y) = (sum(&|x, _| x) / all, sum(&|_, y| y) / all);
    let spread = sum(&|a, _| (a - x) * (a - x));
    let slope = if spread > 0.0 { sum(&|a, b| (a - x) * (b - y)) / spread } else { 0.0 };
    (slope, values.iter().enumerate().map(|(i, v)| v - y - slope * (i as f64 - x)).collect())
}
