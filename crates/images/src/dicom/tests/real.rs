//! Films of real machines, which lie beside the project and are not part of it; without them these tests say so and pass.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::dicom::{Codec, Film, Refusal};

/// The folder of DICOM files beside the project, or above it.
pub(super) fn films(folder: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|a| a.join("shared/data/dicom").join(folder)).find(|p| p.is_dir());
    if found.is_none() {
        println!("skipped: shared/data/dicom/{folder} is not there");
    }
    found
}

fn open(path: &Path) -> Result<Film, Refusal> {
    Film::open(Box::new(File::open(path).unwrap()))
}

/// The largest and the mean distance of values.
fn distance(a: &[i32], b: &[i32]) -> (u32, f64) {
    assert_eq!(a.len(), b.len());
    let distances: Vec<u32> = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = distances.iter().map(|d| f64::from(*d)).sum();
    (distances.iter().copied().max().unwrap_or(0), sum / a.len() as f64)
}

#[test]
fn one_film_in_eight_syntaxes_is_the_same_where_nothing_was_lost_and_near_where_it_was() {
    let Some(folder) = films("radiographs") else { return };
    let mut whole = open(&folder.join("RG3_UNC")).unwrap();
    let reference = whole.values(0).unwrap();
    let greys = whole.image(0).unwrap();
    for (name, codec, most, mean) in [
        ("RG3_RLE", Codec::Rle, 0, 0.0),
        ("RG3_JPLL", Codec::Jpeg, 0, 0.0),
        ("RG3_JLSL", Codec::JpegLs, 0, 0.0),
        ("RG3_J2KR", Codec::Jpeg2000, 0, 0.0),
        // Its stream says NEAR 4.
        ("RG3_JLSN", Codec::JpegLs, 4, 2.0),
        ("RG3_JPLY", Codec::Jpeg, 48, 1.8),
        ("RG3_J2KI", Codec::Jpeg2000, 9, 0.8),
    ] {
        let mut film = open(&folder.join(name)).unwrap();
        assert_eq!(film.codec(), codec, "{name}");
        let found = distance(&film.values(0).unwrap(), &reference);
        println!("{name}: at most {} of 1023 off, {:.3} in the mean", found.0, found.1);
        assert!(found.0 <= most && found.1 <= mean, "{name}: {found:?}");
        if most == 0 {
            assert_eq!(film.image(0).unwrap(), greys, "{name}");
        }
    }
}

/// What becomes of every other file: its size and frames, or how its refusal begins.
const OTHERS: [(&str, &str, &str); 21] = [
    ("radiographs", "gdcm-CR-MONO1-10-chest.dcm", "440 x 440 x 1"),
    ("awkward", "CT_small.dcm", "128 x 128 x 1"),
    ("awkward", "JLSL_16_15_1_1F.dcm", "128 x 128 x 1"),
    ("awkward", "MR-SIEMENS-DICOM-WithOverlays.dcm", "484 x 484 x 1"),
    ("awkward", "MR_small_bigendian.dcm", "64 x 64 x 1"),
    ("awkward", "MR_small_padded.dcm", "64 x 64 x 1"),
    ("awkward", "OT-PAL-8-face.dcm", "640 x 480 x 1"),
    ("awkward", "SC_rgb_small_odd_jpeg.dcm", "3 x 3 x 1"),
    ("awkward", "image_dfl.dcm", "512 x 512 x 1"),
    ("awkward", "liver_nonbyte_aligned.dcm", "510 x 510 x 3"),
    ("awkward", "mlut_18.dcm", "512 x 512 x 1"),
    ("awkward", "parametric_map_float.dcm", "(7FE0,0008) Float Pixel Data: holds measurements"),
    ("awkward", "vlut_04.dcm", "512 x 512 x 1"),
    ("broken", "MR_truncated.dcm", "(7FE0,0010) Pixel Data declares 8192 bytes where 8130 are left"),
    ("broken", "badVR.dcm", "(0028,0100) Bits Allocated: 32 bits are not read"),
    ("broken", "bad_sequence.dcm", "512 x 512 x 1"),
    ("broken", "emri_small_jpeg_2k_lossless_too_short.dcm", "64 x 64 x 10"),
    ("broken", "empty_charset_LEI.dcm", "(7FE0,0010) Pixel Data is missing"),
    ("broken", "meta_missing_tsyntax.dcm", "(0002,0010) Transfer Syntax UID is missing"),
    ("broken", "no_meta.dcm", "is no DICOM file"),
    ("broken", "zipMR.gz", "is no DICOM file"),
];

#[test]
fn awkward_and_broken_files_are_read_or_refused_by_tag() {
    for (folder, name, expected) in OTHERS {
        let Some(folder) = films(folder) else { return };
        let said = open(&folder.join(name)).and_then(|mut film| {
            (0..film.frames()).try_for_each(|frame| film.image(frame).map(drop))?;
            Ok(format!("{} x {} x {}", film.columns(), film.rows(), film.frames()))
        });
        let said = said.unwrap_or_else(|refusal| refusal.to_string());
        assert!(said.starts_with(expected), "{name}: {said}");
    }
}

#[test]
fn big_endian_and_padded_films_show_what_the_plain_one_does() {
    let Some(folder) = films("awkward") else { return };
    let greys = ["MR_small_bigendian.dcm", "MR_small_padded.dcm"]
        .map(|name| open(&folder.join(name)).unwrap().image(0).unwrap());
    assert_eq!(greys[0], greys[1]);
}
