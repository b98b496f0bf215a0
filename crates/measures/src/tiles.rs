//! Products and distances between all images of two sets, a tile at a time: memory grows with n + m, never n x m.
//!
//! Everything is in f64. A tile is the same whatever the number of threads, so what is made of tiles by minima and
//! sums in a fixed order does not depend on it either.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

use crate::features::Features;

/// Rows and columns of a tile: 512 KiB, which a core's cache holds.
pub(crate) const TILE: usize = 256;

/// A set cut into blocks of columns, each image a column with its squared length.
pub(crate) struct Tiles {
    pub(crate) count: usize,
    pub(crate) blocks: Vec<Block>,
}

/// At most [`TILE`] images.
pub(crate) struct Block {
    columns: Mat<f64>,
    lengths: Vec<f64>,
}

impl Tiles {
    pub(crate) fn new(set: &Features) -> Self {
        let rows: Vec<usize> = (0..set.len()).collect();
        let blocks = rows.par_chunks(TILE).map(|chunk| Block::new(set, chunk)).collect();
        Self { count: set.len(), blocks }
    }

    /// The squared distance of each image to its `k`-th nearest other one.
    pub(crate) fn radii(&self, k: usize) -> Vec<f64> {
        let strip = |(at, block): (usize, &Block)| {
            let mut nearest = vec![Vec::with_capacity(k + 1); block.len()];
            for (other, columns) in self.blocks.iter().enumerate() {
                let tile = block.distances(columns);
                for (i, smallest) in nearest.iter_mut().enumerate() {
                    let own = (at == other).then_some(i);
                    let others = (0..tile.ncols()).filter(|j| Some(*j) != own);
                    others.for_each(|j| keep_smallest(smallest, tile[(i, j)], k));
                }
            }
            nearest.into_iter().map(|n| n[k - 1]).collect::<Vec<f64>>()
        };
        self.blocks.par_iter().enumerate().flat_map_iter(strip).collect()
    }
}

impl Block {
    fn new(set: &Features, rows: &[usize]) -> Self {
        let columns = Mat::from_fn(set.width(), rows.len(), |i, j| f64::from(set.row(rows[j])[i]));
        let lengths = (0..rows.len()).map(|j| columns.col(j).squared_norm_l2()).collect();
        Self { columns, lengths }
    }

    /// Images.
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// Scaled inner products, own images down and the other's across.
    pub(crate) fn products(&self, other: &Self, scale: f64) -> Mat<f64> {
        let mut tile = Mat::zeros(self.len(), other.len());
        let (own, others) = (self.columns.transpose(), &other.columns);
        matmul(&mut tile, Accum::Replace, own, others, scale, Par::Seq);
        tile
    }

    /// Squared distances, own images down and the other's across.
    pub(crate) fn distances(&self, other: &Self) -> Mat<f64> {
        let mut tile = self.products(other, -2.0);
        for (j, length) in other.lengths.iter().enumerate() {
            for (value, own) in tile.col_as_slice_mut(j).iter_mut().zip(&self.lengths) {
                let sum = own + length;
                let distance = sum + *value;
                // Equal images must be at 0, whatever order their products were summed in.
                *value = if distance < sum * 1e-13 { 0.0 } else { distance };
            }
        }
        tile
    }
}

/// The part of `values`, one an image, that belongs to a block.
pub(crate) fn part_of(block: usize, values: &[f64]) -> &[f64] {
    &values[block * TILE..values.len().min((block + 1) * TILE)]
}

/// Keeps the `k` smallest values in order.
fn keep_smallest(smallest: &mut Vec<f64>, value: f64, k: usize) {
    if smallest.len() == k && value >= smallest[k - 1] {
        return;
    }
    let place = smallest.partition_point(|v| *v <= value);
    smallest.insert(place, value);
    smallest.truncate(k);
}
