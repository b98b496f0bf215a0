use std::fs::{self, File};

use super::*;
use crate::dicom::Film;
use crate::progress::silent;

#[test]
fn phantoms_read_back_as_they_were_drawn_in_every_syntax() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("d");
    let plan = Plan { seed: 4, count: 2 * SYNTAXES.len() as u64, size: 48, phi: Phi::Planted };
    write(&plan, &out, &silent).unwrap();
    for index in 0..plan.count {
        let (subject, side) = (index / 2, Side::BOTH[(index % 2) as usize]);
        let knee = render(4, subject, side, 48);
        let path = out.join(knee.grade.to_string()).join(format!("{}{side}.dcm", name(subject)));
        let mut film = Film::open(Box::new(File::open(&path).unwrap())).unwrap();
        let seen = film.image(0).unwrap();
        let drawn = plan.phi.burn(&knee.image);
        let apart = seen.pixels().iter().zip(drawn.pixels()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let syntax = SYNTAXES[index as usize % SYNTAXES.len()];
        // Bits that are cut off; of baseline JPEG also what it loses beside white letters.
        let most = if syntax == packed::BASELINE { 16 << 8 } else { 1 << (16 - packed::bits(syntax)) };
        println!("{syntax}: at most {apart} of 65,535 off");
        assert!(apart <= most, "{path:?} {syntax} {apart}");
        let person = film.person();
        assert_eq!((person.side, person.accession), (Some(side), Some(plan.phi.accession(subject))));
        let spacing = film.spacing().unwrap().unwrap();
        assert!((spacing.mm[0] - knee.truth.spacing_mm).abs() < 1e-6);
    }
    let labels = fs::read_to_string(out.join("labels.csv")).unwrap();
    assert_eq!(labels.lines().count(), 19);
    assert!(write(&plan, &out, &silent).unwrap_err().to_string().contains("choose another --out"));
}
