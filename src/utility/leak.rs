//! No subject of the test may have taught anything: neither a classifier nor the generator.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use doppelray_images::Collection;
use doppelray_images::collection::Kind;

/// The split that `doppelray train` sees.
const TAUGHT: &str = "train";

/// Where the synthetic images come from.
pub(crate) struct Origin<'a> {
    pub(crate) synthetic: &'a Collection,
    /// The collection that the generator was trained on, where it is not the real one.
    pub(crate) generator: Option<&'a Collection>,
}

/// Refuses synthetic images that carry test subjects; what cannot be known becomes a remark.
pub(crate) fn check(real: &Collection, test: &str, origin: &Origin) -> anyhow::Result<Vec<String>> {
    let synthetic = origin.synthetic;
    let place = || synthetic.root().display().to_string();
    same_files(real, test, synthetic).with_context(place)?;
    if synthetic.about().kind == Kind::Real {
        same_people(real, test, synthetic, None).with_context(place)?;
        return Ok(vec!["The second collection says that it is real, not synthetic.".to_owned()]);
    }
    let Some(hash) = synthetic.about().settings.get("trained_on").and_then(toml::Value::as_str) else {
        return Ok(vec![
            "The synthetic images do not say what their generator was trained on: that no test subject was among it is \
             your word, not checked."
                .to_owned(),
        ]);
    };
    if hash == real.hash() {
        if test == TAUGHT {
            bail!("{}: its generator was trained on the split `{TAUGHT}`, which was to be the test", place());
        }
        return Ok(Vec::new());
    }
    let Some(generator) = origin.generator else {
        bail!(
            "{}: its generator was trained on another collection ({}...) than {} ({}...), so test subjects may have been \
             among it; give that collection with --trained-on, and it is checked",
            place(),
            short(hash),
            real.root().display(),
            short(&real.hash())
        );
    };
    if generator.hash() != hash {
        bail!(
            "{}: is {}..., while the generator was trained on {}...; give the collection it was trained on, unchanged",
            generator.root().display(),
            short(&generator.hash()),
            short(hash)
        );
    }
    same_files(real, test, generator).with_context(place)?;
    same_people(real, test, generator, Some(TAUGHT)).with_context(place)?;
    Ok(vec![
        "The generator was trained on another collection, which shares no test subject and no test image."
            .to_owned(),
    ])
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Test images that are there under whatever name.
fn same_files(real: &Collection, test: &str, other: &Collection) -> anyhow::Result<()> {
    let tested: BTreeSet<&str> = real.split(test).into_iter().map(|row| row.sha256.as_str()).collect();
    let learned = |split: &str| other.about().kind != Kind::Real || split == TAUGHT;
    let same: Vec<&str> = other
        .rows()
        .iter()
        .filter(|row| learned(&row.split) && tested.contains(row.sha256.as_str()))
        .map(|row| row.file.as_str())
        .collect();
    match same.first() {
        None => Ok(()),
        Some(first) => bail!(
            "{} images are images of the test split `{test}` ({first} is one): what is tested would have been learned; \
             take them out, or test on another split",
            same.len()
        ),
    }
}

/// Test subjects by name.
fn same_people(real: &Collection, test: &str, other: &Collection, split: Option<&str>) -> anyhow::Result<()> {
    let tested: BTreeSet<&str> = real.split(test).into_iter().filter_map(|r| r.subject.as_deref()).collect();
    let taught = other.rows().iter().filter(|row| split.is_none_or(|split| row.split == split));
    let same: BTreeSet<&str> =
        taught.filter_map(|row| row.subject.as_deref()).filter(|s| tested.contains(s)).collect();
    match same.first() {
        None => Ok(()),
        Some(first) => bail!(
            "{} subjects of the test split `{test}` taught the generator ({first} is one); import the real images with \
             the splits that the generator was trained with",
            same.len()
        ),
    }
}
