//! The anatomy of every knee of a collection as CSV: as it is, shifted by a hundredth of the side, and with noise of 2% of white;
//! `bench/anatomy.py` makes figures of it.
//!
//! Arguments: a collection; a split; the side that its import shows all knees as (L or R), or nothing where each shows its own.
#![allow(clippy::print_stdout, reason = "a bench prints")]

use std::path::Path;

use doppelray_images::anatomy::{MEASURES, measure};
use doppelray_images::{Collection, Image, Row, Side};
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

fn shifted(image: &Image) -> Image {
    let (width, by) = (image.width() as usize, (image.width() as usize / 100).max(1));
    let rows = image.pixels().chunks_exact(width);
    let pixels = rows.flat_map(|row| row[by..].iter().chain(std::iter::repeat_n(&row[width - 1], by)));
    Image::new(image.width(), image.height(), image.depth(), pixels.copied().collect())
}

fn noised(image: &Image, index: u64) -> Image {
    let noise = stream(9, Purpose::Plant, index).normals(image.pixels().len());
    let values: Vec<f32> = image.to_unit().iter().zip(noise).map(|(v, n)| v + 0.02 * n).collect();
    Image::from_unit(image.width(), image.height(), image.depth(), &values)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let collection = Collection::open(Path::new(&words[0])).expect("a collection");
    let shown: Option<Side> = words.get(2).map(|side| side.parse().expect("L or R"));
    println!("id,subject,grade,variant,{},confidence", MEASURES.join(","));
    let rows = collection.split(&words[1]);
    let lines = |(index, row): (usize, &&Row)| {
        let image = collection.load(row).expect("an image");
        let side = shown.or(row.side).unwrap_or(Side::Left);
        let variants = [
            ("plain", image.clone()),
            ("shifted", shifted(&image)),
            ("noised", noised(&image, index as u64)),
        ];
        let line = |(name, image): (&str, Image)| {
            let values = match measure(&image, side) {
                Ok(fit) => fit.values().iter().chain([&fit.confidence]).map(|v| format!("{v:.5}")).collect(),
                Err(_) => vec![String::new(); MEASURES.len() + 1],
            };
            let grade = row.grade.map(|grade| grade.to_string()).unwrap_or_default();
            format!(
                "{},{},{grade},{name},{}",
                row.id,
                row.subject.as_deref().unwrap_or(&row.id),
                values.join(",")
            )
        };
        variants.map(line).join("\n")
    };
    let lines: Vec<String> = rows.par_iter().enumerate().map(lines).collect();
    println!("{}", lines.join("\n"));
}
