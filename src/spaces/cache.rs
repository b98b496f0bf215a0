//! Features that were computed before, kept beside their collection by each image's content.
//!
//! `COLLECTION/.features/KEY.safetensors` holds `features` (f32, a row an image) and `sha256` (u8, 32 a row). The key names
//! the space and its version or weights, so what another version kept is never taken for ours.

use std::collections::BTreeMap;
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
    path: PathBuf,
    width: usize,
    rows: BTreeMap<Digest, Vec<f32>>,
    changed: bool,
}

impl Cache {
    /// Opens what is kept under a key, or nothing where there is none yet.
    pub(super) fn open(collection: &Path, key: &str, width: usize) -> anyhow::Result<Self> {
        let path = collection.join(FOLDER).join(format!("{key}.safetensors"));
        let rows = match std::fs::read(&path) {
            Ok(bytes) => parse(&bytes, width).with_context(|| {
                format!(
                    "{}: kept features cannot be used; delete the file to compute them again",
                    path.display()
                )
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        Ok(Self { path, width, rows, changed: false })
    }

    /// The features of the image with this SHA-256.
    pub(super) fn get(&self, sha256: &str) -> Option<&[f32]> {
        self.rows.get(&digest(sha256)?).map(Vec::as_slice)
    }

    /// Takes features in.
    pub(super) fn insert(&mut self, sha256: &str, features: Vec<f32>) {
        if let Some(digest) = digest(sha256).filter(|_| features.len() == self.width) {
            self.rows.insert(digest, features);
            self.changed = true;
        }
    }

    /// Writes what was taken in, whole; nothing where nothing was.
    pub(super) fn keep(&self) -> std::io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let features: Vec<u8> = self.rows.values().flatten().flat_map(|v| v.to_le_bytes()).collect();
        let digests: Vec<u8> = self.rows.keys().flatten().copied().collect();
        let view = |dtype, width, bytes| {
            TensorView::new(dtype, vec![self.rows.len(), width], bytes).expect("as many bytes as the shape")
        };
        let tensors = [
            ("features", view(Dtype::F32, self.width, &features)),
            ("sha256", view(Dtype::U8, DIGEST, &digests)),
        ];
        let whole = safetensors::serialize(tensors, None).expect("two names");
        std::fs::create_dir_all(self.path.parent().expect("below the collection"))?;
        write_whole(&self.path, |file| file.write_all(&whole))
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
        let mut cache = Cache::open(folder.path(), "bank-1", 3).unwrap();
        assert_eq!(cache.get(A), None);
        cache.insert(A, vec![1.0, -2.5, 3.0]);
        cache.insert("no digest", vec![0.0; 3]);
        cache.keep().unwrap();
        let again = Cache::open(folder.path(), "bank-1", 3).unwrap();
        assert_eq!((again.get(A), again.rows.len()), (Some(&[1.0, -2.5, 3.0][..]), 1));
        assert!(Cache::open(folder.path(), "bank-2", 3).unwrap().rows.is_empty());
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused_with_the_mend() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::open(folder.path(), "bank-1", 3).unwrap();
        cache.insert(A, vec![0.0; 3]);
        cache.keep().unwrap();
        let error = |width| format!("{:#}", Cache::open(folder.path(), "bank-1", width).err().unwrap());
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
