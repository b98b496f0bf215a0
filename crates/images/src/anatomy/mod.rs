//! What a reader measures on a frontal knee, measured: joint space, axis, widths, texture of bone under the plate.
//!
//! The joint is found as the clearest dark band between two bones, in each compartment by itself; the bones' outer borders
//! give widths and middle lines. Lengths are shares of the tibial plateau's width, which needs no spacing; with the
//! spacing they are millimetres. How far this is right is measured on the phantom, whose truth is known, and stated in the
//! tests; [`Fit::confidence`] says how clearly the edges stand out, and where they do not, nothing is given.

mod borders;
mod gap;
mod picture;
mod texture;

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::look::mirror;
use crate::{Image, Side};
use borders::{Borders, borders};
use gap::{Gap, gap};
use picture::{Picture, SIDE};
use texture::patch;

/// Smaller images show a joint of a pixel or two.
pub const LEAST_SIDE: u32 = 128;

/// The measures' names, as reports call them.
pub const MEASURES: [&str; 9] = [
    "medial_jsw",
    "lateral_jsw",
    "minimal_jsw",
    "alignment_deg",
    "plateau_width",
    "condyle_width",
    "medial_density",
    "lateral_density",
    "subchondral_texture",
];

/// The knee fills the frame as public sets cut it: the plateau takes this share of it, within some.
const PLATEAU: f64 = 0.80;
/// Where the joint lies: rows of the frame that are searched.
const JOINT_ROWS: Range<usize> = SIDE * 40 / 100..SIDE * 76 / 100;
/// The weight-bearing part of each compartment, shares of the plateau's width from its middle: medial, lateral.
const COMPARTMENTS: [[f64; 2]; 2] = [[-0.425, -0.2], [0.215, 0.425]];
/// Below this clarity of its edges a joint counts as not found: noise reaches 0.8, real knees 1.5 and more.
const CLEAR: f64 = 1.2;
/// The leg's axis from what the frame shows of it, on 160 phantoms of seed 40: what a degree between the tibia's middle line and its
/// plateau, and between plateau and condyles, stands for, and the rest. Most of both shafts lies outside the frame.
const AXIS: [f64; 3] = [1.19, 1.0, -0.5];

/// Why an image was not measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too few pixels.
    #[error("smaller than 128 pixels a side")]
    Small,
    /// No two clear edges face each other where the joint should be.
    #[error("no joint space stands out")]
    NoJoint,
    /// The two compartments' joint spaces do not lie on one line, or the bones' borders do not surround them.
    #[error("the parts found do not make a knee")]
    Crooked,
}

/// What was measured. Lengths are shares of the plateau's width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Narrowest joint space, medial and lateral.
    pub jsw: [f64; 2],
    /// Angle between the middle lines of femur and tibia, degrees; varus is positive.
    pub alignment_deg: f64,
    /// Width of the tibial plateau, as a share of the image's.
    pub plateau: f64,
    /// Width of the femoral condyles.
    pub condyles: f64,
    /// Grey under the tibial plate over that deeper down, medial and lateral.
    pub density: [f64; 2],
    /// Fine over coarse detail of the bone under the plate.
    pub texture: f64,
    /// How clearly edges stand out, about 1.2 to 2.5.
    pub confidence: f64,
}

impl Fit {
    /// All measures in the order of [`MEASURES`].
    pub fn values(&self) -> [f64; MEASURES.len()] {
        let [medial, lateral] = self.jsw;
        [
            medial,
            lateral,
            medial.min(lateral),
            self.alignment_deg,
            self.plateau,
            self.condyles,
            self.density[0],
            self.density[1],
            self.texture,
        ]
    }

    /// Joint-space widths in millimetres where a pixel of an image of `side` pixels is `spacing_mm` wide.
    pub fn jsw_mm(&self, side: u32, spacing_mm: f64) -> [f64; 2] {
        let plateau_mm = self.plateau * f64::from(side) * spacing_mm;
        self.jsw.map(|share| share * plateau_mm)
    }
}

/// Measures an image that shows a knee of side `shown`, the way that knee lies on a film: the fibula of a left one on the
/// viewer's right.
pub fn measure(image: &Image, shown: Side) -> Result<Fit, Refused> {
    if image.width().min(image.height()) < LEAST_SIDE {
        return Err(Refused::Small);
    }
    let picture = match shown {
        Side::Left => Picture::of(image),
        Side::Right => Picture::of(&mirror(image)),
    };
    let half = SIDE as f64 / 2.0;
    let rough = compartments(&picture, half, PLATEAU * SIDE as f64, JOINT_ROWS);
    let row = 0.5 * (rough[0].row() + rough[1].row());
    let tibia = tibia(&picture, row)?;
    let (middle, width) = (tibia.middle(), tibia.widest());
    let near = rows(row - 0.17 * width, row + 0.17 * width);
    let gaps = compartments(&picture, middle, width, near);
    let clarity = gaps.iter().map(|g| g.clarity).fold(f64::INFINITY, f64::min);
    if clarity < CLEAR {
        return Err(Refused::NoJoint);
    }
    let [medial, lateral] = [&gaps[0], &gaps[1]].map(Gap::row);
    if (medial - lateral).abs() > 0.12 * width || !(0.6..0.95).contains(&(width / SIDE as f64)) {
        return Err(Refused::Crooked);
    }
    let row = 0.5 * (medial + lateral);
    let femur = femur(&picture, row, width)?;
    let (density, texture) = subchondral(&picture, &gaps, width);
    Ok(Fit {
        jsw: [0, 1].map(|side: usize| gaps[side].width() / width),
        alignment_deg: alignment(&picture, &gaps, row, [middle, width]),
        plateau: width / SIDE as f64,
        condyles: femur.widest() / width,
        density,
        texture,
        confidence: clarity.min(tibia.clarity).min(femur.clarity),
    })
}

/// Both compartments of a joint about `middle`.
fn compartments(picture: &Picture, middle: f64, width: f64, rows: Range<usize>) -> [Gap; 2] {
    COMPARTMENTS
        .map(|[from, to]| gap(picture, columns(middle + from * width, middle + to * width), rows.clone()))
}

/// The borders of the tibial plateau, just below a joint at `row`.
fn tibia(picture: &Picture, row: f64) -> Result<Borders, Refused> {
    let side = SIDE as f64;
    let rows = rows(row + 0.03 * side, row + 0.10 * side);
    if rows.len() < 8 {
        return Err(Refused::Crooked);
    }
    Ok(borders(picture, rows, columns(0.01 * side, 0.27 * side), columns(0.73 * side, 0.99 * side)))
}

/// Angle of the leg's axis: how far the tibia's middle line is from square to its plateau, and plateau from condyles.
fn alignment(picture: &Picture, gaps: &[Gap; 2], row: f64, [middle, width]: [f64; 2]) -> f64 {
    let shaft = borders(
        picture,
        rows(row + 0.2 * width, row + 0.6 * width),
        columns(middle - 0.56 * width, middle - 0.2 * width),
        columns(middle + 0.2 * width, middle + 0.56 * width),
    );
    let tilt = |edge: &dyn Fn(&Gap) -> (f64, f64)| {
        let [(x, y), (u, v)] = [&gaps[0], &gaps[1]].map(edge);
        libm::atan2(v - y, u - x).to_degrees()
    };
    let middle_of = |gap: &Gap, edge: &[f64]| {
        let x = 0.5 * (gap.columns.start + gap.columns.end - 1) as f64;
        (x, edge.iter().sum::<f64>() / edge.len() as f64)
    };
    let plateau = tilt(&|gap| middle_of(gap, &gap.tibia));
    let condyles = tilt(&|gap| middle_of(gap, &gap.femur));
    let [bend, wedge, rest] = AXIS;
    rest - bend * (shaft.lean_deg() + plateau) + wedge * (plateau - condyles)
}

/// The borders of the femur above a joint at `row`.
fn femur(picture: &Picture, row: f64, width: f64) -> Result<Borders, Refused> {
    let side = SIDE as f64;
    let rows = rows(row - 0.55 * width, row - 0.12 * width);
    if rows.len() < 20 {
        return Err(Refused::Crooked);
    }
    Ok(borders(picture, rows, columns(0.01 * side, 0.36 * side), columns(0.64 * side, 0.99 * side)))
}

/// Density under the plate of each compartment beside that deeper down, and texture of both.
fn subchondral(picture: &Picture, gaps: &[Gap; 2], width: f64) -> ([f64; 2], f64) {
    let places = [&gaps[0], &gaps[1]].map(|gap| {
        let x = 0.5 * (gap.columns.start + gap.columns.end) as f64;
        let y = gap.tibia.iter().sum::<f64>() / gap.tibia.len() as f64;
        let size = [0.1 * width, 0.035 * width];
        let under = patch(&picture.grey, [x, y + 0.06 * width], size);
        (under, patch(&picture.grey, [x, y + 0.2 * width], size))
    });
    let density = [&places[0], &places[1]].map(|(under, deep)| under.grey / deep.grey.max(1e-3));
    let detail = |by: usize| places.iter().map(|(under, _)| under.detail[by]).sum::<f64>();
    (density, detail(0) / detail(1).max(1e-6))
}

fn rows(from: f64, to: f64) -> Range<usize> {
    columns(from, to)
}

/// Whole pixels between two places, two away from the frame.
fn columns(from: f64, to: f64) -> Range<usize> {
    let place = |v: f64| v.round().clamp(2.0, (SIDE - 3) as f64) as usize;
    place(from)..place(to).max(place(from) + 1)
}
