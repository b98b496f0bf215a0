//! Affine maps of the plane, and pictures seen through them.

/// Where a place of the template lies in the picture: `[a, b, c, d, e, f]` maps (x, y) to (ax + by + c, dx + ey + f). Places
/// are in units of half the side, the middle at (0, 0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp(pub [f64; 6]);

impl Warp {
    /// Everything stays.
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// `scale` times as large, then moved.
    pub fn similar(scale: f64, [x, y]: [f64; 2]) -> Self {
        Self([scale, 0.0, x, 0.0, scale, y])
    }

    /// The factor by which it scales: the root of its determinant; 0 where it mirrors.
    pub fn scale(&self) -> f64 {
        let [a, b, _, d, e, _] = self.0;
        (a * e - b * d).max(0.0).sqrt()
    }

    /// By how much it turns, radians.
    pub fn turn(&self) -> f64 {
        let [a, b, _, d, e, _] = self.0;
        libm::atan2(d - b, a + e)
    }

    /// How far it moves the middle, in shares of the side.
    pub fn shift(&self) -> f64 {
        0.5 * self.0[2].hypot(self.0[5])
    }

    /// How much more it stretches one direction than the other; 1 for a similarity.
    pub fn stretch(&self) -> f64 {
        let [a, b, _, d, e, _] = self.0;
        let (sum, difference) = ((a + e).hypot(d - b), (a - e).hypot(d + b));
        if sum > difference { (sum + difference) / (sum - difference) } else { f64::INFINITY }
    }

    /// This map after the inverse of a small step (Baker and Matthews 2004, eq. 33); `None` where it has none.
    pub(super) fn less(&self, step: &[f64; 6]) -> Option<Self> {
        let [a, b, c, d, e, f] = [1.0 + step[0], step[1], step[2], step[3], 1.0 + step[4], step[5]];
        let det = a * e - b * d;
        if !(det.is_finite() && det.abs() > 0.1) {
            return None;
        }
        let inverse = [e / det, -b / det, (b * f - c * e) / det, -d / det, a / det, (c * d - a * f) / det];
        let [p, q, r, s, t, u] = self.0;
        let [a, b, c, d, e, f] = inverse;
        Some(Self([
            p * a + q * d,
            p * b + q * e,
            p * c + q * f + r,
            s * a + t * d,
            s * b + t * e,
            s * c + t * f + u,
        ]))
    }

    /// A picture of `side` x `side` values seen through the map, bilinear; NaN where nothing of it lies.
    pub fn look(&self, picture: &[f32], side: usize) -> Vec<f32> {
        let half = side as f64 / 2.0;
        let [a, b, c, d, e, f] = self.0;
        let place = |at: usize| (at as f64 + 0.5) / half - 1.0;
        let mut seen = Vec::with_capacity(side * side);
        for v in 0..side {
            let y = place(v);
            // Along a row both coordinates move by equal steps.
            let first = [a * place(0) + b * y + c, d * place(0) + e * y + f];
            let mut at = first.map(|w| ((w + 1.0) * half - 0.5) as f32);
            let step = [a as f32, d as f32];
            for _ in 0..side {
                seen.push(between(picture, side, at));
                at = [at[0] + step[0], at[1] + step[1]];
            }
        }
        seen
    }
}

fn between(picture: &[f32], side: usize, [x, y]: [f32; 2]) -> f32 {
    let last = (side - 1) as f32;
    // Half a pixel over the edge is still the edge.
    if !(x > -0.5 && y > -0.5 && x < last + 0.5 && y < last + 0.5) {
        return f32::NAN;
    }
    let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
    let (left, top) = ((x as usize).min(side - 2), (y as usize).min(side - 2));
    let (u, v) = (x - left as f32, y - top as f32);
    let row = |y: usize| {
        let pair = &picture[y * side + left..][..2];
        pair[0] + u * (pair[1] - pair[0])
    };
    let (upper, lower) = (row(top), row(top + 1));
    upper + v * (lower - upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_and_its_inverse_undo_each_other() {
        let step = [0.02, -0.03, 0.05, 0.01, -0.02, 0.04];
        let there = Warp([1.02, -0.03, 0.05, 0.01, 0.98, 0.04]);
        let back = there.less(&step).unwrap();
        assert!(back.0.iter().zip(Warp::IDENTITY.0).all(|(a, b)| (a - b).abs() < 1e-12), "{back:?}");
    }

    #[test]
    fn a_picture_looks_the_same_through_the_identity_and_moved_through_a_shift() {
        let picture: Vec<f32> = (0..64).map(|i| (i * i % 37) as f32).collect();
        let same = Warp::IDENTITY.look(&picture, 8);
        assert!(same.iter().zip(&picture).all(|(a, b)| (a - b).abs() < 1e-4));
        let moved = Warp::similar(1.0, [0.25, 0.0]).look(&picture, 8);
        assert!((moved[0] - picture[1]).abs() < 1e-4 && moved[7].is_nan());
    }

    #[test]
    fn a_map_says_how_it_scales_turns_and_stretches() {
        let (sin, cos) = (libm::sin(0.3), libm::cos(0.3));
        let turned = Warp([1.2 * cos, -1.2 * sin, 0.1, 1.2 * sin, 1.2 * cos, 0.0]);
        assert!((turned.scale() - 1.2).abs() < 1e-12 && (turned.turn() - 0.3).abs() < 1e-12);
        assert!((turned.stretch() - 1.0).abs() < 1e-9 && (turned.shift() - 0.05).abs() < 1e-12);
    }
}
