//! The nearest images of each, exact in f64, from tiles of f32 products.

use rayon::prelude::*;

use crate::tiles::{Block, Gather, Slack, Tile, Tiles};

/// Candidates kept of each image beyond the neighbours that are wanted.
const SPARE: usize = 8;

/// An image's neighbour in f64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Neighbour {
    /// Squared distance.
    pub(crate) distance: f64,
    pub(crate) at: usize,
}

/// Gathers, of each image of a set, its `k` nearest others ([`Tiles::within`]).
pub(crate) struct Others {
    slack: Slack,
    found: Candidates,
}

impl Others {
    pub(crate) fn new(set: &Tiles<'_>, k: usize) -> Self {
        Self { slack: set.slack(), found: Candidates::new(set.len(), k) }
    }

    /// Of each image, nearest first; of equally near ones some. There must be more than `k` images.
    pub(crate) fn neighbours(&self, set: &Tiles<'_>) -> Vec<Vec<Neighbour>> {
        self.found.exact(set, set, true)
    }
}

impl Gather for Others {
    type Part = Candidates;

    fn begin(&self, rows: &Block) -> Candidates {
        self.found.from(rows.first())
    }

    fn see(&self, part: &mut Candidates, tile: &Tile<'_>) {
        let (rows, first) = (tile.rows, tile.rows.first());
        for (j, products) in tile.columns() {
            let (place, length) = (tile.columns.first() + j, tile.columns.lengths()[j]);
            for (i, (product, own)) in products.iter().zip(rows.lengths()).enumerate() {
                let least = self.slack.range(own + length, *product)[0];
                if !tile.diagonal {
                    part.offer(i, least, place);
                    part.offer(place - first, least, first + i);
                } else if i != j {
                    part.offer(i, least, place);
                }
            }
        }
    }

    fn end(&mut self, rows: &Block, part: Candidates) {
        self.found.take(rows.first(), part);
    }
}

/// Gathers, of each image of the second set, the nearest one of the first ([`Tiles::against`]).
pub(crate) struct Nearest {
    slack: Slack,
    found: Candidates,
}

impl Nearest {
    pub(crate) fn new(set: &Tiles<'_>, other: &Tiles<'_>) -> Self {
        Self { slack: set.slack(), found: Candidates::new(other.len(), 1) }
    }

    /// Of each image of `other`; of equally near ones one.
    pub(crate) fn of(&self, other: &Tiles<'_>, set: &Tiles<'_>) -> Vec<Neighbour> {
        self.found.exact(other, set, false).into_iter().map(|nearest| nearest[0]).collect()
    }
}

impl Gather for Nearest {
    type Part = Candidates;

    fn begin(&self, _: &Block) -> Candidates {
        self.found.from(0)
    }

    fn see(&self, part: &mut Candidates, tile: &Tile<'_>) {
        for (j, products) in tile.columns() {
            let (place, length) = (tile.columns.first() + j, tile.columns.lengths()[j]);
            for (i, (product, own)) in products.iter().zip(tile.rows.lengths()).enumerate() {
                part.offer(place, self.slack.range(own + length, *product)[0], tile.rows.first() + i);
            }
        }
    }

    fn end(&mut self, _: &Block, part: Candidates) {
        self.found.take(0, part);
    }
}

/// Of each image the few others that are nearest by the least that their distance can be.
pub(crate) struct Candidates {
    k: usize,
    most: usize,
    /// A candidate must be under this.
    worst: Vec<f32>,
    /// In order, with the other's place.
    kept: Vec<Vec<(f32, u32)>>,
}

impl Candidates {
    fn new(images: usize, k: usize) -> Self {
        Self { k, most: k + SPARE, worst: vec![f32::INFINITY; images], kept: vec![Vec::new(); images] }
    }

    /// An empty one for the images from `first` on, for candidates better than these.
    fn from(&self, first: usize) -> Self {
        let worst = self.worst[first..].to_vec();
        Self { k: self.k, most: self.most, kept: vec![Vec::new(); worst.len()], worst }
    }

    #[inline]
    fn offer(&mut self, image: usize, least: f32, place: usize) {
        if least < self.worst[image] {
            self.keep(image, least, place);
        }
    }

    #[cold]
    fn keep(&mut self, image: usize, least: f32, place: usize) {
        let kept = &mut self.kept[image];
        let before = kept.partition_point(|(value, _)| *value <= least);
        kept.truncate(self.most - 1);
        kept.insert(before, (least, place as u32));
        if kept.len() == self.most {
            self.worst[image] = kept[self.most - 1].0;
        }
    }

    fn take(&mut self, first: usize, part: Self) {
        for (i, kept) in part.kept.into_iter().enumerate() {
            kept.into_iter().for_each(|(least, place)| self.offer(first + i, least, place as usize));
        }
    }
    /// The `k` nearest of `other` in f64, by the candidates, or by all where those leave it open; where `other` is
    /// the set itself, `without` the image itself.
    fn exact(&self, set: &Tiles<'_>, other: &Tiles<'_>, without: bool) -> Vec<Vec<Neighbour>> {
        let of = |(at, kept): (usize, &Vec<(f32, u32)>)| {
            let neighbour = |place: usize| Neighbour { distance: set.squared(at, other, place), at: place };
            let sorted = |mut all: Vec<Neighbour>| {
                all.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.at.cmp(&b.at)));
                all.truncate(self.k);
                all
            };
            let found = sorted(kept.iter().map(|(_, place)| neighbour(*place as usize)).collect());
            // None that was not kept is nearer than the last that was, and none is nearer than nothing.
            let least = (f64::from(kept[kept.len() - 1].0) * set.unscaled()).max(0.0);
            if kept.len() < self.most || found[self.k - 1].distance <= least {
                return found;
            }
            sorted((0..other.len()).filter(|place| !(without && *place == at)).map(neighbour).collect())
        };
        self.kept.par_iter().enumerate().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Features;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, centre: f32, spread: f32) -> Features {
        let values = stream(seed, Purpose::Bootstrap, 8).normals(rows * 12);
        Features::new(12, values.iter().map(|v| centre + spread * v).collect()).unwrap()
    }

    fn joined(a: &Features, b: &Features) -> Features {
        Features::new(
            12,
            [a, b].iter().flat_map(|set| (0..set.len()).flat_map(|at| set.row(at)).copied()).collect(),
        )
        .unwrap()
    }

    /// The definition, in f64.
    fn plain(set: &Features, other: &Features, without: bool, k: usize) -> Vec<Vec<f64>> {
        let squared = |x: &[f32], y: &[f32]| {
            x.iter().zip(y).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
        };
        (0..set.len())
            .map(|at| {
                let others = (0..other.len()).filter(|place| !(without && *place == at));
                let mut all: Vec<f64> = others.map(|place| squared(set.row(at), other.row(place))).collect();
                all.sort_by(f64::total_cmp);
                all.truncate(k);
                all
            })
            .collect()
    }

    #[test]
    fn they_are_those_of_f64_whatever_the_scale_and_however_near_they_lie() {
        let far = cloud(4, 1, 1e6, 1.0);
        for set in [
            cloud(1, 700, 0.0, 1.0),
            cloud(1, 300, 1e-30, 1e-33),
            cloud(1, 300, 1e30, 1e25),
            // f32 products cannot tell these apart.
            joined(&cloud(1, 60, 0.0, 1e-3), &far),
            joined(&cloud(1, 40, 5.0, 0.0), &cloud(2, 40, 1.0, 1.0)),
        ] {
            let other = joined(&cloud(3, 90, 0.1, 1.0), &set.select(&[2, 5]));
            let [a, b] = &Tiles::pair(&set, &other);
            let mut others = Others::new(a, 5);
            a.within(&mut others);
            let distances = |found: Vec<Vec<Neighbour>>| -> Vec<Vec<f64>> {
                found.iter().map(|near| near.iter().map(|n| n.distance).collect()).collect()
            };
            assert_eq!(distances(others.neighbours(a)), plain(&set, &set, true, 5));
            let mut nearest = Nearest::new(a, b);
            a.against(b, &mut nearest);
            let found = nearest.of(b, a);
            assert!(found.iter().enumerate().all(|(at, near)| near.distance == b.squared(at, a, near.at)));
            assert_eq!(
                distances(found.into_iter().map(|near| vec![near]).collect()),
                plain(&other, &set, false, 1)
            );
        }
    }
}
