//! The images as WebDataset shards: tar files of `ID.png`, `ID.cls` (the grade) and `ID.json` (the manifest's line).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use doppelray_measures::rng::{Purpose, stream};

use super::manifest::Entry;
use crate::report::seal::hex;

/// The folder of the shards.
pub(crate) const FOLDER: &str = "shards";
/// Images a shard: some 20 MB, which a reader over a network can skip and shuffle by.
const EACH: usize = 1000;

/// Writes all images of a package, in an order of their own, so that a shard holds all grades.
pub(crate) fn write(package: &Path, entries: &[Entry]) -> anyhow::Result<()> {
    fs::create_dir_all(package.join(FOLDER))?;
    let mut order: Vec<&Entry> = entries.iter().collect();
    stream(0, Purpose::Shards, 0).shuffle(&mut order);
    for (number, part) in order.chunks(EACH).enumerate() {
        let path = package.join(FOLDER).join(format!("images-{number:05}.tar"));
        let mut tar = tar::Builder::new(BufWriter::new(File::create(&path)?));
        for entry in part {
            let image = fs::read(package.join(&entry.file))?;
            add(&mut tar, &format!("{}.png", entry.id), &image)?;
            if let Some(grade) = entry.grade {
                add(&mut tar, &format!("{}.cls", entry.id), grade.to_string().as_bytes())?;
            }
            add(&mut tar, &format!("{}.json", entry.id), &serde_json::to_vec(entry)?)?;
        }
        tar.into_inner()?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    }
    Ok(())
}

/// Of no one and no time, so that the same images always make the same bytes.
fn add(tar: &mut tar::Builder<impl std::io::Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes)
}

/// Every image of the manifest is in one shard, byte for byte. The number of shards; none where there is no folder.
pub(crate) fn check(package: &Path, entries: &[Entry]) -> anyhow::Result<usize> {
    let folder = package.join(FOLDER);
    if !folder.is_dir() {
        return Ok(0);
    }
    let mut wanted: BTreeMap<String, &str> =
        entries.iter().map(|entry| (format!("{}.png", entry.id), entry.sha256.as_str())).collect();
    let mut shards = 0;
    for shard in fs::read_dir(&folder)? {
        let path = shard?.path();
        let broken = || format!("{}: is not a whole shard", path.display());
        let mut tar = tar::Archive::new(File::open(&path).with_context(broken)?);
        for file in tar.entries().with_context(broken)? {
            let mut file = file.with_context(broken)?;
            let name = file.path().with_context(broken)?.to_string_lossy().into_owned();
            if !name.ends_with(".png") {
                continue;
            }
            let Some(sha256) = wanted.remove(&name) else {
                bail!("{}: {name} is not in the manifest, or in two shards", path.display())
            };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).with_context(broken)?;
            ensure!(hex(&bytes) == sha256, "{}: {name} is another image than in the folder", path.display());
        }
        shards += 1;
    }
    if let Some((name, _)) = wanted.first_key_value() {
        bail!("{name} is in no shard");
    }
    Ok(shards)
}
