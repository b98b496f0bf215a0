//! How far apart pixels are, and in which plane: a detector sees a knee magnified, so that millimetres on it are not
//! millimetres in the patient (PS3.3 sections 10.7.1.3 and C.8.11.7).

use std::fmt;
use std::str::FromStr;

use super::dataset::Dataset;
use super::refusal::{Refusal, Result};
use super::tags::{self, Tag};

/// Millimetres between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spacing {
    /// Between rows, and between columns.
    pub mm: [f64; 2],
    /// Where they are measured.
    pub plane: Plane,
}

/// Where millimetres are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// In the patient, by a calibration that the file states.
    Patient,
    /// In the patient, by the magnification that the machine estimates.
    Estimated,
    /// On the detector: in the patient they are fewer.
    Detector,
    /// On a film that was scanned.
    Film,
    /// The file does not say.
    Unstated,
}

impl Spacing {
    /// Of the same picture with `factor` of its pixels made one.
    pub fn scaled(self, factor: f64) -> Self {
        Self { mm: self.mm.map(|mm| mm * factor), ..self }
    }

    /// The size of a picture of `width` x `height` pixels once they are made square, by the finer of both distances; `None`
    /// where they are square to within a pixel in a thousand.
    pub fn squared(&self, width: u32, height: u32) -> Option<([u32; 2], Self)> {
        let [rows, columns] = self.mm;
        let finer = rows.min(columns);
        let ratio = rows.max(columns) / finer;
        // Beyond 4 it is no film, and the picture would grow without measure.
        if !(1.001..=4.0).contains(&ratio) {
            return None;
        }
        let size = [(width, columns), (height, rows)]
            .map(|(pixels, mm)| (f64::from(pixels) * mm / finer).round() as u32);
        Some((size, Self { mm: [finer; 2], ..*self }))
    }

    /// The word for a row's flags, `mm=0.2873@detector`: millimetres between the rows, and where they are measured.
    pub fn flag(&self) -> String {
        format!("mm={:.4}@{}", self.mm[0], self.plane)
    }

    /// Reads it back out of a row's flags.
    pub fn of_flags(flags: &str) -> Option<Self> {
        let (mm, plane) = flags.split(' ').find_map(|word| word.strip_prefix("mm="))?.split_once('@')?;
        let mm: f64 = mm.parse().ok()?;
        Some(Self { mm: [mm, mm], plane: plane.parse().ok()? })
    }
}

impl Plane {
    const WORDS: [(Self, &str); 5] = [
        (Self::Patient, "patient"),
        (Self::Estimated, "estimated"),
        (Self::Detector, "detector"),
        (Self::Film, "film"),
        (Self::Unstated, "unstated"),
    ];
}

impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(plane, _)| plane == self).map(|(_, word)| *word);
        f.write_str(word.unwrap_or_default())
    }
}

impl FromStr for Plane {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plane = Self::WORDS.iter().find(|(_, word)| *word == text).map(|(plane, _)| *plane);
        plane.ok_or_else(|| format!("`{text}` is no plane"))
    }
}

/// What a header says of it; `None` where it says nothing.
pub(super) fn read(head: &Dataset) -> Result<Option<Spacing>> {
    let detector = pair(head, tags::IMAGER_PIXEL_SPACING)?;
    if let Some(mm) = pair(head, tags::PIXEL_SPACING)? {
        let calibrated = head.text(tags::CALIBRATION).is_some();
        let plane = match detector {
            _ if calibrated => Plane::Patient,
            // Without a word of calibration, a value of its own can only be one (PS3.3 10.7.1.3, note 2).
            Some(detector) if detector != mm => Plane::Patient,
            Some(_) => Plane::Detector,
            None => Plane::Unstated,
        };
        return Ok(Some(Spacing { mm, plane }));
    }
    if let Some(mm) = detector {
        return Ok(Some(match head.number(tags::MAGNIFICATION)? {
            Some(factor) if factor >= 1.0 => {
                Spacing { mm: mm.map(|mm| mm / factor), plane: Plane::Estimated }
            }
            _ => Spacing { mm, plane: Plane::Detector },
        }));
    }
    let scanned = pair(head, tags::SCANNED_PIXEL_SPACING)?;
    Ok(scanned.map(|mm| Spacing { mm, plane: Plane::Film }))
}

fn pair(head: &Dataset, tag: Tag) -> Result<Option<[f64; 2]>> {
    match head.numbers(tag)?[..] {
        [] => Ok(None),
        [row, column] if row > 0.0 && column > 0.0 => Ok(Some([row, column])),
        _ => Err(Refusal::attribute(tag, "is not two lengths above 0; correct it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oblong_pixels_are_made_square_by_the_finer_distance() {
        let of = |mm| Spacing { mm, plane: Plane::Detector };
        assert_eq!(of([0.2, 0.1]).squared(100, 50), Some(([100, 100], of([0.1, 0.1]))));
        assert_eq!(of([0.1, 0.3]).squared(10, 50), Some(([30, 50], of([0.1, 0.1]))));
        assert_eq!(of([0.1, 0.1]).squared(10, 10), None);
        assert_eq!(of([0.1, 9.0]).squared(10, 10), None);
    }

    #[test]
    fn the_flag_of_a_row_reads_back() {
        let spacing = Spacing { mm: [0.25, 0.25], plane: Plane::Patient };
        assert_eq!(spacing.scaled(2.0).flag(), "mm=0.5000@patient");
        assert_eq!(Spacing::of_flags(&format!("cut {} mirrored", spacing.flag())), Some(spacing));
        assert_eq!(Spacing::of_flags("cut mirrored"), None);
    }
}
