//! Improved precision and recall (Kynkaanniemi et al. 2019, eq. 1-2), density and coverage (Naeem et al. 2020,
//! eq. 2-3) between real and synthetic feature vectors.
//!
//! What tiles of distances give is combined by minima and integer sums, so the result does not depend on threads.

use crate::features::{FeatureError, Features};
use crate::neighbours::Neighbour;
use crate::pairs::{Wanted, pairs};
use crate::tiles::{Block, Gather, Slack, Tile, Tiles};

/// What each image contributes; the measures are means of these.
#[derive(Clone, Debug, PartialEq)]
pub struct Indicators {
    /// Neighbours that define a ball.
    pub k: usize,
    /// For each synthetic image, in how many real balls it lies.
    pub balls: Vec<u32>,
    /// For each real image, whether it lies in a synthetic ball.
    pub recalled: Vec<bool>,
    /// For each real image, whether its own ball holds a synthetic image.
    pub covered: Vec<bool>,
}

/// The four measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of synthetic images inside the real manifold, 0..1.
    pub precision: f64,
    /// Share of real images inside the synthetic manifold, 0..1.
    pub recall: f64,
    /// Real balls that a synthetic image lies in, over k; 1 in expectation for equal distributions, no upper bound.
    pub density: f64,
    /// Share of real balls that hold a synthetic image, 0..1.
    pub coverage: f64,
}

impl Indicators {
    /// The means over all images.
    pub fn measures(&self) -> Prdc {
        let share = |of: &[bool]| of.iter().filter(|b| **b).count() as f64 / of.len() as f64;
        let synthetic = self.balls.len() as f64;
        let balls: u64 = self.balls.iter().map(|b| u64::from(*b)).sum();
        Prdc {
            precision: self.balls.iter().filter(|b| **b > 0).count() as f64 / synthetic,
            recall: share(&self.recalled),
            density: balls as f64 / (synthetic * self.k as f64),
            coverage: share(&self.covered),
        }
    }
}

/// Which images lie in whose ball: a ball reaches to its centre's `k`-th nearest neighbour of its own set, itself
/// left out, and holds its surface (Kynkaanniemi et al. 2019, eq. 1).
///
/// Needs `k` >= 1 and more than `k` images on either side.
pub fn indicators(real: &Features, synthetic: &Features, k: usize) -> Result<Indicators, FeatureError> {
    let wanted = Wanted { balls: Some(k), ..Wanted::default() };
    Ok(pairs(real, synthetic, wanted)?.indicators.expect("they were asked for"))
}

/// Gathers the indicators from the tiles of real with synthetic images.
pub(crate) struct Balls<'a> {
    sets: [&'a Tiles<'a>; 2],
    radii: [Radii; 2],
    slack: Slack,
    indicators: Indicators,
}

/// Squared radii of a set's balls.
struct Radii {
    exact: Vec<f64>,
    /// As tiles are scaled.
    scaled: Vec<f32>,
}

impl<'a> Balls<'a> {
    /// By each set's `k` nearest neighbours, or more.
    pub(crate) fn new(sets: [&'a Tiles<'a>; 2], neighbours: [&[Vec<Neighbour>]; 2], k: usize) -> Self {
        let radii = neighbours.map(|neighbours| {
            let exact: Vec<f64> = neighbours.iter().map(|nearest| nearest[k - 1].distance).collect();
            let scaled = exact.iter().map(|radius| (radius / sets[0].unscaled()) as f32).collect();
            Radii { exact, scaled }
        });
        let balls = vec![0; sets[1].len()];
        let indicators = Indicators { k, balls, recalled: Vec::new(), covered: Vec::new() };
        Self { sets, radii, slack: sets[0].slack(), indicators }
    }

    pub(crate) fn indicators(self) -> Indicators {
        self.indicators
    }
}

/// One block of real images against all synthetic ones.
pub(crate) struct Strip {
    balls: Vec<u32>,
    recalled: Vec<bool>,
    covered: Vec<bool>,
}

impl Gather for Balls<'_> {
    type Part = Strip;

    fn begin(&self, rows: &Block) -> Strip {
        let [balls, recalled] = [self.sets[1].len(), rows.len()];
        Strip {
            balls: Vec::with_capacity(balls),
            recalled: vec![false; recalled],
            covered: vec![false; recalled],
        }
    }

    fn see(&self, part: &mut Strip, tile: &Tile<'_>) {
        let (rows, columns) = (tile.rows, tile.columns);
        let [own, theirs] = &self.radii;
        let radii = rows.part(&own.scaled);
        for (j, products) in tile.columns() {
            let place = columns.first() + j;
            let (length, radius) = (columns.lengths()[j], theirs.scaled[place]);
            let range = |i: usize| self.slack.range(rows.lengths()[i] + length, products[i]);
            let (mut inside, mut open) = (0, false);
            #[expect(clippy::needless_range_loop, reason = "slices of one length, side by side in vectors")]
            for i in 0..rows.len() {
                let [least, most] = range(i);
                let [held, holds] = [most <= radii[i], most <= radius];
                inside += u32::from(held);
                part.covered[i] |= held;
                part.recalled[i] |= holds;
                open |= held != (least <= radii[i]) || holds != (least <= radius);
            }
            // What rounding leaves open, of few pairs, their distance in f64 decides.
            for i in (0..rows.len()).filter(|_| open) {
                let [least, most] = range(i);
                let open = |radius: f32| least <= radius && radius < most;
                if open(radii[i]) || open(radius) {
                    let distance = self.sets[0].squared(rows.first() + i, self.sets[1], place);
                    let held = distance <= own.exact[rows.first() + i];
                    inside += u32::from(held && open(radii[i]));
                    part.covered[i] |= held;
                    part.recalled[i] |= distance <= theirs.exact[place];
                }
            }
            part.balls.push(inside);
        }
    }

    fn end(&mut self, _: &Block, part: Strip) {
        self.indicators.balls.iter_mut().zip(&part.balls).for_each(|(sum, part)| *sum += part);
        self.indicators.recalled.extend(part.recalled);
        self.indicators.covered.extend(part.covered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};

    fn cloud(seed: u64, rows: usize, centre: f32) -> Features {
        let mut values = stream(seed, Purpose::Bootstrap, 9).normals(rows * 6);
        values.iter_mut().for_each(|v| *v += centre);
        Features::new(6, values).unwrap()
    }

    #[test]
    fn a_set_against_itself_is_perfect_even_if_its_images_are_equal() {
        for set in [cloud(1, 300, 1000.0), Features::new(6, vec![0.1; 60]).unwrap()] {
            let prdc = indicators(&set, &set, 5).unwrap().measures();
            assert_eq!((prdc.precision, prdc.recall, prdc.coverage), (1.0, 1.0, 1.0));
            assert!(prdc.density >= 1.0);
        }
    }

    #[test]
    fn sets_that_lie_apart_share_nothing() {
        let prdc = indicators(&cloud(1, 300, 0.0), &cloud(2, 40, 50.0), 5).unwrap().measures();
        assert_eq!(prdc, Prdc { precision: 0.0, recall: 0.0, density: 0.0, coverage: 0.0 });
    }

    /// Whole numbers, so that many images lie on a ball's surface, around a centre that f32 has no digits to spare for.
    #[test]
    fn they_are_those_of_the_definition_where_distances_are_equal() {
        let cloud = |seed, rows: usize| {
            let mut draws = stream(seed, Purpose::Bootstrap, 10);
            Features::new(3, (0..3 * rows).map(|_| 1e5 + draws.below(6) as f32).collect()).unwrap()
        };
        let (real, synthetic, k) = (cloud(1, 400), cloud(2, 300), 5);
        let squared = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
        let radii = |set: &Features| -> Vec<f32> {
            let of = |at: usize| {
                let others = (0..set.len()).filter(|place| *place != at);
                let mut all: Vec<f32> = others.map(|place| squared(set.row(at), set.row(place))).collect();
                all.sort_by(f32::total_cmp);
                all[k - 1]
            };
            (0..set.len()).map(of).collect()
        };
        let (own, theirs) = (radii(&real), radii(&synthetic));
        let apart = |i: usize, j: usize| squared(real.row(i), synthetic.row(j));
        let (is, js) = (0..real.len(), 0..synthetic.len());
        let found = indicators(&real, &synthetic, k).unwrap();
        let balls: Vec<u32> =
            js.clone().map(|j| is.clone().filter(|i| apart(*i, j) <= own[*i]).count() as u32).collect();
        assert_eq!(found.balls, balls);
        let recalled: Vec<bool> = is.clone().map(|i| js.clone().any(|j| apart(i, j) <= theirs[j])).collect();
        let covered: Vec<bool> = is.map(|i| js.clone().any(|j| apart(i, j) <= own[i])).collect();
        assert_eq!((found.recalled, found.covered), (recalled, covered));
    }

    #[test]
    fn density_of_equal_distributions_is_1() {
        let prdc = indicators(&cloud(1, 2000, 0.0), &cloud(2, 2000, 0.0), 5).unwrap().measures();
        // Each synthetic image lies in Binomial-like 5 of 2,000 balls: standard error about 0.02.
        assert!((prdc.density - 1.0).abs() < 0.1, "{prdc:?}");
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let (real, synthetic) = (cloud(1, 700, 0.0), cloud(2, 600, 0.3));
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| indicators(&real, &synthetic, 5).unwrap())
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn too_few_images_are_refused() {
        let error = indicators(&cloud(1, 5, 0.0), &cloud(2, 9, 0.0), 5).unwrap_err();
        assert_eq!(error, FeatureError::TooFew { count: 5, needed: 6 });
    }
}
