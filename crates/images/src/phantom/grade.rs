//! What a Kellgren-Lawrence grade does to a knee (Kellgren and Lawrence, Ann Rheum Dis 1957): osteophytes first,
//! then the joint space, then sclerosis and deformity, each with the overlap that real grades have.

use super::traits::{Person, Topic, Traits};

/// The two halves of the joint.
pub(super) const MEDIAL: usize = 0;
/// See [`MEDIAL`].
pub(super) const LATERAL: usize = 1;

/// Cartilage lost in the worse compartment, mm, at grades 0 to 4: chosen to leave about 4.8, 4.5,
/// 4.1, 2.7 and 0.8 mm.
const LOSS_MM: [f64; 5] = [0.0, 0.25, 0.7, 2.1, 4.1];
/// Length of the worst osteophyte, mm.
const SPUR_MM: [f64; 5] = [0.0, 0.8, 2.4, 4.0, 6.0];
/// Sclerosis: density added under the plate of the worse compartment, as a share of the bone's own.
const SCLEROSIS: [f64; 5] = [0.0, 0.05, 0.15, 0.4, 0.75];

/// How one knee is diseased. Pairs are by [`MEDIAL`] and [`LATERAL`].
pub(super) struct Disease {
    /// Joint-space width to be reached, mm.
    pub(super) jsw_mm: [f64; 2],
    /// Length of the femoral osteophytes, mm.
    pub(super) femur_spur_mm: [f64; 2],
    /// Length of the tibial osteophytes, mm.
    pub(super) tibia_spur_mm: [f64; 2],
    /// Density added under the plate, as a share of the bone's own.
    pub(super) sclerosis: [f64; 2],
    /// How much the spines are sharpened, mm.
    pub(super) peaking_mm: f64,
    /// Roughness of the joint surfaces, mm.
    pub(super) roughness_mm: f64,
    /// Angle of the leg that the bones have without any loss, degrees varus.
    pub(super) constitution_deg: f64,
    /// Subchondral cysts: (x, depth under the plate, radius), mm.
    pub(super) cysts: Vec<[f64; 3]>,
}

impl Disease {
    /// The disease of a knee of `grade`.
    pub(super) fn new(person: &Person, grade: u8) -> Self {
        let mut t = person.traits(Topic::Disease);
        let constitution_deg = t.alike(0.3, 2.0);
        let healthy = [t.alike(4.9, 0.55), t.alike(5.6, 0.65)];
        // Varus knees wear medially, valgus knees laterally (Brouwer et al., Arthritis Rheum 2007).
        let worse = if t.alike(0.8, 0.8) + 0.15 * constitution_deg > 0.0 { MEDIAL } else { LATERAL };
        let severity = t.own(f64::from(grade), 0.35).clamp(0.0, 4.4);
        let loss = at(&LOSS_MM, severity) * t.own(1.0, 0.15) + t.own(0.0, 0.3);
        let mut jsw_mm = healthy;
        jsw_mm[worse] = (healthy[worse] - loss).max(0.15 + 0.1 * healthy[worse] * t.own(0.5, 0.2).abs());
        jsw_mm[1 - worse] += 0.06 * loss;
        let mut spur = |share: f64| (at(&SPUR_MM, severity) * share * t.own(1.0, 0.35)).max(0.0);
        let (worst, other) = ([spur(1.0), spur(0.9)], [spur(0.55), spur(0.55)]);
        let mut sclerosis = [0.0; 2];
        sclerosis[worse] = (at(&SCLEROSIS, severity) * t.own(1.0, 0.3)).max(0.0);
        sclerosis[1 - worse] = 0.2 * sclerosis[worse];
        Self {
            jsw_mm,
            femur_spur_mm: by_side(worse, worst[0], other[0]),
            tibia_spur_mm: by_side(worse, worst[1], other[1]),
            sclerosis,
            peaking_mm: (0.5 * severity * t.own(1.0, 0.5)).max(0.0),
            roughness_mm: (0.1 * (severity - 1.5)).max(0.0),
            constitution_deg,
            cysts: cysts(&mut t, severity, worse),
        }
    }
}

fn by_side(worse: usize, worst: f64, other: f64) -> [f64; 2] {
    let mut pair = [other; 2];
    pair[worse] = worst;
    pair
}

fn cysts(t: &mut Traits, severity: f64, worse: usize) -> Vec<[f64; 3]> {
    let outward = if worse == MEDIAL { -1.0 } else { 1.0 };
    let places: Vec<(bool, [f64; 3])> = (0..3)
        .map(|_| {
            let there = t.happens(0.14 * (severity - 2.2).max(0.0));
            (there, [outward * t.own(26.0, 6.0), t.own(7.0, 1.5), t.own(2.2, 0.6).max(1.0)])
        })
        .collect();
    places.into_iter().filter(|(there, _)| *there).map(|(_, cyst)| cyst).collect()
}

/// The table between its entries and, by the last slope, a little beyond.
fn at(table: &[f64; 5], severity: f64) -> f64 {
    let step = (severity as usize).min(3);
    table[step] + (severity - step as f64) * (table[step + 1] - table[step])
}
