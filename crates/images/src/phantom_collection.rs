//! Phantom knees as a collection.

use std::path::Path;

use rayon::prelude::*;

use crate::Side;
use crate::collection::{About, Begun, Collection, Row, Writer};
use crate::error::Result;
use crate::import::Split;
use crate::phantom::{Knee, render};
use crate::progress::{Event, Listener};

/// Writes `count` phantom knees, two a subject, split 70/10/20 by subject, with `truth.csv` beside the manifest.
pub fn write(out: &Path, about: About, count: u64, listener: Listener) -> Result<Collection> {
    let seed = about.settings.get("seed").and_then(toml::Value::as_integer).unwrap_or_default() as u64;
    let (size, depth) = (about.size, about.depth);
    let writer = match Writer::begin(out, about)? {
        Begun::Open(writer) => writer,
        Begun::Finished(collection) => return Ok(collection),
    };
    listener(Event::Begin { task: "drawing phantoms", total: count, unit: "images" });
    let split: Split = "70/10/20".parse().expect("shares that add up");
    let split = split.with_seed(seed);
    let drawn: Vec<(Row, String)> = (0..count)
        .into_par_iter()
        .map(|index| {
            let side = if index % 2 == 0 { Side::Left } else { Side::Right };
            let knee = render(seed, index / 2, side, size);
            let row = row(index / 2, side, knee.grade, &split);
            let truth = truth(&row.id, &knee);
            let row = writer.put(row, &knee.image.at(depth))?;
            listener(Event::Advance(1));
            Ok((row, truth))
        })
        .collect::<Result<_>>()?;
    listener(Event::End);
    let (rows, truths): (Vec<Row>, Vec<String>) = drawn.into_iter().unzip();
    let head = "id,medial_jsw_mm,lateral_jsw_mm,alignment_deg,spacing_mm\n";
    writer.attach("truth.csv", format!("{head}{}", truths.concat()).as_bytes())?;
    writer.finish(rows)
}

fn row(subject: u64, side: Side, grade: u8, split: &Split) -> Row {
    let subject = format!("P{subject:06}");
    let id = format!("{subject}{side}");
    let mut row = Row {
        file: String::new(),
        id,
        subject: Some(subject),
        side: Some(side),
        grade: Some(grade),
        split: String::new(),
        seed: None,
        sha256: String::new(),
        flags: String::new(),
    };
    row.split = split.of(&row).unwrap_or_default().to_owned();
    row.file = Writer::place(&row.split, row.grade, &row.id);
    row
}

fn truth(id: &str, knee: &Knee) -> String {
    let t = &knee.truth;
    format!(
        "{id},{:.4},{:.4},{:.4},{:.6}\n",
        t.medial_jsw_mm, t.lateral_jsw_mm, t.alignment_deg, t.spacing_mm
    )
}
