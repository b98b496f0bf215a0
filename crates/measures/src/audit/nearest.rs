//! The nearest of a stream of points to each of a fixed set.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

use crate::features::{FeatureError, Features};

/// Fixed points a block, and points of the stream a tile.
const BLOCK: usize = 256;

/// A point of the stream that is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Its place in the stream, from 0.
    pub at: usize,
    /// Squared distance; exactly 0 for equal points.
    pub squared: f64,
}

/// The `k` nearest so far, nearest first, for each fixed point. Memory: `k` a fixed point, whatever streams by.
pub struct Nearest<'a> {
    fixed: &'a Features,
    k: usize,
    lengths: Vec<f32>,
    found: Vec<Vec<Neighbour>>,
    seen: usize,
}

impl<'a> Nearest<'a> {
    /// Nothing has been seen yet.
    pub fn new(fixed: &'a Features, k: usize) -> Self {
        let found = vec![Vec::with_capacity(k + 1); fixed.len()];
        Self { fixed, k, lengths: lengths(fixed), found, seen: 0 }
    }

    /// Takes in more of the stream.
    pub fn see(&mut self, more: &Features) -> Result<(), FeatureError> {
        self.see_unless(more, &|_, _| false)
    }

    /// Takes in more of the stream, but for pairs that do not count: `skips(fixed, place in the stream)`.
    pub fn see_unless(
        &mut self,
        more: &Features,
        skips: &(dyn Fn(usize, usize) -> bool + Sync),
    ) -> Result<(), FeatureError> {
        self.fixed.same_space(more)?;
        let more_lengths = lengths(more);
        let (fixed, lengths, k, seen) = (self.fixed, &self.lengths, self.k, self.seen);
        let block = |(number, found): (usize, &mut [Vec<Neighbour>])| {
            let first = number * BLOCK;
            let own = columns(fixed, first, found.len());
            for start in (0..more.len()).step_by(BLOCK) {
                let others = columns(more, start, BLOCK.min(more.len() - start));
                let mut tile = Mat::<f32>::zeros(others.ncols(), own.ncols());
                matmul(&mut tile, Accum::Replace, others.transpose(), &own, 1.0, Par::Seq);
                for (i, found) in found.iter_mut().enumerate() {
                    for (j, product) in tile.col_as_slice(i).iter().enumerate() {
                        let sum = lengths[first + i] + more_lengths[start + j];
                        // Single precision finds who may be near; double precision says how near.
                        let least = f64::from(sum - 2.0 * product - 1e-5 * sum);
                        if found.len() < k || least < found[k - 1].squared {
                            let at = seen + start + j;
                            let squared = squared(fixed.row(first + i), more.row(start + j));
                            if !skips(first + i, at) {
                                keep(found, Neighbour { at, squared }, k);
                            }
                        }
                    }
                }
            }
        };
        self.found.par_chunks_mut(BLOCK).enumerate().for_each(block);
        self.seen += more.len();
        Ok(())
    }

    /// The nearest of each fixed point, nearest first, fewer than `k` where fewer were seen.
    pub fn found(self) -> Vec<Vec<Neighbour>> {
        self.found
    }
}

fn keep(found: &mut Vec<Neighbour>, new: Neighbour, k: usize) {
    let place = found.partition_point(|n| n.squared <= new.squared);
    if place < k {
        found.insert(place, new);
        found.truncate(k);
    }
}

fn columns(set: &Features, first: usize, count: usize) -> Mat<f32> {
    Mat::from_fn(set.width(), count, |i, j| set.row(first + j)[i])
}

fn lengths(set: &Features) -> Vec<f32> {
    (0..set.len()).map(|row| set.row(row).iter().map(|v| v * v).sum()).collect()
}

/// The squared distance of two rows.
fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(x - y) * f64::from(x - y)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize) -> Features {
        Features::new(7, stream(seed, Purpose::Bootstrap, 4).normals(rows * 7)).unwrap()
    }

    #[test]
    fn a_stream_in_parts_gives_what_sorting_all_distances_gives() {
        let (fixed, points) = (cloud(1, 300), cloud(2, 1000));
        let mut nearest = Nearest::new(&fixed, 3);
        for part in [0..10, 10..600, 600..1000] {
            nearest.see(&points.select(&part.collect::<Vec<_>>())).unwrap();
        }
        for (row, found) in nearest.found().iter().enumerate() {
            let mut all: Vec<(f64, usize)> =
                (0..1000).map(|at| (squared(fixed.row(row), points.row(at)), at)).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let expected: Vec<usize> = all[..3].iter().map(|(_, at)| *at).collect();
            assert_eq!(found.iter().map(|n| n.at).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn an_equal_point_is_at_0_and_who_does_not_count_is_passed_over() {
        let set = cloud(3, 40);
        let mut nearest = Nearest::new(&set, 1);
        nearest.see(&set).unwrap();
        assert!(nearest.found().iter().enumerate().all(|(i, n)| n[0] == Neighbour { at: i, squared: 0.0 }));
        let mut others = Nearest::new(&set, 40);
        others.see_unless(&set, &|a, b| a == b).unwrap();
        assert!(others.found().iter().all(|n| n.len() == 39 && n[0].squared > 0.0));
    }
}
