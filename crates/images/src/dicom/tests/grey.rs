//! The way from stored values to grey, step by step, on films of four pixels.

use super::maker::{LITTLE, bits, film, lut, made, open};
use crate::dicom::Plane;
use crate::dicom::tags;
use crate::dicom::write::Written;

fn greys(film: Written) -> Vec<u16> {
    made(&film).unwrap().image(0).unwrap().pixels().to_vec()
}

/// A window over stored values.
fn window(film: Written, center: &str, width: &str) -> Written {
    film.text(tags::WINDOW_CENTER, b"DS", center).text(tags::WINDOW_WIDTH, b"DS", width)
}

#[test]
fn without_a_window_all_that_can_be_stored_is_spread_over_16_bits() {
    assert_eq!(greys(bits(film([0, 1, 512, 1023]), 10)), [0, 64, 32_800, 65_535]);
    assert_eq!(greys(film([0, 1, 2, 65_535])), [0, 1, 2, 65_535]);
    // Overlays in the bits above are no part of a value.
    assert_eq!(greys(bits(film([0xF000, 0x8001, 512, 0x17FF]), 10)), [0, 64, 32_800, 65_535]);
    let shifted =
        film([0, 1 << 6, 512 << 6, 1023 << 6]).short(tags::BITS_STORED, 10).short(tags::HIGH_BIT, 15);
    assert_eq!(greys(shifted), [0, 64, 32_800, 65_535]);
}

#[test]
fn signed_values_are_extended_from_the_bits_that_are_stored() {
    let signed = bits(film([0x800, 0, 0x7FF, 0xF800]), 12).short(tags::PIXEL_REPRESENTATION, 1);
    assert_eq!(made(&signed).unwrap().values(0).unwrap(), [-2048, 0, 2047, -2048]);
    assert_eq!(greys(signed), [0, 32_776, 65_535, 0]);
}

#[test]
fn monochrome1_and_the_inverse_shape_say_the_same_and_are_not_done_twice() {
    let white_is_0 = film([0, 1, 2, 65_535]).text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", "MONOCHROME1");
    assert_eq!(greys(white_is_0.clone()), [65_535, 65_534, 65_533, 0]);
    assert_eq!(
        greys(white_is_0.text(tags::PRESENTATION_LUT_SHAPE, b"CS", "INVERSE")),
        [65_535, 65_534, 65_533, 0]
    );
}

#[test]
fn windows_follow_their_function() {
    // The example of PS3.3 C.11.2.1.2.1: center 2048, width 4096 passes 0..=4095 whole.
    let whole = window(bits(film([0, 1, 2048, 4095]), 12), "2048", "4096");
    assert_eq!(greys(whole), [0, 16, 32_776, 65_535]);
    let cut = window(film([0, 99, 100, 101]), "100", "2");
    assert_eq!(greys(cut), [0, 0, 65_535, 65_535]);
    let exact =
        window(film([0, 50, 100, 150]), "100", "200").text(tags::VOI_LUT_FUNCTION, b"CS", "LINEAR_EXACT");
    assert_eq!(greys(exact), [0, 16_384, 32_768, 49_151]);
    let sigmoid =
        window(film([100, 0, 200, 65_535]), "100", "100").text(tags::VOI_LUT_FUNCTION, b"CS", "SIGMOID");
    // 1 / (1 + e^4) and 1 / (1 + e^-4).
    assert_eq!(greys(sigmoid), [32_768, 1_179, 64_356, 65_535]);
    let step = window(film([9, 10, 11, 12]), "10", "1");
    assert_eq!(greys(step), [0, 65_535, 65_535, 65_535]);
    // Of several, the first counts.
    assert_eq!(
        greys(window(bits(film([0, 1, 2048, 4095]), 12), "2048\\5", "4096\\2")),
        [0, 16, 32_776, 65_535]
    );
}

#[test]
fn a_rescale_comes_before_the_window() {
    let seen = window(bits(film([1000, 1100, 1200, 0]), 12), "100.5", "201");
    let seen = seen.text(tags::RESCALE_SLOPE, b"DS", "1").text(tags::RESCALE_INTERCEPT, b"DS", "-1000");
    assert_eq!(greys(seen), [0, 32_768, 65_535, 0]);
    // Without a window, a slope below 0 turns greys around.
    let turned = film([0, 65_535, 1, 2]).text(tags::RESCALE_SLOPE, b"DS", "-1").text(
        tags::RESCALE_INTERCEPT,
        b"DS",
        "0",
    );
    assert_eq!(greys(turned), [65_535, 0, 65_534, 65_533]);
}

#[test]
fn tables_map_from_their_first_input_and_hold_their_ends() {
    let voi = bits(film([9, 10, 11, 99]), 12).items(tags::VOI_LUT, lut([3, 10, 8], &[0, 51, 255]));
    assert_eq!(greys(voi), [0, 0, 13_107, 65_535]);
    let both = film([0, 1, 2, 3])
        .items(tags::MODALITY_LUT, lut([4, 0, 16], &[300, 200, 100, 0]))
        .items(tags::VOI_LUT, lut([2, 150, 1], &[0, 1]));
    assert_eq!(greys(both), [65_535, 65_535, 0, 0]);
    // Bits that are too few for an entry are not believed.
    let modest = film([0, 1, 2, 3]).items(tags::VOI_LUT, lut([4, 0, 2], &[0, 100, 200, 255]));
    assert_eq!(greys(modest), [0, 25_700, 51_400, 65_535]);
    let refused = film([0; 4]).items(tags::VOI_LUT, lut([400, 0, 16], &[0, 1]));
    let refused = made(&refused).unwrap().image(0);
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("(0028,3006) LUT Data: holds 2 entries where 400 are declared"), "{refused}");
}

#[test]
fn padding_is_black_whichever_way_greys_run() {
    let padded = bits(film([7, 8, 9, 1023]), 10).text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", "MONOCHROME1");
    let padded = padded.short(tags::PIXEL_PADDING_VALUE, 1023).short(tags::PIXEL_PADDING_RANGE_LIMIT, 9);
    assert_eq!(greys(padded.clone().without(tags::PIXEL_PADDING_RANGE_LIMIT))[3], 0);
    assert_eq!(greys(padded), [65_087, 65_023, 0, 0]);
}

#[test]
fn colours_become_their_luma_and_unknown_ones_are_refused() {
    let red = |planar| {
        bits(film([0; 4]), 8)
            .short(tags::COLUMNS, 1)
            .short(tags::SAMPLES_PER_PIXEL, 3)
            .short(tags::PLANAR_CONFIGURATION, planar)
            .short(tags::BITS_ALLOCATED, 8)
            .text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", "RGB")
    };
    let red = |planar, pixels: &[u8]| red(planar).bytes(tags::PIXELS, b"OB", pixels);
    assert_eq!(greys(red(0, &[255, 0, 0, 0, 0, 255])), [76 * 257, 29 * 257]);
    assert_eq!(greys(red(1, &[255, 0, 0, 0, 0, 255])), [76 * 257, 29 * 257]);
    let other = made(&film([0; 4]).text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", "HSV")).err().unwrap();
    let said = other.to_string();
    assert!(said.starts_with("(0028,0004) Photometric Interpretation: `HSV` is not read"), "{said}");
}

#[test]
fn every_plain_encoding_reads_the_same() {
    let written = film([1, 2, 3, 40_000]).items(tags::VOI_LUT, lut([3, 1, 16], &[5, 6, 65_535]));
    for uid in ["1.2.840.10008.1.2", LITTLE, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"] {
        let file = written.file(uid);
        let mut film = open(file.clone()).unwrap();
        assert_eq!(film.values(0).unwrap(), [1, 2, 3, 40_000], "{uid}");
        assert_eq!(film.image(0).unwrap().pixels(), [5, 6, 65_535, 65_535], "{uid}");
        // Without a preface, the first element tells.
        if uid != "1.2.840.10008.1.2.1.99" {
            let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
            let mut bare = open(file[144 + length..].to_vec()).unwrap();
            assert_eq!(bare.values(0).unwrap(), [1, 2, 3, 40_000], "{uid}");
        }
    }
}

#[test]
fn frames_are_read_one_by_one_with_what_belongs_to_each() {
    let two = film([0; 4]).text(tags::NUMBER_OF_FRAMES, b"IS", "2");
    let mut film = made(&two.clone().words(tags::PIXELS, b"OW", &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
    assert_eq!((film.frames(), film.values(1).unwrap()), (2, vec![5, 6, 7, 8]));
    let short = made(&two.words(tags::PIXELS, b"OW", &[1, 2, 3, 4])).err().unwrap().to_string();
    assert!(short.contains("Pixel Data: holds 8 bytes where 2 frames of 2 x 2 need 16"), "{short}");
}

#[test]
fn millimetres_on_the_detector_are_told_from_those_in_the_patient() {
    let plane = |film: Written| made(&film).unwrap().spacing().unwrap().map(|s| (s.plane, s.mm[0]));
    let bare = film([0; 4]);
    assert_eq!(plane(bare.clone()), None);
    let detector = bare.clone().text(tags::IMAGER_PIXEL_SPACING, b"DS", "0.2\\0.2");
    assert_eq!(plane(detector.clone()), Some((Plane::Detector, 0.2)));
    let magnified = detector.clone().text(tags::MAGNIFICATION, b"DS", "1.25");
    assert_eq!(plane(magnified), Some((Plane::Estimated, 0.16)));
    let repeated = detector.clone().text(tags::PIXEL_SPACING, b"DS", "0.2\\0.2");
    assert_eq!(plane(repeated.clone()), Some((Plane::Detector, 0.2)));
    assert_eq!(plane(detector.text(tags::PIXEL_SPACING, b"DS", "0.17\\0.17")), Some((Plane::Patient, 0.17)));
    let stated = repeated.text(tags::CALIBRATION, b"CS", "GEOMETRY");
    assert_eq!(plane(stated), Some((Plane::Patient, 0.2)));
    assert_eq!(plane(bare.text(tags::PIXEL_SPACING, b"DS", "0.3\\0.3")), Some((Plane::Unstated, 0.3)));
}
