//! Lines: pieces of ink in a row.

use super::strokes::Piece;
use crate::look::Part;

/// Pieces that make a line.
const LEAST: usize = 3;

/// How far apart pieces may stand, in heights.
const GAP: f64 = 1.1;

/// The boxes of all lines and of markers that stand alone.
pub(super) fn lines(pieces: &[Piece]) -> Vec<Part> {
    let mut order: Vec<&Piece> = pieces.iter().collect();
    order.sort_by_key(|piece| (piece.left, piece.top, piece.right));
    let mut heads: Vec<usize> = (0..order.len()).collect();
    for (at, a) in order.iter().enumerate() {
        // Sorted by their left ends: behind the farthest that could follow, none does.
        let last = a.right as f64 + GAP * 60.0;
        let behind = order.iter().enumerate().skip(at + 1).take_while(|(_, b)| b.left as f64 <= last);
        for (other, _) in behind.filter(|(_, b)| follows(a, b)) {
            let (a, b) = (head(&heads, at), head(&heads, other));
            heads[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<&Piece>> = vec![Vec::new(); order.len()];
    (0..order.len()).for_each(|at| groups[head(&heads, at)].push(order[at]));
    let is_text = |group: &&Vec<&Piece>| {
        group.len() >= LEAST || !group.is_empty() && group.iter().all(|piece| is_marker(piece))
    };
    groups.iter().filter(is_text).map(|group| reached(around(group), pieces)).collect()
}

/// A line's box with all other ink that lies on the line: letters that touch, that are thinner, that fell apart.
fn reached(mut part: Part, pieces: &[Piece]) -> Part {
    let reach = part.height * 3 / 2;
    let on_line = |piece: &Piece, part: &Part| {
        let (top, bottom) =
            (piece.top.max(part.top as usize), piece.bottom.min((part.top + part.height) as usize));
        2 * bottom.saturating_sub(top) >= piece.height()
            && piece.right as u32 + reach >= part.left
            && piece.left as u32 <= part.left + part.width + reach
    };
    loop {
        let before = part;
        for piece in pieces.iter().filter(|piece| on_line(piece, &before)) {
            let right = (part.left + part.width).max(piece.right as u32);
            part.left = part.left.min(piece.left as u32);
            part.width = right - part.left;
        }
        if part == before {
            return part;
        }
    }
}

fn head(heads: &[usize], mut at: usize) -> usize {
    while heads[at] != at {
        at = heads[at];
    }
    at
}

/// Whether `b` can be the next letter of a line behind `a`: near, as high, on one line, as bright.
fn follows(a: &Piece, b: &Piece) -> bool {
    let (taller, lower) = (a.height().max(b.height()) as f64, a.height().min(b.height()) as f64);
    let apart = b.left as f64 - a.right as f64;
    let near = (-2.0 - 0.15 * taller..=GAP * taller).contains(&apart);
    let as_high = lower >= 0.75 * taller - 1.0;
    let on_line = a.bottom.abs_diff(b.bottom) as f64 <= 0.18 * taller + 0.5;
    let as_bright = (a.core - b.core).abs() <= 0.16 * a.contrast.max(b.contrast);
    let narrow = a.width().max(b.width()) as f64 <= 1.6 * taller;
    near && as_high && on_line && as_bright && narrow
}

/// A letter that stands alone: of one strong brightness, on flat ground.
fn is_marker(piece: &Piece) -> bool {
    let shape = piece.width() as f64 / piece.height() as f64;
    piece.height() >= 8
        && piece.contrast >= 50.0
        && piece.core - piece.middle <= 0.15 * piece.contrast
        && piece.unrest <= 0.1 * piece.contrast
        && (0.3..=1.5).contains(&shape)
        && (0.2..=0.75).contains(&piece.fill)
}

fn around(group: &[&Piece]) -> Part {
    let least = |of: fn(&Piece) -> usize| group.iter().map(|p| of(p)).min().unwrap_or(0);
    let most = |of: fn(&Piece) -> usize| group.iter().map(|p| of(p)).max().unwrap_or(0);
    let (left, top) = (least(|p| p.left), least(|p| p.top));
    let (right, bottom) = (most(|p| p.right), most(|p| p.bottom));
    Part { left: left as u32, top: top as u32, width: (right - left) as u32, height: (bottom - top) as u32 }
}
