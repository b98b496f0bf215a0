//! Strokes: what stands out of its surroundings, is thin, and hangs together.

use crate::Image;

/// Whether strokes are lighter or darker than the ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Light,
    Dark,
}

/// Strokes up to twice this many pixels wide are seen.
const REACH: usize = 4;

/// The least contrast, of 255.
const LEAST: u8 = 14;

/// The least contrast, in steps between neighbouring pixels as they mostly are: that much is noise.
const ABOVE_NOISE: f64 = 7.5;

/// Of the strongest contrast near by, what a stroke has at least.
const SHARE: f64 = 0.45;

/// Heights of pieces, in pixels.
const HEIGHTS: std::ops::RangeInclusive<usize> = 5..=60;

/// One connected piece of ink: a letter, or some that touch.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
    /// Brightness of the strokes' cores; of dark ink, 255 less it.
    pub(super) core: f64,
    /// Brightness of the middle pixel in order.
    pub(super) middle: f64,
    /// How far the cores stand out.
    pub(super) contrast: f64,
    /// Ink over the area of the box.
    pub(super) fill: f64,
    /// How uneven the ground around the box is: the largest distance from its median.
    pub(super) unrest: f64,
}

impl Piece {
    pub(super) fn height(&self) -> usize {
        self.bottom - self.top
    }

    pub(super) fn width(&self) -> usize {
        self.right - self.left
    }
}

/// The pieces of ink in an 8-bit picture.
pub(super) fn pieces(picture: &Image, ink: Ink) -> Vec<Piece> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let light = |value: &u16| if ink == Ink::Light { *value as u8 } else { 255 - *value as u8 };
    let values: Vec<u8> = picture.pixels().iter().map(light).collect();
    let size = (width, height);
    // The white top-hat (Serra 1982): what an opening by a square takes away.
    let opened = extremes(&extremes(&values, size, REACH, |a, b| a.min(b)), size, REACH, |a, b| a.max(b));
    let stands_out: Vec<u8> = values.iter().zip(&opened).map(|(v, o)| v - o).collect();
    let strongest = extremes(&stands_out, size, REACH, |a, b| a.max(b));
    let least = f64::from(LEAST).max(ABOVE_NOISE * step(&values, width));
    let is_ink: Vec<bool> = stands_out
        .iter()
        .zip(&strongest)
        .map(|(out, most)| f64::from(*out) >= least.max(SHARE * f64::from(*most)))
        .collect();
    let ground = Ground { values: &values, stands_out: &stands_out, width, height };
    connected(is_ink, width).iter().filter_map(|pixels| ground.piece(pixels)).collect()
}

/// The median difference of neighbours in a row.
fn step(values: &[u8], width: usize) -> f64 {
    let mut counts = [0usize; 256];
    let rows = values.chunks_exact(width);
    rows.flat_map(|row| row.windows(2)).for_each(|pair| counts[usize::from(pair[0].abs_diff(pair[1]))] += 1);
    let half = counts.iter().sum::<usize>().div_ceil(2);
    let mut below = 0;
    let median = counts.iter().position(|count| {
        below += count;
        below >= half
    });
    median.unwrap_or(0) as f64
}

/// The least or largest value within a square around each pixel, cut at the edges. Whole rows are combined, shifted, so that
/// many pixels go at once.
fn extremes(
    values: &[u8],
    (width, height): (usize, usize),
    reach: usize,
    of: impl Fn(u8, u8) -> u8 + Copy,
) -> Vec<u8> {
    let combine = |out: &mut [u8], row: &[u8]| out.iter_mut().zip(row).for_each(|(o, v)| *o = of(*o, *v));
    let mut across = values.to_vec();
    for (row, out) in values.chunks_exact(width).zip(across.chunks_exact_mut(width)) {
        for by in 1..=reach.min(width - 1) {
            combine(&mut out[by..], row);
            combine(out, &row[by..]);
        }
    }
    let mut down = across.clone();
    for (y, out) in down.chunks_exact_mut(width).enumerate() {
        let rows = y.saturating_sub(reach)..(y + reach + 1).min(height);
        rows.for_each(|at| combine(out, &across[at * width..(at + 1) * width]));
    }
    down
}

/// The pixels of each connected piece, neighbours at corners too.
fn connected(mut left: Vec<bool>, width: usize) -> Vec<Vec<usize>> {
    let height = left.len() / width.max(1);
    let mut pieces = Vec::new();
    for start in 0..left.len() {
        if !left[start] {
            continue;
        }
        left[start] = false;
        let mut pixels = vec![start];
        let mut next = 0;
        while let Some(at) = pixels.get(next).copied() {
            next += 1;
            let (x, y) = (at % width, at / width);
            for y in y.saturating_sub(1)..(y + 2).min(height) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    if std::mem::take(&mut left[y * width + x]) {
                        pixels.push(y * width + x);
                    }
                }
            }
        }
        pieces.push(pixels);
    }
    pieces
}

struct Ground<'a> {
    values: &'a [u8],
    stands_out: &'a [u8],
    width: usize,
    height: usize,
}

impl Ground<'_> {
    /// What there is to know of a piece, if it has the size of writing.
    fn piece(&self, pixels: &[usize]) -> Option<Piece> {
        let ends = |of: fn(usize, usize) -> usize| {
            let places = pixels.iter().map(|at| of(*at, self.width));
            places.fold((usize::MAX, 0), |(l, h), place| (l.min(place), h.max(place + 1)))
        };
        let ((left, right), (top, bottom)) = (ends(|at, width| at % width), ends(|at, width| at / width));
        let size = (right - left, bottom - top);
        if !HEIGHTS.contains(&size.1) || size.0 > *HEIGHTS.end() || pixels.len() < 5 {
            return None;
        }
        let of = |from: &[u8], share: f64| {
            let mut all: Vec<u8> = pixels.iter().map(|at| from[*at]).collect();
            let at = (share * (all.len() - 1) as f64) as usize;
            f64::from(*all.select_nth_unstable(at).1)
        };
        Some(Piece {
            left,
            top,
            right,
            bottom,
            core: of(self.values, 0.85),
            middle: of(self.values, 0.5),
            contrast: of(self.stands_out, 0.85),
            fill: pixels.len() as f64 / (size.0 * size.1) as f64,
            unrest: self.unrest((left, right), (top, bottom)),
        })
    }

    /// Over the rim of a box, three pixels off it.
    fn unrest(&self, (left, right): (usize, usize), (top, bottom): (usize, usize)) -> f64 {
        const OFF: usize = 3;
        let (left, right) = (left.saturating_sub(OFF), (right + OFF).min(self.width) - 1);
        let (top, bottom) = (top.saturating_sub(OFF), (bottom + OFF).min(self.height) - 1);
        let sides = (top..=bottom).flat_map(|y| [(left, y), (right, y)]);
        let ends = (left..=right).flat_map(|x| [(x, top), (x, bottom)]);
        let mut rim: Vec<u8> = sides.chain(ends).map(|(x, y)| self.values[y * self.width + x]).collect();
        let middle = rim.len() / 2;
        let median = *rim.select_nth_unstable(middle).1;
        rim.iter().map(|value| f64::from(value.abs_diff(median))).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extreme_reaches_as_far_as_it_says_and_stops_at_the_edges() {
        let mut values = vec![5; 12 * 9];
        values[4 * 12 + 1] = 9;
        let high = extremes(&values, (12, 9), 4, |a, b| a.max(b));
        let reached = |i: &usize| (i % 12).abs_diff(1) <= 4 && (i / 12).abs_diff(4) <= 4;
        assert!((0..12 * 9).all(|i| high[i] == if reached(&i) { 9 } else { 5 }));
        assert_eq!(extremes(&[3, 1], (1, 2), 4, |a, b| a.min(b)), [1, 1]);
    }
}
