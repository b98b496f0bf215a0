//! A procedural graded knee radiograph, so that everyone can try and test everything without a patient.
//!
//! `grade` draws how diseased a knee is, `anatomy` shapes its bones from that, `shadow` sums what a ray loses on
//! its way through them, and `film` makes the exposure. The joint space and the axis are known before a pixel is
//! drawn: they are the [`Truth`].
//!
//! One frame serves all of it: millimetres at the detector, the origin in the middle of the joint, x to the
//! lateral side, y down. That is a left knee as it is viewed; a right one is mirrored last.

mod anatomy;
mod bones;
mod field;
mod film;
mod grade;
mod outline;
mod shadow;
mod texture;
mod traits;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{Depth, Image, side::Side};
use anatomy::Anatomy;
use film::Film;
use traits::Person;

/// One phantom radiograph and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Knee {
    /// 16 bit, square.
    pub image: Image,
    /// Kellgren-Lawrence grade, 0..=4.
    pub grade: u8,
    /// What was drawn.
    pub truth: Truth,
}

/// What a reader of the film would measure, known exactly. Lengths are at the detector, as they are on a film.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Truth {
    /// Narrowest distance between the femoral and tibial outlines in the medial compartment, mm.
    pub medial_jsw_mm: f64,
    /// The same in the lateral compartment, mm.
    pub lateral_jsw_mm: f64,
    /// Angle of the leg's axis at the knee, degrees; 0 is straight, varus is positive, valgus negative.
    pub alignment_deg: f64,
    /// Width of a pixel, mm.
    pub spacing_mm: f64,
}

/// The knee of `subject` on `side`, `size` x `size` pixels, of a grade drawn as grades are spread in the
/// Osteoarthritis Initiative. The same arguments always give the same pixels.
///
/// Panics if `size` is 0.
pub fn render(seed: u64, subject: u64, side: Side, size: u32) -> Knee {
    let person = Person::new(seed, subject, side);
    expose(&person, person.grade(), size)
}

/// The grade and truth of the knee that [`render`] would draw, at a fraction of the time.
///
/// Panics if `size` is 0.
pub fn describe(seed: u64, subject: u64, side: Side, size: u32) -> (u8, Truth) {
    assert!(size > 0, "an image has pixels");
    let person = Person::new(seed, subject, side);
    let grade = person.grade();
    let spacing_mm = Film::new(&person).field_mm / f64::from(size);
    (grade, Anatomy::new(&person, grade).truth(spacing_mm))
}

/// The same knee as [`render`] would draw, but of the given `grade` (0..=4).
///
/// Panics if `grade` is above 4 or `size` is 0.
pub fn render_graded(seed: u64, subject: u64, side: Side, grade: u8, size: u32) -> Knee {
    assert!(grade <= 4, "Kellgren-Lawrence grades go from 0 to 4, not {grade}");
    expose(&Person::new(seed, subject, side), grade, size)
}

fn expose(person: &Person, grade: u8, size: u32) -> Knee {
    assert!(size > 0, "an image has pixels");
    let anatomy = Anatomy::new(person, grade);
    let film = Film::new(person);
    let grey = film.expose(&anatomy, size);
    Knee {
        image: Image::from_unit(size, size, Depth::Sixteen, &grey),
        grade,
        truth: anatomy.truth(film.field_mm / f64::from(size)),
    }
}
