//! `doppelray merge`: the shards of a sample as one collection.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use clap::Args;
use doppelray_images::collection::{About, Begun, Writer};
use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Row};
use rayon::prelude::*;
use serde::Serialize;

use super::{Common, import};
use crate::console::Console;

/// Join the shards of a sample into one collection.
///
/// The result is, byte for byte, what one process would have drawn. A shard that is given twice counts once; one that is missing
/// is named, and nothing is written.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray sample knee --seeds 0-9999 --shard 1/2 --out parts/1\n  doppelray sample knee --seeds 0-9999 --shard \
    2/2 --out parts/2\n  doppelray merge parts/* --out fakes"
)]
pub(crate) struct Merge {
    /// The collections that `sample --shard I/N` drew, in any order.
    #[arg(required = true)]
    parts: Vec<PathBuf>,
    /// The collection to make.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    out: PathBuf,
    count: usize,
    hash: String,
}

impl Merge {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let console = Console::new(common);
        let parts: Vec<Collection> =
            self.parts.iter().map(|part| Collection::open(part)).collect::<Result<_, _>>()?;
        let collection = match Writer::begin(&self.out, whole(&parts)?)? {
            Begun::Finished(collection) => collection,
            Begun::Open(writer) => join(&parts, writer, &|event| console.listen(event))?,
        };
        let summary = format!("{}\n{}", import::grades_line(collection.rows()), self.out.display());
        console.finish(
            &summary,
            &Report { out: self.out, count: collection.rows().len(), hash: collection.hash() },
        )
    }
}

/// What all parts together say of themselves; an error where they are not all the shards of one sample.
fn whole(parts: &[Collection]) -> anyhow::Result<About> {
    let mut there = BTreeMap::new();
    let mut joined: Option<(About, u64)> = None;
    for part in parts {
        let place = part.root().display();
        let mut about = part.about().clone();
        let shard =
            about.settings.get("shard").and_then(toml::Value::as_str).and_then(|text| text.split_once('/'));
        let shard = shard.and_then(|(i, n)| Some((i.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
        let (i, n) = shard.with_context(|| {
            format!("{place}: is no shard; give what `doppelray sample --shard I/N` drew")
        })?;
        about.settings.insert("shard".into(), "1/1".into());
        let (first, count) = joined.get_or_insert((about.clone(), n));
        ensure!(
            *first == about && *count == n,
            "{place}: is a shard of another sample than {}; compare their collection.toml",
            parts[0].root().display()
        );
        there.insert(i, part);
    }
    let (about, count) = joined.context("no shards are given")?;
    let missing: Vec<String> =
        (1..=count).filter(|i| !there.contains_key(i)).map(|i| format!("{i}/{count}")).collect();
    ensure!(
        missing.is_empty(),
        "shard {} is missing; draw it with `doppelray sample --shard`",
        missing.join(", ")
    );
    Ok(about)
}

fn join(parts: &[Collection], writer: Writer, listener: Listener) -> anyhow::Result<Collection> {
    let mut rows: BTreeMap<&str, (&Row, &Collection)> = BTreeMap::new();
    for part in parts {
        for row in part.rows() {
            let (known, other) = rows.entry(&row.file).or_insert((row, part));
            if known.sha256 != row.sha256 {
                bail!(
                    "{} is one image in {} and another in {}; draw one of them again",
                    row.file,
                    other.root().display(),
                    part.root().display()
                );
            }
        }
    }
    listener(Event::Begin { task: "joining", total: rows.len() as u64, unit: "images" });
    let take = |(row, part): (&Row, &Collection)| {
        let taken = match writer.found(row) {
            Some(found) => found,
            None => writer.adopt(row, part)?,
        };
        listener(Event::Advance(1));
        anyhow::Ok(taken)
    };
    let rows =
        rows.into_values().collect::<Vec<_>>().into_par_iter().map(take).collect::<anyhow::Result<Vec<_>>>();
    listener(Event::End);
    Ok(writer.finish(rows?)?)
}
