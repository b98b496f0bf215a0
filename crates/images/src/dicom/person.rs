//! Whose film it is. This is read to tell people apart, and leaves by a pseudonym alone where there is a key.

use super::dataset::Dataset;
use super::tags;
use crate::Side;

/// What a header says of the person and the examination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Patient ID; `None` where the file was stripped of it.
    pub subject: Option<String>,
    /// Which knee; `None` where it is not said, or both are shown.
    pub side: Option<Side>,
    /// F, M or O.
    pub sex: Option<String>,
    /// The institution.
    pub site: Option<String>,
    /// Study Instance UID.
    pub study: Option<String>,
    /// Accession Number.
    pub accession: Option<String>,
}

impl Person {
    pub(super) fn read(head: &Dataset) -> Self {
        let side = head.text(tags::IMAGE_LATERALITY).or_else(|| head.text(tags::LATERALITY));
        Self {
            // Without its issuer: two persons of one number are taken for one, which no split can suffer from.
            subject: head.text(tags::PATIENT_ID),
            side: side.and_then(|side| side.parse().ok()),
            sex: head.text(tags::PATIENT_SEX),
            site: head.text(tags::INSTITUTION),
            study: head.text(tags::STUDY),
            accession: head.text(tags::ACCESSION),
        }
    }
}
