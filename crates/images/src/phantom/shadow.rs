//! What a ray loses on its way: the line integral of attenuation over the plane of the detector.

use std::array::from_fn;

use super::anatomy::Anatomy;
use super::bones::{Bone, Line};
use super::field::Field;
use super::outline::{Point, Pose};
use super::texture::Texture;

/// Attenuation per mm of lean tissue, of fat, and what spongy and compact bone add to it, at about
/// 50 keV (Hubbell and Seltzer 1995, NIST), a tungsten beam's mean; spongy bone is a fifth of compact bone.
const LEAN: f32 = 0.0225;
const FAT: f32 = 0.0195;
const SPONGY: f32 = 0.0105;
const COMPACT: f32 = 0.055;
/// Spread of spongy bone's path relative to itself after a bone's depth has averaged it.
const GRAIN: f32 = 0.15;
/// Bone rounds off over this length wherever its outline has corners, mm.
const SOFTENING_MM: f64 = 2.6;
/// Farther inside than any bone rounds, mm.
const FAR: f32 = 1e3;
/// Pixels across a tile that shares its list of near segments.
const TILE: usize = 8;

/// A square grid over the detector, and how the knee lies on it.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    /// Pixels across.
    pub(super) n: usize,
    /// Width of a pixel, mm.
    pub(super) spacing_mm: f64,
    /// From the knee's frame to millimetres from the top left of the detector.
    pub(super) pose: Pose,
}

impl Plane {
    /// The place of pixel (column, row) on the detector, mm.
    fn place(&self, x: usize, y: usize) -> Point {
        [x, y].map(|i| (i as f64 + 0.5) * self.spacing_mm)
    }
}

/// What the rays lose.
pub(super) struct Shadow {
    /// The line integral at each pixel.
    pub(super) loss: Field,
    /// Mean loss behind bone: what an automatic exposure goes by.
    pub(super) bone: f32,
}

/// The shadow of `anatomy` on `plane`.
pub(super) fn cast(anatomy: &Anatomy, plane: &Plane) -> Shadow {
    let n = plane.n;
    let (mut spongy, mut compact) = (Field::filled(n, 0.0), Field::filled(n, 0.0));
    anatomy.bones.iter().for_each(|bone| add_bone(bone, plane, &mut spongy, &mut compact));
    anatomy.lines.iter().for_each(|line| add_line(line, plane, &mut compact));
    let texture = Texture::new(&mut anatomy.grain.clone());
    let density = patches(&anatomy.patches, plane);
    let loss = Field::from_fn(n, |x, y| {
        let (i, at) = (y * n + x, plane.pose.undo(plane.place(x, y)));
        let (lean, fat) = anatomy.soft.depths(at);
        let soft = LEAN * lean as f32 + FAT * fat as f32;
        if spongy.values[i] == 0.0 && compact.values[i] == 0.0 {
            return soft;
        }
        let grain = 1.0 + GRAIN * texture.at(at);
        soft + SPONGY * spongy.values[i] * density.values[i] * grain + COMPACT * compact.values[i] * grain
    });
    let bone = loss.values.iter().zip(&spongy.values).filter(|(_, s)| **s > 10.0);
    let (sum, count) = bone.fold((0.0, 0.0), |(sum, count), (l, _)| (sum + f64::from(*l), count + 1.0));
    Shadow { loss, bone: if count > 0.0 { (sum / count) as f32 } else { 1.0 } }
}

fn add_bone(bone: &Bone, plane: &Plane, spongy: &mut Field, compact: &mut Field) {
    let depths = Inside::of(bone, plane);
    let radius = bone.rounding_mm as f32;
    let depth = bone.depth_mm as f32;
    let round = |d: f32| {
        let u = 1.0 - (d / radius).clamp(0.0, 1.0);
        depth * (1.0 - u * u).sqrt()
    };
    let mut whole = Field::filled(plane.n, 0.0);
    whole.values.iter_mut().zip(&depths.mm).for_each(|(v, d)| *v = round(*d));
    let sigma = SOFTENING_MM / plane.spacing_mm;
    let whole = whole.blurred(sigma, sigma);
    let step = plane.spacing_mm as f32;
    for (i, d) in depths.mm.iter().enumerate() {
        if *d > -step {
            // The outline crosses a pixel: only part of it is bone.
            let share = (d / step + 0.5).clamp(0.0, 1.0);
            spongy.values[i] += share * bone.density as f32 * whole.values[i].min(depth);
            let parts = [-0.33, 0.0, 0.33].map(|o| shell(d + o * step, bone, depths.cortex_mm[i]));
            compact.values[i] += (parts[0] + parts[1] + parts[2]) * (1.0 / 3.0);
        }
    }
}

/// Path through the shell of a round bone at depth `d` inside its silhouette, where the shell is `cortex` thick.
fn shell(d: f32, bone: &Bone, cortex: f32) -> f32 {
    let (radius, wall) = (bone.rounding_mm as f32, bone.wall_mm as f32);
    // A thick wall is thick at its silhouette; farther in the ray meets the front and the back.
    let cortex = wall + (cortex - wall) * libm::expf(-0.04 * d * d);
    let half = |d: f32, r: f32| {
        let u = (r - d).max(0.0);
        (r * r - u * u).max(0.0).sqrt()
    };
    if d <= 0.0 { 0.0 } else { 2.0 * (half(d, radius) - half((d - cortex).max(0.0), radius - cortex)) }
}

/// Depth of each pixel inside a bone's silhouette and the shell nearest to it.
struct Inside {
    mm: Vec<f32>,
    cortex_mm: Vec<f32>,
}

/// A piece of an outline: start, step, inverse squared length, shell.
#[derive(Clone, Copy)]
struct Segment {
    x: f32,
    y: f32,
    dx: f32,
    dy: f32,
    inverse: f32,
    cortex: f32,
}

impl Segment {
    #[inline]
    fn distance2(&self, x: f32, y: f32) -> f32 {
        let (ex, ey) = (x - self.x, y - self.y);
        let t = ((ex * self.dx + ey * self.dy) * self.inverse).clamp(0.0, 1.0);
        let (ex, ey) = (ex - t * self.dx, ey - t * self.dy);
        ex * ex + ey * ey
    }
}

impl Inside {
    fn of(bone: &Bone, plane: &Plane) -> Self {
        let n = plane.n;
        let outline = plane.pose.apply_all(&bone.outline);
        let segments = segments(&outline, &bone.cortex_mm);
        let mut inside = Self { mm: vec![FAR; n * n], cortex_mm: vec![0.0; n * n] };
        let mut near = Vec::with_capacity(segments.len());
        let farthest = bone.rounding_mm.max(4.0) as f32;
        for top in (0..n).step_by(TILE) {
            for left in (0..n).step_by(TILE) {
                list_near(&segments, plane, [left, top], &mut near);
                if near.first().is_some_and(|(d, _)| *d < farthest) {
                    inside.measure(plane, [left, top], &near);
                }
            }
        }
        let within = filled(&outline, plane);
        inside.mm.iter_mut().zip(within).filter(|(_, within)| !within).for_each(|(d, _)| *d = -*d);
        inside
    }

    /// Distances in one tile, from the segments near it.
    fn measure(&mut self, plane: &Plane, [left, top]: [usize; 2], near: &[(f32, Segment)]) {
        for y in top..(top + TILE).min(plane.n) {
            let py = plane.place(0, y)[1] as f32;
            let px: [f32; TILE] = from_fn(|column| plane.place(left + column, 0)[0] as f32);
            // A row at once: the columns' distances are reckoned side by side.
            let (mut least, mut cortex) = ([f32::INFINITY; TILE], [0.0; TILE]);
            for (_, segment) in near {
                for column in 0..TILE {
                    let d2 = segment.distance2(px[column], py);
                    let nearer = d2 < least[column];
                    cortex[column] = if nearer { segment.cortex } else { cortex[column] };
                    least[column] = if nearer { d2 } else { least[column] };
                }
            }
            let row = y * plane.n + left..y * plane.n + (left + TILE).min(plane.n);
            self.mm[row.clone()].iter_mut().zip(least).for_each(|(mm, d2)| *mm = d2.sqrt());
            self.cortex_mm[row].iter_mut().zip(cortex).for_each(|(mm, wall)| *mm = wall);
        }
    }
}

/// Those segments that can be nearest to some pixel of the tile at `corner`; the distance put first is a lower
/// bound for all of the tile.
fn list_near(segments: &[Segment], plane: &Plane, corner: [usize; 2], near: &mut Vec<(f32, Segment)>) {
    let half = 0.5 * TILE as f64 * plane.spacing_mm;
    let [x, y] = corner.map(|i| (i as f64 * plane.spacing_mm + half) as f32);
    let reach = (half * std::f64::consts::SQRT_2) as f32;
    near.clear();
    near.extend(segments.iter().map(|s| (s.distance2(x, y).sqrt() - reach, *s)));
    let least = near.iter().fold(f32::INFINITY, |least, (d, _)| least.min(*d));
    near.retain(|(d, _)| *d <= least + 2.0 * reach);
    if let Some(first) = near.first_mut() {
        first.0 = least;
    }
}

fn segments(outline: &[Point], cortex_mm: &[f64]) -> Vec<Segment> {
    (0..outline.len())
        .map(|i| {
            let (a, b) = (outline[i], outline[(i + 1) % outline.len()]);
            let (dx, dy) = ((b[0] - a[0]) as f32, (b[1] - a[1]) as f32);
            let inverse = 1.0 / (dx * dx + dy * dy).max(1e-9);
            Segment { x: a[0] as f32, y: a[1] as f32, dx, dy, inverse, cortex: cortex_mm[i] as f32 }
        })
        .collect()
}

/// Which pixel centres are inside a closed outline, by crossings along each row.
fn filled(outline: &[Point], plane: &Plane) -> Vec<bool> {
    let n = plane.n;
    let mut within = vec![false; n * n];
    let mut crossings = Vec::new();
    for row in 0..n {
        let y = plane.place(0, row)[1];
        crossings.clear();
        for (i, a) in outline.iter().enumerate() {
            let b = outline[(i + 1) % outline.len()];
            if (a[1] > y) != (b[1] > y) {
                crossings.push(a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let column = |x: f64| ((x / plane.spacing_mm - 0.5).ceil().max(0.0) as usize).min(n);
            within[row * n + column(pair[0])..row * n + column(pair[1])].fill(true);
        }
    }
    within
}

/// Adds a dense line: a Gaussian across it, fading to both ends.
fn add_line(line: &Line, plane: &Plane, compact: &mut Field) {
    let points = plane.pose.apply_all(&line.points);
    let width = line.width_mm as f32;
    let [columns, rows] = [0, 1].map(|axis| span(&points, axis, 3.0 * line.width_mm, plane));
    let segments = segments(&points, &taper(points.len()));
    let open = &segments[..segments.len() - 1];
    for y in rows {
        for x in columns.clone() {
            let [px, py] = plane.place(x, y).map(|v| v as f32);
            let mut best = (9.0 * width * width, 0.0);
            for segment in open {
                let d2 = segment.distance2(px, py);
                if d2 < best.0 {
                    best = (d2, segment.cortex);
                }
            }
            if best.1 > 0.0 {
                let across = libm::expf(-0.5 * best.0 / (width * width));
                compact.values[y * plane.n + x] += line.path_mm as f32 * best.1 * across;
            }
        }
    }
}

/// Pixels along one axis that come within `margin_mm` of the points.
fn span(points: &[Point], axis: usize, margin_mm: f64, plane: &Plane) -> std::ops::Range<usize> {
    let ends = points
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], p| [low.min(p[axis]), high.max(p[axis])]);
    let pixel = |mm: f64| ((mm / plane.spacing_mm).max(0.0) as usize).min(plane.n);
    pixel(ends[0] - margin_mm)..pixel(ends[1] + margin_mm + plane.spacing_mm)
}

/// 0 at both ends of a line, 1 in its middle.
fn taper(points: usize) -> Vec<f64> {
    (0..points)
        .map(|i| {
            let t = (i as f64 + 0.5) / (points as f64 - 1.0);
            (4.0 * t.min(1.0 - t).max(0.0)).min(1.0)
        })
        .collect()
}

/// Density of spongy bone relative to the usual.
fn patches(patches: &[(Point, Point, f64)], plane: &Plane) -> Field {
    let mut density = Field::filled(plane.n, 1.0);
    for (centre, radii, share) in patches {
        let bounds = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
            .map(|[x, y]| plane.pose.apply([centre[0] + 3.0 * x * radii[0], centre[1] + 3.0 * y * radii[1]]));
        let [columns, rows] = [0, 1].map(|axis| span(&bounds, axis, 0.0, plane));
        for y in rows {
            for x in columns.clone() {
                let at = plane.pose.undo(plane.place(x, y));
                let [u, v] = [0, 1].map(|a| ((at[a] - centre[a]) / radii[a]) as f32);
                density.values[y * plane.n + x] += *share as f32 * libm::expf(-0.5 * (u * u + v * v));
            }
        }
    }
    density.values.iter_mut().for_each(|d| *d = d.max(0.2));
    density
}
