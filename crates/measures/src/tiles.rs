//! Products and distances between all images of two sets, a tile at a time: memory grows with n + m, never n x m.
//!
//! A tile is in f32, of features less a common centre and scaled by a power of two. How far rounding can have put a distance off
//! is known (Higham 2002, eq. 3.5), and what it leaves open is decided by the distance in f64, so neighbours and balls
//! are those of f64. A tile is the same whatever the number of threads, so what is made of tiles by minima and sums in a fixed
//! order does not depend on it either.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use rayon::prelude::*;

use crate::features::Features;

/// Rows and columns of a tile: 256 KiB, which a core's cache holds.
const TILE: usize = 256;
/// Strips of tiles whose results are held at once.
const STRIPS: usize = 16;

/// A set cut into blocks of columns, each image a column.
pub(crate) struct Tiles<'a> {
    set: &'a Features,
    blocks: Vec<Block>,
    /// What was taken from each feature.
    centre: Vec<f64>,
    /// What a centred feature was multiplied by; a power of two.
    scale: f64,
}

/// At most [`TILE`] images.
pub(crate) struct Block {
    /// Of the first image.
    first: usize,
    columns: Mat<f32>,
    lengths: Vec<f32>,
}

impl<'a> Tiles<'a> {
    /// Two sets of one space, centred and scaled alike.
    pub(crate) fn pair(a: &'a Features, b: &'a Features) -> [Self; 2] {
        let mut centre = vec![0.0; a.width()];
        let rows = || [a, b].into_iter().flat_map(|set| (0..set.len()).map(move |at| set.row(at)));
        for row in rows() {
            centre.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        centre.iter_mut().for_each(|sum| *sum /= (a.len() + b.len()) as f64);
        let apart =
            |row: &[f32]| row.iter().zip(&centre).map(|(v, c)| (f64::from(*v) - c).abs()).fold(0.0, f64::max);
        let reach = rows().map(apart).fold(0.0, f64::max);
        let scale = if reach > 0.0 { (-reach.log2().ceil()).exp2() } else { 1.0 };
        [a, b].map(|set| {
            let rows: Vec<usize> = (0..set.len()).collect();
            let blocks = rows.par_chunks(TILE).map(|rows| Block::new(set, rows, &centre, scale)).collect();
            Self { set, blocks, centre: centre.clone(), scale }
        })
    }

    /// Images.
    pub(crate) fn len(&self) -> usize {
        self.set.len()
    }

    /// Features an image.
    pub(crate) fn width(&self) -> usize {
        self.set.width()
    }

    /// What scaled products and distances are to be multiplied by.
    pub(crate) fn unscaled(&self) -> f64 {
        (self.scale * self.scale).recip()
    }

    /// Of each image its product with the centre, less half of the centre's with itself: two images' product is that of
    /// their centred selves plus these of both.
    pub(crate) fn offsets(&self) -> Vec<f64> {
        let half = self.centre.iter().map(|c| c * c).sum::<f64>() / 2.0;
        let product = |row: &[f32]| row.iter().zip(&self.centre).map(|(v, c)| f64::from(*v) * c).sum::<f64>();
        (0..self.len()).map(|at| product(self.set.row(at)) - half).collect()
    }

    /// How far rounding can put a tile's distances off.
    pub(crate) fn slack(&self) -> Slack {
        let width = self.set.width() as f32;
        Slack { share: (width + 32.0) * f32::EPSILON / 2.0, least: 4.0 * width * f32::MIN_POSITIVE }
    }

    /// The squared distance between an image and one of `other` in f64.
    pub(crate) fn squared(&self, at: usize, other: &Self, place: usize) -> f64 {
        let apart = |(x, y): (&f32, &f32)| (f64::from(*x) - f64::from(*y)).powi(2);
        self.set.row(at).iter().zip(other.set.row(place)).map(apart).sum()
    }

    /// Shows all tiles of the set with itself, each pair once.
    pub(crate) fn within(&self, gather: &mut impl Gather) {
        self.walk(self, true, gather);
    }

    /// Shows all tiles of the set with `other`.
    pub(crate) fn against(&self, other: &Self, gather: &mut impl Gather) {
        self.walk(other, false, gather);
    }

    fn walk<G: Gather>(&self, other: &Self, inner: bool, gather: &mut G) {
        let places: Vec<usize> = (0..self.blocks.len()).collect();
        for strips in places.chunks(STRIPS) {
            let strip = |at: &usize| {
                let rows = &self.blocks[*at];
                let mut part = gather.begin(rows);
                let mut products = Mat::zeros(TILE, TILE);
                for (place, columns) in other.blocks.iter().enumerate().skip(if inner { *at } else { 0 }) {
                    rows.products(columns, &mut products);
                    let tile = Tile { rows, columns, products: &products, diagonal: inner && place == *at };
                    gather.see(&mut part, &tile);
                }
                (rows, part)
            };
            let parts: Vec<(&Block, G::Part)> = strips.par_iter().map(strip).collect();
            parts.into_iter().for_each(|(rows, part)| gather.end(rows, part));
        }
    }
}

impl Block {
    fn new(set: &Features, rows: &[usize], centre: &[f64], scale: f64) -> Self {
        let value = |i: usize, j: usize| ((f64::from(set.row(rows[j])[i]) - centre[i]) * scale) as f32;
        let columns = Mat::from_fn(set.width(), rows.len(), value);
        let length = |j| columns.col_as_slice(j).iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() as f32;
        let lengths = (0..rows.len()).map(length).collect();
        Self { first: rows[0], columns, lengths }
    }

    /// Images.
    pub(crate) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// What `values`, one an image of the set, hold of its images.
    pub(crate) fn part<'b, T>(&self, values: &'b [T]) -> &'b [T] {
        &values[self.first..self.first + self.len()]
    }

    /// The squared lengths of its images.
    pub(crate) fn lengths(&self) -> &[f32] {
        &self.lengths
    }

    /// The place of its first image in the set.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    fn products(&self, other: &Self, into: &mut Mat<f32>) {
        let into = into.as_mut().submatrix_mut(0, 0, self.len(), other.len());
        matmul(into, Accum::Replace, self.columns.transpose(), &other.columns, 1.0, Par::Seq);
    }
}

/// Products of all images of a block with all of another.
pub(crate) struct Tile<'a> {
    pub(crate) rows: &'a Block,
    pub(crate) columns: &'a Block,
    products: &'a Mat<f32>,
    /// Whether it is a block with itself, so that each pair is in it twice.
    pub(crate) diagonal: bool,
}

impl<'a> Tile<'a> {
    /// Of each column's image its place in the block and its products with the rows' images.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (usize, &'a [f32])> + use<'a> {
        let (products, rows) = (self.products, self.rows.len());
        (0..self.columns.len()).map(move |j| (j, &products.col_as_slice(j)[..rows]))
    }
}

/// Something gathered from all tiles: strip after strip of blocks of rows, several at a time, ended in order.
pub(crate) trait Gather: Sync {
    /// What one strip gives.
    type Part: Send;
    /// Before the first tile of a strip.
    fn begin(&self, rows: &Block) -> Self::Part;
    /// A tile; its columns go on from the last one's.
    fn see(&self, part: &mut Self::Part, tile: &Tile<'_>);
    /// After the last tile of a strip.
    fn end(&mut self, rows: &Block, part: Self::Part);
}

impl<A: Gather, B: Gather> Gather for (A, B) {
    type Part = (A::Part, B::Part);

    fn begin(&self, rows: &Block) -> Self::Part {
        (self.0.begin(rows), self.1.begin(rows))
    }

    fn see(&self, part: &mut Self::Part, tile: &Tile<'_>) {
        self.0.see(&mut part.0, tile);
        self.1.see(&mut part.1, tile);
    }

    fn end(&mut self, rows: &Block, part: Self::Part) {
        self.0.end(rows, part.0);
        self.1.end(rows, part.1);
    }
}

impl<G: Gather> Gather for Option<G> {
    type Part = Option<G::Part>;

    fn begin(&self, rows: &Block) -> Self::Part {
        self.as_ref().map(|gather| gather.begin(rows))
    }

    fn see(&self, part: &mut Self::Part, tile: &Tile<'_>) {
        if let (Some(gather), Some(part)) = (self, part) {
            gather.see(part, tile);
        }
    }

    fn end(&mut self, rows: &Block, part: Self::Part) {
        if let (Some(gather), Some(part)) = (self, part) {
            gather.end(rows, part);
        }
    }
}

/// The bound of rounding on a squared distance of f32 products: a share of the two squared lengths.
#[derive(Clone, Copy)]
pub(crate) struct Slack {
    share: f32,
    least: f32,
}

impl Slack {
    /// The least and the most that a squared distance can be, from the sum of squared lengths and the product.
    #[inline]
    pub(crate) fn range(self, lengths: f32, product: f32) -> [f32; 2] {
        let (middle, slack) = (lengths - 2.0 * product, lengths * self.share + self.least);
        [middle - slack, middle + slack]
    }
}
