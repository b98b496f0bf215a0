//! Two images laid over each other: the affine map under which their textures agree best.
//!
//! Gauss-Newton steps on the squared difference of standardised textures, by the inverse compositional method (Baker and
//! Matthews, IJCV 2004): the template's gradients and their Hessian are taken once, a step costs one look through the map.

use super::pyramid::{SIDES, textures};
use super::warp::Warp;
use crate::Image;

/// Shifts tried on the coarse picture, in its pixels: up to a sixth of it. Steps downhill bridge what lies between.
const SHIFTS: [f64; 7] = [0.0, -1.25, 1.25, -2.5, 2.5, -3.75, 3.75];
/// Scales tried there: a copy may be cropped, or the original.
const SCALES: [f64; 3] = [1.0, 0.89, 1.12];
/// Steps on each picture, coarse to fine.
const STEPS: [usize; 3] = [12, 10, 8];
/// The least share of the template that the picture must cover.
const COVER: f64 = 0.6;

/// An image as what others are laid over.
pub struct Template {
    levels: Vec<Level>,
}

/// An image as what is laid over a template.
pub struct Picture {
    textures: [Vec<f32>; 3],
}

/// How two images lie over each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Registered {
    /// Correlation of the fine textures where both are; 1 for the same image.
    pub correlation: f64,
    /// The same of textures half as fine, which noise hides less.
    pub middle: f64,
    /// From the template to the picture.
    pub warp: Warp,
}

/// One size of a template.
struct Level {
    side: usize,
    texture: Vec<f32>,
    /// The texture's change with each of the map's six numbers, pixel by pixel.
    slopes: Vec<[f32; 6]>,
    /// Cholesky factor of the slopes' products; `None` for a picture without detail.
    hessian: Option<[[f64; 6]; 6]>,
}

impl Picture {
    /// The textures of an image.
    pub fn of(image: &Image) -> Self {
        Self { textures: textures(image) }
    }
}

impl Template {
    /// The textures of an image with their gradients.
    pub fn of(image: &Image) -> Self {
        let levels = textures(image).into_iter().zip(SIDES).map(|(texture, side)| Level::new(texture, side));
        Self { levels: levels.collect() }
    }

    /// Lays a picture over the template as well as an affine map allows, and tells how well they agree.
    ///
    /// A map that scales by more than a half, turns by more than 20 degrees, stretches or hides most of the template counts
    /// as none: it would lay anything over anything.
    pub fn register(&self, picture: &Picture) -> Registered {
        let mut warp = self.levels[0].search(&picture.textures[0]);
        for ((level, texture), steps) in self.levels.iter().zip(&picture.textures).zip(STEPS) {
            warp = level.refine(texture, warp, steps).0;
        }
        let at = |level: usize, warp: &Warp| {
            let level_of = &self.levels[level];
            level_of.correlation(&warp.look(&picture.textures[level], level_of.side))
        };
        let found = at(2, &warp);
        let plain = self.levels[2].correlation(&picture.textures[2]);
        let (correlation, warp) = if plain >= found { (plain, Warp::IDENTITY) } else { (found, warp) };
        Registered { correlation, middle: at(1, &warp), warp }
    }
}

impl Level {
    fn new(texture: Vec<f32>, side: usize) -> Self {
        let texture = standardised(&texture, |_| true);
        let slopes = slopes(&texture, side);
        let hessian = cholesky(&products(&slopes));
        Self { side, texture, slopes, hessian }
    }

    /// The best of a grid of scales and shifts.
    fn search(&self, texture: &[f32]) -> Warp {
        let pixel = 2.0 / self.side as f64;
        let shifts = || SHIFTS.into_iter().flat_map(|y| SHIFTS.into_iter().map(move |x| [x, y]));
        let maps = SCALES
            .into_iter()
            .flat_map(|scale| shifts().map(move |shift| Warp::similar(scale, shift.map(|s| s * pixel))));
        let (mut best, mut most) = (Warp::IDENTITY, f64::NEG_INFINITY);
        for map in maps {
            let correlation = self.correlation(&map.look(texture, self.side));
            if correlation > most {
                (best, most) = (map, correlation);
            }
        }
        best
    }

    /// Steps downhill while they help.
    fn refine(&self, texture: &[f32], start: Warp, steps: usize) -> (Warp, f64) {
        let mut seen = start.look(texture, self.side);
        let (mut best, mut most) = (start, self.correlation(&seen));
        let Some(factor) = &self.hessian else { return (best, most) };
        for _ in 0..steps {
            let step = solve(factor, &self.pull(&seen));
            let Some(warp) = best.less(&step).filter(is_plausible) else { break };
            seen = warp.look(texture, self.side);
            let correlation = self.correlation(&seen);
            if correlation <= most + 1e-5 {
                break;
            }
            (best, most) = (warp, correlation);
        }
        (best, most)
    }

    /// The slopes' products with the difference of the picture seen and the template.
    fn pull(&self, seen: &[f32]) -> [f64; 6] {
        let seen = standardised(seen, |v| !v.is_nan());
        let mut pull = [0.0f32; 6];
        for ((seen, own), slope) in seen.iter().zip(&self.texture).zip(&self.slopes) {
            let difference = if seen.is_nan() { 0.0 } else { seen - own };
            pull.iter_mut().zip(slope).for_each(|(p, s)| *p += s * difference);
        }
        pull.map(f64::from)
    }

    /// Correlation where the picture is; -1 where it covers too little.
    fn correlation(&self, seen: &[f32]) -> f64 {
        let (mut n, mut sums) = (0usize, [0.0f32; 5]);
        for (a, b) in self.texture.iter().zip(seen).filter(|(_, b)| !b.is_nan()) {
            n += 1;
            let terms = [*a, *b, a * a, b * b, a * b];
            sums.iter_mut().zip(terms).for_each(|(s, t)| *s += t);
        }
        if (n as f64) < COVER * self.texture.len() as f64 {
            return -1.0;
        }
        let [a, b, aa, bb, ab] = sums.map(|s| f64::from(s) / n as f64);
        let spread = ((aa - a * a) * (bb - b * b)).max(0.0).sqrt();
        if spread > 1e-12 { ((ab - a * b) / spread).clamp(-1.0, 1.0) } else { 0.0 }
    }
}

fn is_plausible(warp: &Warp) -> bool {
    (0.65..1.55).contains(&warp.scale())
        && warp.turn().abs() < 0.35
        && warp.stretch() < 1.25
        && warp.shift() < 0.25
}

/// Mean 0 and variance 1 over the values that count.
fn standardised(values: &[f32], counts: impl Fn(f32) -> bool) -> Vec<f32> {
    let kept = || values.iter().filter(|v| counts(**v));
    let n = kept().count().max(1) as f32;
    let mean = kept().sum::<f32>() / n;
    let variance = kept().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
    let scale = if variance > 0.0 { 1.0 / variance.sqrt() } else { 0.0 };
    values.iter().map(|v| (v - mean) * scale).collect()
}

/// Central differences by half-side units, times where the pixel lies: the change with a, b, c, d, e, f.
fn slopes(texture: &[f32], side: usize) -> Vec<[f32; 6]> {
    let half = side as f32 / 2.0;
    let at = |x: usize, y: usize| texture[y * side + x];
    let slope = |i: usize| {
        let (x, y) = (i % side, i / side);
        let apart = |low: usize, high: usize| half / (high - low) as f32;
        let (left, right) = (x.saturating_sub(1), (x + 1).min(side - 1));
        let (top, bottom) = (y.saturating_sub(1), (y + 1).min(side - 1));
        let dx = (at(right, y) - at(left, y)) * apart(left, right);
        let dy = (at(x, bottom) - at(x, top)) * apart(top, bottom);
        let [u, v] = [x, y].map(|p| (p as f32 + 0.5) / half - 1.0);
        [dx * u, dx * v, dx, dy * u, dy * v, dy]
    };
    (0..side * side).map(slope).collect()
}

fn products(slopes: &[[f32; 6]]) -> [[f64; 6]; 6] {
    let mut products = [[0.0f64; 6]; 6];
    for slope in slopes {
        for (row, a) in products.iter_mut().zip(slope) {
            row.iter_mut().zip(slope).for_each(|(p, b)| *p += f64::from(a * b));
        }
    }
    products
}

/// The lower factor of a symmetric positive matrix; `None` where it is not positive.
fn cholesky(matrix: &[[f64; 6]; 6]) -> Option<[[f64; 6]; 6]> {
    let mut lower = [[0.0; 6]; 6];
    for i in 0..6 {
        for j in 0..=i {
            let rest = matrix[i][j] - (0..j).map(|k| lower[i][k] * lower[j][k]).sum::<f64>();
            lower[i][j] = if i == j { rest.max(0.0).sqrt() } else { rest / lower[j][j] };
        }
        if lower[i][i] <= 1e-9 {
            return None;
        }
    }
    Some(lower)
}

fn solve(lower: &[[f64; 6]; 6], right: &[f64; 6]) -> [f64; 6] {
    let mut x = *right;
    for i in 0..6 {
        x[i] = (x[i] - (0..i).map(|k| lower[i][k] * x[k]).sum::<f64>()) / lower[i][i];
    }
    for i in (0..6).rev() {
        x[i] = (x[i] - (i + 1..6).map(|k| lower[k][i] * x[k]).sum::<f64>()) / lower[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Side;
    use crate::phantom::render;
    use crate::resize;

    fn film(subject: u64) -> Image {
        render(4, subject, Side::Left, 224).image
    }

    #[test]
    fn an_image_lies_over_itself_and_a_stranger_does_not() {
        let template = Template::of(&film(1));
        let own = template.register(&Picture::of(&film(1)));
        assert!(own.correlation > 0.999 && own.warp == Warp::IDENTITY, "{own:?}");
        let most = (2..8).map(|s| template.register(&Picture::of(&film(s))).correlation).fold(0.0, f64::max);
        assert!(most < 0.7, "{most}");
    }

    #[test]
    fn a_crop_is_found_with_its_scale() {
        let film = film(3);
        let cropped = resize::square(&resize::crop(&film, 200), 224);
        let found = Template::of(&film).register(&Picture::of(&cropped));
        // What fills 200 pixels of the original fills the whole crop: places lie further out by 224 / 200.
        assert!(found.correlation > 0.85, "{found:?}");
        assert!((found.warp.scale() - 1.12).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn a_blank_image_is_a_copy_of_nothing() {
        let blank = Image::new(64, 64, crate::Depth::Eight, vec![9; 4096]);
        let over_blank = Template::of(&blank).register(&Picture::of(&film(1))).correlation;
        let of_blank = Template::of(&film(1)).register(&Picture::of(&blank)).correlation;
        assert!(over_blank.abs() < 0.1 && of_blank.abs() < 0.1, "{over_blank} {of_blank}");
    }
}
