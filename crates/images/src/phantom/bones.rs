//! The shapes of the bones: knots of their outlines and the dense lines in them, mm.
//!
//! Read off the mean of real AP films, then let vary. Each bone is in its own frame: the joint surface near y = 0.

use super::grade::{Disease, LATERAL, MEDIAL};
use super::outline::{Point, closed_curve, open_curve};
use super::traits::Traits;

/// A bone as a solid: an outline, how deep it is along the ray, and its shell.
pub(super) struct Bone {
    /// Closed, mm.
    pub(super) outline: Vec<Point>,
    /// Thickness of the compact shell at each point of the outline, mm.
    pub(super) cortex_mm: Vec<f64>,
    /// Thickness of the shell's front and back, which the ray meets square on, mm.
    pub(super) wall_mm: f64,
    /// Radius by which the bone rounds off towards its outline, along the ray, mm.
    pub(super) rounding_mm: f64,
    /// Depth along the ray in the middle, mm.
    pub(super) depth_mm: f64,
    /// Share of spongy bone's usual density.
    pub(super) density: f64,
}

/// A dense line: a plate seen on edge, a scar, a wall.
pub(super) struct Line {
    /// Open, mm.
    pub(super) points: Vec<Point>,
    /// Standard deviation of its width, mm.
    pub(super) width_mm: f64,
    /// Path through compact bone in its middle, mm; it fades to both ends.
    pub(super) path_mm: f64,
}

/// How the bones of one knee are shaped.
pub(super) struct Shape {
    size: f64,
    shaft: f64,
    notch_depth: f64,
    notch_width: f64,
    notch_shift: f64,
    flatness: f64,
    spines: [f64; 2],
    dish: [f64; 2],
    taper: f64,
    groove: f64,
    fibula: Point,
    patella: Point,
    patella_size: Point,
    patella_turn: f64,
    patella_density: f64,
    slope: f64,
    scars: f64,
    compact: f64,
    bend_deg: f64,
    plate_mm: f64,
    contrast: f64,
}

impl Shape {
    /// A shape drawn from `t`.
    pub(super) fn new(t: &mut Traits, disease: &Disease) -> Self {
        Self {
            size: t.alike(1.0, 0.05),
            shaft: t.alike(1.0, 0.1),
            notch_depth: t.alike(15.0, 2.4),
            notch_width: t.alike(1.0, 0.1),
            notch_shift: t.alike(0.0, 1.2),
            flatness: t.alike(0.0, 1.0),
            spines: [t.alike(8.8, 1.4), t.alike(7.8, 1.4)],
            dish: [t.alike(1.6, 0.5).max(0.3), t.alike(1.1, 0.5).max(0.2)],
            taper: t.alike(1.0, 0.09),
            groove: t.alike(2.6, 0.9),
            fibula: [t.alike(40.5, 3.0), t.alike(19.5, 3.5)],
            patella: [t.alike(5.0, 3.0), t.alike(-43.0, 6.0)],
            patella_size: [t.alike(23.0, 1.8), t.alike(20.0, 2.0)],
            patella_turn: t.own(0.0, 9.0),
            patella_density: t.alike(0.75, 0.3).max(0.1),
            slope: t.alike(2.4, 1.1).max(0.3),
            scars: t.alike(1.0, 0.5).max(0.0),
            compact: t.alike(1.0, 0.18),
            bend_deg: 0.5 * disease.constitution_deg,
            plate_mm: t.alike(11.0, 3.5).max(2.5),
            contrast: t.alike(1.0, 0.3),
        }
    }

    /// The femur without its place over the tibia.
    pub(super) fn femur(&self, disease: &Disease) -> Bone {
        let s = self.size;
        let (d, w, c, f) = (self.notch_depth, self.notch_width, self.notch_shift, self.flatness);
        let [sm, sl] = disease.femur_spur_mm;
        let shaft = |x: f64| x * self.shaft;
        let knots = [
            [shaft(-22.0), -96.0],
            [shaft(-27.0), -70.0],
            [shaft(-33.0), -57.5],
            [-42.0, -46.5],
            [-45.8, -38.5],
            [-45.6, -31.0],
            [-43.0, -22.0],
            [-42.3, -14.0],
            [-41.3 - 0.35 * sm, -8.0],
            [-37.8 - sm, -3.4 - 0.05 * sm],
            [-33.4 - 0.3 * sm, -0.9 - 0.2 * f],
            [-28.5, 0.2],
            [-22.5, 0.3],
            [-17.8 + 0.4 * c, -1.2 + 0.2 * f],
            [-13.4 * w.min(1.15) + 0.8 * c, -0.32 * d],
            [-9.2 * w + c, -0.72 * d],
            [-4.8 * w + c, -0.96 * d],
            [c + 0.8, -1.02 * d],
            [6.0 * w + c, -0.9 * d],
            [10.6 * w + c, -0.6 * d],
            [15.6 * w.min(1.15) + 0.7 * c, -0.25 * d],
            [21.3, -1.0 + 0.2 * f],
            [27.0, 0.0],
            [32.8, -0.7 - 0.2 * f],
            [37.6 + sl, -3.8 - 0.05 * sl],
            [40.8 + 0.35 * sl, -9.0],
            [41.6, -15.0],
            [42.6 - self.groove, -20.0],
            [43.4 - 0.4 * self.groove, -25.0],
            [45.6, -31.0],
            [46.0, -39.0],
            [43.0, -48.0],
            [shaft(35.0), -58.5],
            [shaft(29.5), -70.0],
            [shaft(24.0), -96.0],
        ];
        let lean = libm::tan(self.bend_deg.to_radians());
        let knots = knots.map(|[x, y]| [s * (x - lean * (-y - 15.0).max(0.0)), s * y]);
        let outline = self.roughened(closed_curve(&knots, 7), disease);
        let shell = |p: &Point| {
            let wall = 0.5 + 0.075 * (-p[1] / s - 44.0).clamp(0.0, 30.0);
            wall * self.compact
        };
        let cortex_mm = outline.iter().map(shell).collect();
        Bone { outline, cortex_mm, wall_mm: 0.6, rounding_mm: 19.0, depth_mm: 46.0 * s, density: 1.0 }
    }

    /// The tibia.
    pub(super) fn tibia(&self, disease: &Disease) -> Bone {
        let s = self.size;
        let [sm, sl] = disease.tibia_spur_mm;
        let [dm, dl] = self.dish;
        let [hm, hl] = self.spines.map(|h| h + 0.6 * disease.peaking_mm);
        let side = |x: f64, y: f64| [x * (1.0 - (self.taper - 1.0) * 0.016 * y), y];
        let knots = [
            [-22.0 / self.taper, 100.0],
            side(-24.5, 60.0),
            side(-26.3, 47.0),
            side(-29.6, 36.0),
            side(-34.6, 25.0),
            side(-38.6, 14.5),
            [-39.9 - 0.3 * sm, 8.0],
            [-39.6 - sm, 3.2 - 0.25 * sm],
            [-37.6 - 0.4 * sm, 0.9 - 0.2 * sm],
            [-33.0, 0.4 * dm],
            [-27.0, 0.9 * dm],
            [-21.0, dm],
            [-16.0, 0.4 * dm],
            [-11.8, -0.36 * hm],
            [-8.8, -0.8 * hm],
            [-6.6, -hm],
            [-4.2, -0.95 * hm],
            [0.0, -0.84 * hm.min(hl)],
            [3.8, -0.93 * hl],
            [6.2, -hl],
            [8.6, -0.78 * hl],
            [12.0, -0.3 * hl],
            [16.5, 0.4 * dl],
            [22.0, dl],
            [28.0, 0.9 * dl],
            [34.0, 0.5 * dl],
            [38.6 + 0.4 * sl, 0.8 - 0.2 * sl],
            [41.0 + sl, 3.0 - 0.25 * sl],
            [41.2 + 0.3 * sl, 8.0],
            side(39.8, 14.5),
            side(35.8, 25.0),
            side(31.0, 36.0),
            side(27.4, 47.0),
            side(25.5, 60.0),
            [24.0 / self.taper, 100.0],
        ];
        let lean = libm::tan(self.bend_deg.to_radians());
        let knots = knots.map(|[x, y]| [s * (x - lean * (y - 8.0).max(0.0)), s * y]);
        let outline = self.roughened(closed_curve(&knots, 7), disease);
        let shell = |p: &Point| (0.55 + 0.045 * (p[1] / s - 12.0).clamp(0.0, 45.0)) * self.compact;
        let cortex_mm = outline.iter().map(shell).collect();
        Bone { outline, cortex_mm, wall_mm: 0.6, rounding_mm: 17.0, depth_mm: 40.0 * s, density: 0.92 }
    }

    /// The head and neck of the fibula.
    pub(super) fn fibula(&self) -> Bone {
        let [x, y] = self.fibula;
        let knots = [
            [x - 10.5, y + 8.0],
            [x - 8.0, y + 2.5],
            [x - 1.5, y + 1.0],
            [x + 3.5, y - 2.2],
            [x + 7.5, y - 0.5],
            [x + 11.0, y + 6.0],
            [x + 12.0, y + 14.0],
            [x + 10.0, y + 24.0],
            [x + 9.0, y + 40.0],
            [x + 9.0, y + 90.0],
            [x - 3.0, y + 90.0],
            [x - 3.0, y + 40.0],
            [x - 5.5, y + 24.0],
            [x - 9.0, y + 15.0],
        ];
        let outline = closed_curve(&knots.map(|[a, b]| [a * self.size, b * self.size]), 6);
        let shell = |p: &Point| 0.2 + 0.03 * (p[1] / self.size - y - 10.0).clamp(0.0, 25.0);
        let cortex_mm = outline.iter().map(shell).collect();
        Bone { outline, cortex_mm, wall_mm: 0.4, rounding_mm: 9.0, depth_mm: 18.0 * self.size, density: 0.7 }
    }

    /// The patella, a flat bone in front of the femur.
    pub(super) fn patella(&self) -> Bone {
        let round = [
            [0.0, -1.0],
            [0.62, -0.9],
            [0.95, -0.4],
            [0.93, 0.15],
            [0.6, 0.68],
            [0.1, 1.0],
            [-0.45, 0.78],
            [-0.88, 0.25],
            [-0.95, -0.35],
            [-0.6, -0.88],
        ];
        let turn = super::outline::Pose::new(self.patella_turn, self.patella);
        let [w, h] = self.patella_size;
        let knots = round.map(|[x, y]| turn.apply([x * w, y * h]).map(|v| v * self.size));
        let outline = closed_curve(&knots, 8);
        let cortex_mm = vec![0.16 * self.patella_density; outline.len()];
        let depth_mm = 20.0 * self.size;
        Bone { outline, cortex_mm, wall_mm: 0.1, rounding_mm: 11.0, depth_mm, density: self.patella_density }
    }

    /// Worn surfaces are rough: a few bumps along the outline near the joint.
    fn roughened(&self, outline: Vec<Point>, disease: &Disease) -> Vec<Point> {
        let bump = |[x, y]: Point| {
            let near = libm::exp(-y * y / 200.0);
            disease.roughness_mm
                * near
                * (libm::sin(0.9 * x + 9.0 * self.taper) + 0.6 * libm::sin(0.43 * x + 20.0 * self.shaft))
        };
        outline.into_iter().map(|p| [p[0], p[1] + bump(p)]).collect()
    }

    /// Dense lines of the femur: walls and roof of the notch, the scar of its growth plate.
    pub(super) fn femur_lines(&self) -> Vec<Line> {
        let (d, w, c) = (self.notch_depth, self.notch_width, self.notch_shift);
        let line = |knots: &[Point], width_mm: f64, path_mm: f64| self.line(knots, width_mm, path_mm);
        vec![
            line(
                &[[-13.5 * w + c, -6.0], [-11.0 * w + c, -13.0], [-10.5 * w + c, -21.0], [-11.5, -29.0]],
                0.8,
                6.0,
            ),
            line(
                &[[15.0 * w + c, -6.0], [12.8 * w + c, -13.0], [12.5 * w + c, -20.0], [14.0, -26.0]],
                0.8,
                2.8,
            ),
            line(
                &[[-9.0 + c, -d - 2.5], [-3.0 + c, -d - 5.0], [4.0 + c, -d - 5.5], [10.0 + c, -d - 3.0]],
                0.6,
                2.6,
            ),
            line(&[[-41.0, -33.0], [-30.0, -35.5], [-18.0, -34.0], [-6.0, -31.0]], 0.7, 3.2 * self.scars),
            line(&[[4.0, -32.0], [16.0, -35.5], [28.0, -36.0], [41.0, -34.0]], 0.7, 3.2 * self.scars),
            line(&[[-18.0, -60.0], [-6.0, -45.0], [2.0, -33.0], [8.0, -27.0]], 0.9, 1.6 * self.scars),
        ]
    }

    /// Dense lines of the tibia: its plates on edge, their rims, the flanks of the spines, the scar.
    pub(super) fn tibia_lines(&self, disease: &Disease) -> Vec<Line> {
        let [hm, hl] = self.spines.map(|h| h + 0.6 * disease.peaking_mm);
        let [dm, dl] = self.dish;
        let plate = |side: usize| self.plate_mm + 5.0 * disease.sclerosis[side];
        let line = |knots: &[Point], width_mm: f64, path_mm: f64| self.line(knots, width_mm, path_mm);
        let o = self.slope;
        let medial =
            [[-37.5, 2.2], [-30.0, dm + 0.8], [-22.0, dm + 0.9], [-15.0, 0.6], [-11.5, -0.3 * hm + 1.0]];
        let lateral = [
            [12.0, -0.25 * hl + 1.0],
            [16.5, 0.4 * dl + 0.7],
            [23.0, dl + 0.8],
            [31.0, dl + 0.7],
            [39.0, 1.9],
        ];
        let lower = |knots: &[Point; 5], by: f64| knots.map(|[x, y]| [x, y + by]);
        vec![
            line(&medial, 0.45, plate(MEDIAL)),
            line(&lateral, 0.45, plate(LATERAL)),
            line(&lower(&medial, 0.8 + 0.5 * o)[1..], 0.8, 0.6 * plate(MEDIAL)),
            line(&lower(&lateral, 0.7 + 0.4 * o)[..4], 0.8, 0.5 * plate(LATERAL)),
            line(&[[-11.5, -0.3 * hm + 0.7], [-8.6, -0.8 * hm + 0.7], [-6.4, -hm + 0.9]], 0.5, 2.2),
            line(&[[5.9, -hl + 0.9], [8.4, -0.75 * hl + 0.7], [12.0, -0.25 * hl + 0.7]], 0.5, 2.2),
            line(&[[-9.0, 1.0], [-3.0, -1.5], [2.5, 1.0], [8.0, -0.5]], 0.8, 1.3),
            line(
                &[[-36.0, 17.0], [-22.0, 19.0], [-6.0, 17.0], [10.0, 18.5], [24.0, 16.0], [37.0, 17.0]],
                0.8,
                2.0 * self.scars,
            ),
            line(&[[-7.0, 26.0], [-4.0, 20.0], [2.0, 18.0], [7.0, 22.0], [8.5, 30.0]], 1.2, 1.8 * self.scars),
        ]
    }

    /// Where spongy bone is thinner or denser than its outline tells: (centre, radii, share).
    pub(super) fn patches(&self, disease: &Disease) -> Vec<([f64; 2], [f64; 2], f64)> {
        let (s, d) = (self.size, self.notch_depth);
        let mut patches = vec![
            ([1.0, -d - 9.0], [8.0, 11.0], -0.5 * self.contrast),
            ([0.0, -62.0], [22.0, 16.0], -0.15),
            ([-23.0, -14.0], [9.0, 14.0], 0.22 * self.contrast),
            ([25.0, -14.0], [9.0, 14.0], 0.2 * self.contrast),
            ([-41.0, -33.0], [6.0, 9.0], -0.3 * self.contrast),
            ([41.0, -34.0], [6.0, 9.0], -0.3 * self.contrast),
            ([-38.0, 14.0], [7.0, 7.0], -0.25 * self.contrast),
            ([38.0, 14.0], [7.0, 7.0], -0.25 * self.contrast),
            ([-1.0, 17.0], [12.0, 8.0], -0.2 * self.contrast),
            ([0.0, 6.0], [11.0, 5.0], 0.1),
            ([3.0, 52.0], [13.0, 16.0], -0.25),
        ];
        for (side, x) in [(MEDIAL, -25.0), (LATERAL, 26.0)] {
            let more = disease.sclerosis[side];
            patches.push(([x, 4.5], [11.0, 4.0], 0.4 + 1.2 * more));
            patches.push(([x, -8.0], [9.0, 3.5], 0.7 * more));
        }
        for [x, depth, radius] in &disease.cysts {
            patches.push(([*x, *depth], [1.35 * radius, 1.35 * radius], 0.5));
            patches.push(([*x, *depth], [0.8 * radius, 0.8 * radius], -1.1));
        }
        patches.iter().map(|(c, r, share)| (c.map(|v| v * s), r.map(|v| v * s), *share)).collect()
    }

    fn line(&self, knots: &[Point], width_mm: f64, path_mm: f64) -> Line {
        let sized: Vec<Point> = knots.iter().map(|p| p.map(|v| v * self.size)).collect();
        Line { points: open_curve(&sized, 6), width_mm, path_mm: path_mm * self.compact }
    }
}
