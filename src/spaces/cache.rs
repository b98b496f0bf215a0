//! Features that were computed before, kept beside their collection by each image's content.
//!
//! `COLLECTION/.features/KEY.safetensors` holds `features` (f32, a row an image) and `sha256` (u8, 32 a row). The key names
//! the space and its version or weights, so what another version kept is never taken for ours. A shard keeps what it described
//! in `KEY.shard-I-of-N.safetensors`, which nobody else writes; who is no shard joins those to the file of all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use doppelray_images::files::write_whole;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// The folder in a collection. What is in it can be deleted: it is computed again.
const FOLDER: &str = ".features";
/// Bytes of a digest.
const DIGEST: usize = 32;

type Digest = [u8; DIGEST];

/// What is kept of one space for one collection.
pub(super) struct Cache {
    /// The file to write.
    path: PathBuf,
    /// Files of shards.
    shards: Vec<PathBuf>,
    width: usize,
    rows: BTreeMap<Digest, Vec<f32>>,
    /// What of it goes into the file: all of it where that is the file of all.
    own: Option<BTreeSet<Digest>>,
    changed: bool,
}

impl Cache {
    /// Opens what is kept under a key, by shards too, or nothing where there is none yet; `shard` is the part I of N that it is
    /// opened by, if it is.
    pub(super) fn open(
        collection: &Path,
        key: &str,
        width: usize,
        shard: Option<[u64; 2]>,
    ) -> anyhow::Result<Self> {
        let folder = collection.join(FOLDER);
        let all = folder.join(format!("{key}.safetensors"));
        let mut rows = read(&all, width)?;
        let shards = shards(&folder, key).with_context(|| folder.display().to_string())?;
        let path = match shard {
            Some([i, n]) => folder.join(format!("{key}.shard-{i}-of-{n}.safetensors")),
            None => all,
        };
        let mut own = shard.map(|_| BTreeSet::new());
        for file in &shards {
            let part = read(file, width)?;
            if *file == path {
                own = Some(part.keys().copied().collect());
            }
            rows.extend(part);
        }
        // What shards left is joined even where nothing new comes.
        let changed = shard.is_none() && !shards.is_empty();
        Ok(Self { path, shards, width, rows, own, changed })
    }

    /// The features of the image with this SHA-256.
    pub(super) fn get(&self, sha256: &str) -> Option<&[f32]> {
        self.rows.get(&digest(sha256)?).map(Vec::as_slice)
    }

    /// Takes features in.
    pub(super) fn insert(&mut self, sha256: &str, features: Vec<f32>) {
        if let Some(digest) = digest(sha256).filter(|_| features.len() == self.width) {
            self.rows.insert(digest, features);
            if let Some(own) = &mut self.own {
                own.insert(digest);
            }
            self.changed = true;
        }
    }

    /// Writes what was taken in, whole; nothing where nothing was.
    pub(super) fn keep(&self) -> std::io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let ours = |digest: &Digest| self.own.as_ref().is_none_or(|own| own.contains(digest));
        let rows: Vec<(&Digest, &Vec<f32>)> = self.rows.iter().filter(|(digest, _)| ours(digest)).collect();
        let features: Vec<u8> =
            rows.iter().flat_map(|(_, row)| *row).flat_map(|value| value.to_le_bytes()).collect();
        let digests: Vec<u8> = rows.iter().flat_map(|(digest, _)| *digest).copied().collect();
        let view = |dtype, width, bytes| {
            TensorView::new(dtype, vec![rows.len(), width], bytes).expect("as many bytes as the shape")
        };
        let tensors = [
            ("features", view(Dtype::F32, self.width, &features)),
            ("sha256", view(Dtype::U8, DIGEST, &digests)),
        ];
        let whole = safetensors::serialize(tensors, None).expect("two names");
        std::fs::create_dir_all(self.path.parent().expect("below the collection"))?;
        write_whole(&self.path, |file| file.write_all(&whole))?;
        match self.own {
            Some(_) => Ok(()),
            None => self.shards.iter().try_for_each(std::fs::remove_file),
        }
    }
}

/// The files of shards under a key.
fn shards(folder: &Path, key: &str) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&format!("{key}.shard-")) && name.ends_with(".safetensors") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What a file holds; nothing where there is none.
fn read(path: &Path, width: usize) -> anyhow::Result<BTreeMap<Digest, Vec<f32>>> {
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes, width).with_context(|| {
            format!("{}: kept features cannot be used; delete the file to compute them again", path.display())
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn parse(bytes: &[u8], width: usize) -> anyhow::Result<BTreeMap<Digest, Vec<f32>>> {
    let file = SafeTensors::deserialize(bytes)?;
    let (features, digests) = (file.tensor("features")?, file.tensor("sha256")?);
    let count = digests.shape().first().copied().unwrap_or(0);
    let fits = features.dtype() == Dtype::F32
        && features.shape() == [count, width]
        && digests.dtype() == Dtype::U8
        && digests.shape() == [count, DIGEST];
    if !fits {
        bail!(
            "holds {:?} features of {:?} images, expected {width} an image",
            features.shape(),
            digests.shape()
        );
    }
    let row = |(digest, row): (&[u8], &[u8])| {
        let values = row.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        (digest.try_into().expect("32 bytes"), values)
    };
    let rows = features.data().chunks_exact(4 * width);
    Ok(digests.data().chunks_exact(DIGEST).zip(rows).map(row).collect())
}

/// 64 hexadecimal digits as bytes.
fn digest(sha256: &str) -> Option<Digest> {
    let mut digest = [0; DIGEST];
    if sha256.len() != 2 * DIGEST || !sha256.is_ascii() {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&sha256[at..at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn what_is_kept_comes_back_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path(), "bank-1", 3, None).unwrap();
        assert_eq!(cache.get(A), None);
        cache.insert(A, vec![1.0, -2.5, 3.0]);
        cache.insert("no digest", vec![0.0; 3]);
        cache.keep().unwrap();
        let again = Cache::open(folder.path(), "bank-1", 3, None).unwrap();
        assert_eq!((again.get(A), again.rows.len()), (Some(&[1.0, -2.5, 3.0][..]), 1));
        assert!(Cache::open(folder.path(), "bank-2", 3, None).unwrap().rows.is_empty());
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path(), "bank-1", 3, None).unwrap();
        cache.insert(A, vec![0.0; 3]);
        cache.keep().unwrap();
        let error = |width| format!("{:#}", Cache::open(folder.path(), "bank-1", width, None).err().unwrap());
        assert!(
            error(4).contains("delete the file") && error(4).contains("expected 4 an image"),
            "{}",
            error(4)
        );
        let bytes = std::fs::read(&cache.path).unwrap();
        write_whole(&cache.path, |file| file.write_all(&bytes[..bytes.len() - 1])).unwrap();
        assert!(error(3).contains("bank-1.safetensors: kept features cannot be used"), "{}", error(3));
    }
}
