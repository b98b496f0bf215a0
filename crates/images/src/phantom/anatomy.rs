//! One knee put together: the femur stands on the tibia at the joint space that the disease left.

use super::Truth;
use super::bones::{Bone, Line, Shape};
use super::grade::{Disease, LATERAL, MEDIAL};
use super::outline::{Point, Pose, least_distance};
use super::traits::{Person, Topic};
use doppelray_measures::rng::Stream;

/// Where joint space is measured: the weight-bearing part of each compartment, mm from the middle. The flanks of
/// the spines and the margins with their osteophytes are outside, as in readings of films.
pub(super) const COMPARTMENTS: [[f64; 2]; 2] = [[-34.0, -16.0], [18.0, 35.0]];

/// Everything a ray can meet.
pub(super) struct Anatomy {
    /// Femur, tibia, fibula, patella.
    pub(super) bones: Vec<Bone>,
    /// Dense lines in them.
    pub(super) lines: Vec<Line>,
    /// Where spongy bone is thinner or denser: (centre, radii, share).
    pub(super) patches: Vec<(Point, Point, f64)>,
    /// What lies around them.
    pub(super) soft: Soft,
    /// What the grain of spongy bone is drawn from, when it is drawn: who asks for the truth alone waits for none.
    pub(super) grain: Stream,
    jsw_mm: [f64; 2],
    alignment_deg: f64,
}

impl Anatomy {
    /// The knee of `person` at `grade`.
    pub(super) fn new(person: &Person, grade: u8) -> Self {
        let disease = Disease::new(person, grade);
        let mut traits = person.traits(Topic::Shape);
        let shape = Shape::new(&mut traits, &disease);
        let soft = Soft::new(|mean, spread| traits.alike(mean, spread));
        let (mut femur, tibia) = (shape.femur(&disease), shape.tibia(&disease));
        let (pose, wedge_deg) = stand(&femur.outline, &tibia.outline, disease.jsw_mm);
        femur.outline = pose.apply_all(&femur.outline);
        let jsw_mm = [MEDIAL, LATERAL].map(|side| joint_space(&femur.outline, &tibia.outline, side));
        let mut lines = shape.tibia_lines(&disease);
        lines
            .extend(shape.femur_lines().into_iter().map(|l| Line { points: pose.apply_all(&l.points), ..l }));
        Self {
            bones: vec![femur, tibia, shape.fibula(), shape.patella()],
            lines,
            patches: shape.patches(&disease),
            soft,
            grain: person.traits(Topic::Texture).into_own(),
            jsw_mm,
            alignment_deg: disease.constitution_deg + wedge_deg,
        }
    }

    /// What a reader would measure on pixels of this width.
    pub(super) fn truth(&self, spacing_mm: f64) -> Truth {
        Truth {
            medial_jsw_mm: self.jsw_mm[MEDIAL],
            lateral_jsw_mm: self.jsw_mm[LATERAL],
            alignment_deg: self.alignment_deg,
            spacing_mm,
        }
    }
}

/// Narrowest distance of the outlines in one compartment, mm.
fn joint_space(femur: &[Point], tibia: &[Point], side: usize) -> f64 {
    let [low, high] = COMPARTMENTS[side];
    let part = |outline: &[Point], more: f64, y: [f64; 2]| -> Vec<Point> {
        let inside = |p: &&Point| p[0] > low - more && p[0] < high + more && p[1] > y[0] && p[1] < y[1];
        outline.iter().filter(inside).copied().collect()
    };
    least_distance(&part(femur, 0.0, [-22.0, 8.0]), &part(tibia, 0.0, [-14.0, 14.0]))
}

/// Where the femur must stand for the joint to have the widths `wanted`, and its tilt to varus, degrees.
fn stand(femur: &[Point], tibia: &[Point], wanted: [f64; 2]) -> (Pose, f64) {
    // Half the distance of the compartments' middles: a degree opens one side by this and closes the other.
    let arm_mm = 25.0 * 1.0f64.to_radians();
    let (mut lift, mut tilt) = (0.5 * (wanted[MEDIAL] + wanted[LATERAL]), 0.0);
    for _ in 0..8 {
        let posed = Pose::new(-tilt, [0.0, -lift]).apply_all(femur);
        let lack = [MEDIAL, LATERAL].map(|side| wanted[side] - joint_space(&posed, tibia, side));
        lift += 0.5 * (lack[MEDIAL] + lack[LATERAL]);
        tilt += 0.5 * (lack[LATERAL] - lack[MEDIAL]) / arm_mm;
    }
    (Pose::new(-tilt, [0.0, -lift]), tilt)
}

/// Muscle, fat and skin: an elliptic cylinder that narrows to the calf, with a coat of fat.
pub(super) struct Soft {
    half_width_mm: f64,
    depth_mm: f64,
    taper: f64,
    centre_mm: f64,
    fat_mm: f64,
}

impl Soft {
    fn new(mut alike: impl FnMut(f64, f64) -> f64) -> Self {
        Self {
            half_width_mm: alike(68.0, 4.5),
            depth_mm: alike(100.0, 9.0),
            taper: alike(0.06, 0.035),
            centre_mm: alike(2.5, 2.0),
            fat_mm: alike(9.0, 3.0).max(3.0),
        }
    }

    /// Millimetres of (lean, fat) along the ray at a place.
    pub(super) fn depths(&self, [x, y]: Point) -> (f64, f64) {
        // Out of the frame nothing is asked of it, so a straight taper serves.
        let half = self.half_width_mm - self.taper * (y + 10.0);
        let x = x - self.centre_mm - 0.07 * y;
        let whole = chord(x, half, self.depth_mm * (1.0 - 0.001 * y));
        let lean = chord(x, half - self.fat_mm, self.depth_mm * (1.0 - 0.001 * y) - 2.0 * self.fat_mm);
        (lean, whole - lean)
    }
}

/// Chord of an ellipse of full depth `depth`.
fn chord(x: f64, half: f64, depth: f64) -> f64 {
    let u = x / half;
    depth * (1.0 - u * u).max(0.0).sqrt()
}
