//! Files with some of their bytes changed: whatever comes of them, it is an image or a refusal. `DOPPELRAY_MUTATIONS=60m` makes
//! this last an hour (100000: so many mutations of each file), `DOPPELRAY_MUTATE=FILE:FILE` takes other files.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use dicom_toolkit_jpeg2000::{EncodeOptions, encode_htj2k};
use doppelray_measures::rng::{Purpose, Stream, stream};

use super::maker::{LITTLE, bits, film, lut, open};
use super::real::films;
use crate::dicom::Refusal;
use crate::dicom::tags;
use crate::phantom_dicom::{self, Phi, SYNTAXES};

/// When to stop.
enum Until {
    /// After so many mutations of each file.
    Count(u64),
    Time(Instant),
}

impl Until {
    fn asked() -> Self {
        let text = std::env::var("DOPPELRAY_MUTATIONS").unwrap_or_default();
        let minutes = text.strip_suffix('m').and_then(|minutes| minutes.parse::<u64>().ok());
        match minutes {
            Some(minutes) => Self::Time(Instant::now() + Duration::from_secs(60 * minutes)),
            None => Self::Count(text.parse().unwrap_or(150)),
        }
    }

    /// Whether a round is to follow so many.
    fn goes_on(&self, rounds: u64) -> bool {
        match self {
            Self::Count(count) => rounds < *count,
            Self::Time(end) => Instant::now() < *end,
        }
    }
}

/// The files that are mutated.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let Some(paths) = std::env::var_os("DOPPELRAY_MUTATE") else { return usual() };
    std::env::split_paths(&paths)
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file of DOPPELRAY_MUTATE")))
        .collect()
}

/// Of each encoding, and of each codec one that is small enough.
fn usual() -> Vec<(String, Vec<u8>)> {
    let made = film([1, 2, 3, 40_000]).items(tags::VOI_LUT, lut([3, 1, 16], &[5, 6, 65_535]));
    let plain = ["1.2.840.10008.1.2", LITTLE, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"];
    let mut seeds: Vec<(String, Vec<u8>)> =
        plain.iter().map(|uid| ((*uid).to_owned(), made.file(uid))).collect();
    let mut packed = vec![2, 0, 0, 0, 64, 0, 0, 0, 70];
    packed.resize(64, 0);
    packed.extend([3, 1, 2, 3, 4, 0, 0xFD, 9]);
    seeds.push(("RLE".into(), made.frames(tags::PIXELS, vec![packed]).file("1.2.840.10008.1.2.5")));
    let plan = phantom_dicom::Plan { seed: 1, count: 1, size: 32, phi: Phi::Sparse };
    let phantoms = SYNTAXES.iter().enumerate().skip(5);
    seeds.extend(phantoms.map(|(at, uid)| ((*uid).to_owned(), phantom_dicom::file(&plan, at as u64).0)));
    let blocks = EncodeOptions { num_decomposition_levels: 0, ..EncodeOptions::default() };
    let greys: Vec<u8> = (0..2 * 32 * 32).map(|at| (at * at % 13) as u8).collect();
    let stream = encode_htj2k(&greys, 32, 32, 1, 12, false, &blocks).expect("a grey film");
    let high = bits(film([0; 4]), 12).short(tags::ROWS, 32).short(tags::COLUMNS, 32);
    seeds.push(("HTJ2K".into(), high.frames(tags::PIXELS, vec![stream]).file("1.2.840.10008.1.2.4.201")));
    for (folder, name) in [
        ("awkward", "JLSL_16_15_1_1F.dcm"),
        ("awkward", "SC_rgb_small_odd_jpeg.dcm"),
        ("awkward", "image_dfl.dcm"),
        ("broken", "emri_small_jpeg_2k_lossless_too_short.dcm"),
        ("broken", "bad_sequence.dcm"),
        ("radiographs", "RG3_JPLY"),
    ] {
        let whole = films(folder).and_then(|folder| fs::read(folder.join(name)).ok());
        seeds.extend(whole.map(|bytes| (name.to_owned(), bytes)));
    }
    seeds
}

/// A few bytes changed, or a stretch of them left out, doubled or zeroed.
fn mutated(bytes: &[u8], random: &mut Stream) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            2 => bytes[at..end].fill(0),
            3 => bytes[at..end].fill(0xFF),
            4 => bytes[at] ^= 1 << random.below(8),
            _ => bytes[at] = random.word() as u8,
        }
        if bytes.is_empty() {
            return bytes;
        }
    }
    bytes
}

#[test]
fn a_mutated_file_is_an_image_or_a_refusal_and_no_decoder_of_ours_breaks() {
    let (mut broken, seeds, until) = (BTreeMap::new(), seeds(), Until::asked());
    let mut told: Vec<[u64; 2]> = vec![[0; 2]; seeds.len()];
    for round in (0..).take_while(|round| until.goes_on(*round)) {
        for ((name, bytes), told) in seeds.iter().zip(&mut told) {
            // The long streams take long; the many short ones find more.
            if bytes.len() > 60_000 && round % 10 != 0 {
                continue;
            }
            let bytes = mutated(bytes, &mut stream(bytes.len() as u64, Purpose::Mutation, round));
            match open(bytes).and_then(|mut film| film.image(film.frames().min(3) - 1)) {
                Ok(_) => told[0] += 1,
                Err(Refusal::Broken(what)) => *broken.entry((what, name.clone())).or_insert(0) += 1,
                Err(_) => told[1] += 1,
            }
        }
    }
    for ((name, _), [images, refused]) in seeds.iter().zip(&told) {
        println!("{name}: {images} images, {refused} refused");
    }
    println!("contained: {broken:?}");
    let ours = broken.keys().filter(|(what, _)| matches!(*what, "RLE decoder" | "JPEG-LS decoder"));
    assert_eq!(ours.count(), 0, "{broken:?}");
}
