//! `SHA256SUMS`: the hash of every file of a package, as `sha256sum --check` reads it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, bail};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// The file's name.
pub(crate) const NAME: &str = "SHA256SUMS";

/// Every file below a folder, with `/`, sorted; anything but files and folders is refused.
pub(crate) fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            match () {
                () if kind.is_dir() => folders.push(path),
                () if kind.is_file() => found.push(name),
                () => {
                    bail!("{}: is neither a file nor a folder; a package holds nothing else", path.display())
                }
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The hashes of files below a folder.
pub(crate) fn hashes(root: &Path, names: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let one = |name: &String| Ok((name.clone(), hash(&root.join(name))?));
    names.par_iter().map(one).collect::<anyhow::Result<Vec<_>>>().map(|all| all.into_iter().collect())
}

/// The file's text.
pub(crate) fn text(hashes: &BTreeMap<String, String>) -> String {
    hashes.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect()
}

/// What a file says, by name.
pub(crate) fn parse(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let line = |(at, line): (usize, &str)| {
        let parts = line.split_once("  ");
        let (hash, name) = parts.with_context(|| format!("{NAME}: line {}: is not `HASH  FILE`", at + 1))?;
        let inside = !name.starts_with('/') && name.split('/').all(|part| !part.is_empty() && part != "..");
        anyhow::ensure!(inside, "{NAME}: line {}: {name} leaves the package", at + 1);
        Ok((name.to_owned(), hash.to_owned()))
    };
    text.lines().enumerate().map(line).collect()
}

/// SHA-256 of a file, read piece by piece.
fn hash(path: &Path) -> anyhow::Result<String> {
    let unread = || format!("{}: cannot be read", path.display());
    let mut file = fs::File::open(path).with_context(unread)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let n = file.read(&mut piece).with_context(unread)?;
        if n == 0 {
            return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect());
        }
        hash.update(&piece[..n]);
    }
}
