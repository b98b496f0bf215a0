//! The attributes that are read (PS3.6). What is not named here (names, dates, addresses, devices, comments, private
//! elements, overlays) is walked past and is never in memory.

use std::fmt;

/// The number of an attribute: group and element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u16, pub u16);

impl fmt::Display for Tag {
    /// `(0028,0010) Rows`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({:04X},{:04X})", self.0, self.1)?;
        match known(*self) {
            Some(known) => write!(f, " {}", known.name),
            None => Ok(()),
        }
    }
}

/// What PS3.6 says of an attribute.
pub(super) struct Known {
    tag: Tag,
    /// Its value representation, which an implicit data set does not write.
    pub(super) vr: [u8; 2],
    name: &'static str,
}

/// What is known of an attribute that is read.
pub(super) fn known(tag: Tag) -> Option<&'static Known> {
    ALL.binary_search_by_key(&tag, |known| known.tag).ok().map(|at| &ALL[at])
}

macro_rules! attributes {
    ($($group:literal $element:literal $vr:literal $constant:ident $name:literal)*) => {
        $(#[doc = $name] pub(super) const $constant: Tag = Tag($group, $element);)*

        /// In the order of their tags.
        const ALL: &[Known] = &[$(Known { tag: $constant, vr: *$vr, name: $name }),*];
    };
}

attributes! {
    0x0002 0x0010 b"UI" TRANSFER_SYNTAX "Transfer Syntax UID"
    0x0004 0x1220 b"SQ" DIRECTORY_RECORDS "Directory Record Sequence"
    0x0004 0x1430 b"CS" DIRECTORY_RECORD_TYPE "Directory Record Type"
    0x0004 0x1500 b"CS" REFERENCED_FILE "Referenced File ID"
    0x0008 0x0050 b"SH" ACCESSION "Accession Number"
    0x0008 0x0060 b"CS" MODALITY "Modality"
    0x0008 0x0080 b"LO" INSTITUTION "Institution Name"
    0x0010 0x0020 b"LO" PATIENT_ID "Patient ID"
    0x0010 0x0040 b"CS" PATIENT_SEX "Patient's Sex"
    0x0018 0x1114 b"DS" MAGNIFICATION "Estimated Radiographic Magnification Factor"
    0x0018 0x1164 b"DS" IMAGER_PIXEL_SPACING "Imager Pixel Spacing"
    0x0018 0x2010 b"DS" SCANNED_PIXEL_SPACING "Nominal Scanned Pixel Spacing"
    0x0020 0x000D b"UI" STUDY "Study Instance UID"
    0x0020 0x0060 b"CS" LATERALITY "Laterality"
    0x0020 0x0062 b"CS" IMAGE_LATERALITY "Image Laterality"
    0x0028 0x0002 b"US" SAMPLES_PER_PIXEL "Samples per Pixel"
    0x0028 0x0004 b"CS" PHOTOMETRIC_INTERPRETATION "Photometric Interpretation"
    0x0028 0x0006 b"US" PLANAR_CONFIGURATION "Planar Configuration"
    0x0028 0x0008 b"IS" NUMBER_OF_FRAMES "Number of Frames"
    0x0028 0x0010 b"US" ROWS "Rows"
    0x0028 0x0011 b"US" COLUMNS "Columns"
    0x0028 0x0030 b"DS" PIXEL_SPACING "Pixel Spacing"
    0x0028 0x0034 b"IS" PIXEL_ASPECT_RATIO "Pixel Aspect Ratio"
    0x0028 0x0100 b"US" BITS_ALLOCATED "Bits Allocated"
    0x0028 0x0101 b"US" BITS_STORED "Bits Stored"
    0x0028 0x0102 b"US" HIGH_BIT "High Bit"
    0x0028 0x0103 b"US" PIXEL_REPRESENTATION "Pixel Representation"
    0x0028 0x0120 b"US" PIXEL_PADDING_VALUE "Pixel Padding Value"
    0x0028 0x0121 b"US" PIXEL_PADDING_RANGE_LIMIT "Pixel Padding Range Limit"
    0x0028 0x0A02 b"CS" CALIBRATION "Pixel Spacing Calibration Type"
    0x0028 0x1050 b"DS" WINDOW_CENTER "Window Center"
    0x0028 0x1051 b"DS" WINDOW_WIDTH "Window Width"
    0x0028 0x1052 b"DS" RESCALE_INTERCEPT "Rescale Intercept"
    0x0028 0x1053 b"DS" RESCALE_SLOPE "Rescale Slope"
    0x0028 0x1056 b"CS" VOI_LUT_FUNCTION "VOI LUT Function"
    0x0028 0x1101 b"US" RED_DESCRIPTOR "Red Palette Color Lookup Table Descriptor"
    0x0028 0x1102 b"US" GREEN_DESCRIPTOR "Green Palette Color Lookup Table Descriptor"
    0x0028 0x1103 b"US" BLUE_DESCRIPTOR "Blue Palette Color Lookup Table Descriptor"
    0x0028 0x1201 b"OW" RED_DATA "Red Palette Color Lookup Table Data"
    0x0028 0x1202 b"OW" GREEN_DATA "Green Palette Color Lookup Table Data"
    0x0028 0x1203 b"OW" BLUE_DATA "Blue Palette Color Lookup Table Data"
    0x0028 0x1221 b"OW" SEGMENTED_RED_DATA "Segmented Red Palette Color Lookup Table Data"
    0x0028 0x3000 b"SQ" MODALITY_LUT "Modality LUT Sequence"
    0x0028 0x3002 b"US" LUT_DESCRIPTOR "LUT Descriptor"
    0x0028 0x3006 b"OW" LUT_DATA "LUT Data"
    0x0028 0x3010 b"SQ" VOI_LUT "VOI LUT Sequence"
    0x0028 0x9132 b"SQ" FRAME_VOI_LUT "Frame VOI LUT Sequence"
    0x0028 0x9145 b"SQ" PIXEL_VALUE_TRANSFORMATION "Pixel Value Transformation Sequence"
    0x2050 0x0020 b"CS" PRESENTATION_LUT_SHAPE "Presentation LUT Shape"
    0x5200 0x9229 b"SQ" SHARED_GROUPS "Shared Functional Groups Sequence"
    0x5200 0x9230 b"SQ" FRAME_GROUPS "Per-Frame Functional Groups Sequence"
    0x7FE0 0x0001 b"OV" EXTENDED_OFFSETS "Extended Offset Table"
    0x7FE0 0x0008 b"OF" FLOAT_PIXELS "Float Pixel Data"
    0x7FE0 0x0009 b"OD" DOUBLE_PIXELS "Double Float Pixel Data"
    0x7FE0 0x0010 b"OW" PIXELS "Pixel Data"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_tag_and_told_by_name() {
        assert!(ALL.is_sorted_by_key(|known| known.tag));
        assert_eq!(ROWS.to_string(), "(0028,0010) Rows");
        assert_eq!(Tag(0x0009, 0x1001).to_string(), "(0009,1001)");
        // Nobody's name is ever read.
        assert!(known(Tag(0x0010, 0x0010)).is_none());
    }
}
