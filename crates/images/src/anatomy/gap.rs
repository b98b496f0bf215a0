//! One compartment of the joint: the femoral and the tibial edge of the dark band between two bones, found together.

use std::ops::Range;

use super::picture::{Picture, SIDE, vertex};

/// Narrowest and widest band, pixels.
const BAND: Range<usize> = 2..28;
/// What a step of a pixel from column to column costs, in steep slopes.
const BEND: f32 = 0.35;

/// The two edges of a compartment, a place a column, rows from the top.
pub(super) struct Gap {
    pub(super) columns: Range<usize>,
    pub(super) femur: Vec<f64>,
    pub(super) tibia: Vec<f64>,
    /// Mean slope of both edges, in steep slopes: how clearly the band stands out.
    pub(super) clarity: f64,
}

/// The clearest pair of edges through `columns` within `rows`: bright to dark, then dark to bright.
///
/// All pairs of paths are weighed at once, by dynamic programming over (row of the femoral edge, width of the band).
pub(super) fn gap(picture: &Picture, columns: Range<usize>, rows: Range<usize>) -> Gap {
    let steep = picture.steep();
    let clear = |x: usize, y: usize| (picture.down[y.min(SIDE - 1) * SIDE + x] / steep).clamp(-2.5, 2.5);
    let (height, widths) = (rows.len().saturating_sub(BAND.end).max(1), BAND.len());
    let own = |x: usize, state: usize| {
        let (y, width) = (rows.start + state / widths, BAND.start + state % widths);
        clear(x, y + width) - clear(x, y)
    };
    let states = height * widths;
    let mut best: Vec<f32> = (0..states).map(|state| own(columns.start, state)).collect();
    let mut from: Vec<Vec<u32>> = Vec::with_capacity(columns.len());
    for x in columns.clone().skip(1) {
        let step = |state: usize| {
            let (y, width) = ((state / widths) as isize, (state % widths) as isize);
            let mut found = (f32::NEG_INFINITY, 0);
            for (upper, lower) in MOVES {
                let (before, wide) = (y + upper, width + lower - upper);
                let inside = (0..height as isize).contains(&before) && (0..widths as isize).contains(&wide);
                if inside {
                    let state = (before * widths as isize + wide) as usize;
                    let score = best[state] - BEND * (upper.abs() + lower.abs()) as f32;
                    found = if score > found.0 { (score, state as u32) } else { found };
                }
            }
            (found.0 + own(x, state), found.1)
        };
        let (scores, steps): (Vec<f32>, Vec<u32>) = (0..states).map(step).unzip();
        best = scores;
        from.push(steps);
    }
    let last = (0..states).max_by(|a, b| best[*a].total_cmp(&best[*b])).unwrap_or(0);
    let clarity = f64::from(best[last]) / (2 * columns.len()) as f64;
    let path = path(last, &from);
    let edge = |sign: f32, row: &dyn Fn(usize) -> usize| {
        let place = |(i, state): (usize, &usize)| {
            let x = columns.start + i;
            vertex(|y| sign * picture.down[y.min(SIDE - 1) * SIDE + x], row(*state).clamp(1, SIDE - 2))
        };
        smooth(&path.iter().enumerate().map(place).collect::<Vec<f64>>())
    };
    let femur = edge(-1.0, &|state| rows.start + state / widths);
    let tibia = edge(1.0, &|state| rows.start + state / widths + BAND.start + state % widths);
    Gap { columns, femur, tibia, clarity }
}

/// How the two edges may have moved since the column before.
const MOVES: [(isize, isize); 9] =
    [(0, 0), (-1, -1), (1, 1), (0, 1), (0, -1), (1, 0), (-1, 0), (1, -1), (-1, 1)];

fn path(last: usize, from: &[Vec<u32>]) -> Vec<usize> {
    let mut path = vec![last];
    for steps in from.iter().rev() {
        path.push(steps[path[path.len() - 1]] as usize);
    }
    path.reverse();
    path
}

/// Means of three: the edges of bone are smoother than noise.
fn smooth(places: &[f64]) -> Vec<f64> {
    let mean = |i: usize| {
        let near = &places[i.saturating_sub(1)..(i + 2).min(places.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..places.len()).map(mean).collect()
}

impl Gap {
    /// Narrowest distance of the two edges, pixels.
    pub(super) fn width(&self) -> f64 {
        let points = |edge: &[f64]| -> Vec<[f64; 2]> {
            edge.iter().zip(self.columns.clone()).map(|(y, x)| [x as f64, *y]).collect()
        };
        let (femur, tibia) = (points(&self.femur), points(&self.tibia));
        let nearest = |p: &[f64; 2]| {
            tibia.iter().map(|q| (p[0] - q[0]).hypot(p[1] - q[1])).fold(f64::INFINITY, f64::min)
        };
        femur.iter().map(nearest).fold(f64::INFINITY, f64::min)
    }

    /// Mean row of the band's middle.
    pub(super) fn row(&self) -> f64 {
        self.femur.iter().zip(&self.tibia).map(|(f, t)| 0.5 * (f + t)).sum::<f64>() / self.femur.len() as f64
    }
}
