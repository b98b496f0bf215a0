//! Closed and open curves in millimetres, and distances to them.

/// A place in the plane of the detector, mm.
pub(super) type Point = [f64; 2];

/// Points on a smooth curve through `knots` (Catmull and Rom 1974), `per` to a span, the last knot left out.
/// The curve closes if the first knot is meant to follow the last.
pub(super) fn closed_curve(knots: &[Point], per: usize) -> Vec<Point> {
    let n = knots.len();
    let knot = |i: usize| knots[i % n];
    (0..n).flat_map(|i| span([knot(i + n - 1), knot(i), knot(i + 1), knot(i + 2)], per)).collect()
}

/// The same through an open row of knots, both ends included.
pub(super) fn open_curve(knots: &[Point], per: usize) -> Vec<Point> {
    let last = knots.len() - 1;
    let mut points: Vec<Point> = (0..last)
        .flat_map(|i| span([knots[i.max(1) - 1], knots[i], knots[i + 1], knots[(i + 2).min(last)]], per))
        .collect();
    points.push(knots[last]);
    points
}

fn span(p: [Point; 4], per: usize) -> impl Iterator<Item = Point> {
    (0..per).map(move |k| {
        let t = k as f64 / per as f64;
        [0, 1].map(|a| {
            let [p0, p1, p2, p3] = p.map(|q| q[a]);
            let (b, c) = (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3, 3.0 * (p1 - p2) + p3 - p0);
            p1 + 0.5 * t * ((p2 - p0) + t * (b + t * c))
        })
    })
}

/// Distance of `p` from the segment `a`-`b`.
pub(super) fn segment_distance(p: Point, a: Point, b: Point) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = (dx * dx + dy * dy).max(1e-12);
    let t = (((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2).clamp(0.0, 1.0);
    let (ex, ey) = (p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
    (ex * ex + ey * ey).sqrt()
}

/// Least distance between two rows of points taken as polylines.
pub(super) fn least_distance(a: &[Point], b: &[Point]) -> f64 {
    let to = |p: Point, line: &[Point]| {
        line.windows(2).map(|s| segment_distance(p, s[0], s[1])).fold(f64::INFINITY, f64::min)
    };
    let ab = a.iter().map(|p| to(*p, b)).fold(f64::INFINITY, f64::min);
    b.iter().map(|p| to(*p, a)).fold(ab, f64::min)
}

/// A turn by `degrees` (clockwise as seen, as y points down) about the origin, then a shift.
#[derive(Clone, Copy)]
pub(super) struct Pose {
    cos: f64,
    sin: f64,
    shift: Point,
}

impl Pose {
    /// Turn, then shift.
    pub(super) fn new(degrees: f64, shift: Point) -> Self {
        let angle = degrees.to_radians();
        Self { cos: libm::cos(angle), sin: libm::sin(angle), shift }
    }

    /// Where `p` goes.
    pub(super) fn apply(&self, p: Point) -> Point {
        [self.cos * p[0] - self.sin * p[1] + self.shift[0], self.sin * p[0] + self.cos * p[1] + self.shift[1]]
    }

    /// What comes to `p`.
    pub(super) fn undo(&self, p: Point) -> Point {
        let (x, y) = (p[0] - self.shift[0], p[1] - self.shift[1]);
        [self.cos * x + self.sin * y, self.cos * y - self.sin * x]
    }

    /// Where all of `points` go.
    pub(super) fn apply_all(&self, points: &[Point]) -> Vec<Point> {
        points.iter().map(|p| self.apply(*p)).collect()
    }
}
