//! Phantom knees as a collection.

use std::path::Path;

use rayon::prelude::*;

use crate::Side;
use crate::collection::{About, Begun, Collection, Row, Writer};
use crate::error::Result;
use crate::import::{Balance, Split};
use crate::phantom::{Truth, describe, render};
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
    let split = split.with(seed, Balance::Loose);
    let drawn: Vec<(Row, String)> = (0..count)
        .into_par_iter()
        .map(|index| {
            let (subject, side) = (index / 2, Side::BOTH[(index % 2) as usize]);
            let (grade, truth) = describe(seed, subject, side, size);
            let row = row(subject, side, grade, &split);
            let line = line(&row.id, &truth);
            let row = match writer.found(&row) {
                Some(row) => row,
                None => writer.put(row, &render(seed, subject, side, size).image.at(depth))?,
            };
            listener(Event::Advance(1));
            Ok((row, line))
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

/// A line of truth.csv.
fn line(id: &str, truth: &Truth) -> String {
    let Truth { medial_jsw_mm, lateral_jsw_mm, alignment_deg, spacing_mm } = truth;
    format!("{id},{medial_jsw_mm:.4},{lateral_jsw_mm:.4},{alignment_deg:.4},{spacing_mm:.6}\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Depth;
    use crate::collection::Kind;
    use crate::progress::silent;

    fn about() -> About {
        About {
            kind: Kind::Phantom,
            title: "t".into(),
            size: 48,
            depth: Depth::Eight,
            licence: String::new(),
            source: String::new(),
            made_by: "0".into(),
            settings: toml::Table::from_iter([("seed".into(), 3.into())]),
        }
    }

    #[test]
    fn phantoms_come_two_a_subject_with_their_truth_and_go_on_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let whole = write(&folder.path().join("whole"), about(), 7, &silent).unwrap();
        let rows = whole.rows();
        assert_eq!(rows.iter().filter(|r| r.subject.as_deref() == Some("P000001")).count(), 2);
        let truth = fs::read_to_string(whole.root().join("truth.csv")).unwrap();
        assert_eq!(truth.lines().count(), 8);
        assert!(rows.iter().all(|row| truth.contains(&format!("\n{},", row.id))));

        let out = folder.path().join("out");
        let Begun::Open(writer) = Writer::begin(&out, about()).unwrap() else { panic!("not begun") };
        let image = whole.load(&rows[0]).unwrap();
        writer.put(rows[0].clone(), &image).unwrap();
        assert_eq!(write(&out, about(), 7, &silent).unwrap().hash(), whole.hash());
    }

    #[test]
    fn the_truth_alone_is_that_of_the_picture() {
        for subject in 0..4 {
            let knee = render(1, subject, Side::Right, 32);
            assert_eq!(describe(1, subject, Side::Right, 32), (knee.grade, knee.truth));
        }
    }
}
