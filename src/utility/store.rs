//! Described images on disk: a file of records that grows, of which a torn end is dropped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use doppelray_images::Error;
use sha2::{Digest, Sha256};

/// Bytes of a key, and of the sum that ends a record.
const KEY: usize = 16;
const SUM: usize = 8;

/// What names a described image.
pub(crate) type Key = [u8; KEY];

/// Features by key, `width` of them each.
pub(crate) struct Store {
    path: PathBuf,
    file: File,
    found: BTreeMap<Key, Vec<f32>>,
}

/// The key of a text.
pub(crate) fn key(text: &str) -> Key {
    let mut key = [0; KEY];
    key.copy_from_slice(&Sha256::digest(text)[..KEY]);
    key
}

impl Store {
    /// Opens or makes a file; from the first damaged record on it is cut.
    pub(crate) fn open(path: &Path, width: usize) -> Result<Self, Error> {
        let bytes = match path.exists() {
            true => fs::read(path).map_err(Error::file(path))?,
            false => Vec::new(),
        };
        let size = KEY + 4 * width + SUM;
        let mut found = BTreeMap::new();
        for record in bytes.chunks_exact(size).take_while(|record| is_whole(record)) {
            let (key, rest) = record.split_at(KEY);
            let values =
                rest[..4 * width].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            found.insert(key.try_into().unwrap_or_default(), values.collect());
        }
        let file = File::options().create(true).append(true).open(path).map_err(Error::unwritten(path))?;
        let whole = bytes.chunks_exact(size).take_while(|record| is_whole(record)).count() * size;
        file.set_len(whole as u64).map_err(Error::unwritten(path))?;
        Ok(Self { path: path.to_owned(), file, found })
    }

    /// The features of a key, where it was described before.
    pub(crate) fn get(&self, key: &Key) -> Option<&[f32]> {
        self.found.get(key).map(Vec::as_slice)
    }

    /// Adds records in one go.
    pub(crate) fn add(&mut self, records: Vec<(Key, Vec<f32>)>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for (key, values) in &records {
            let begin = bytes.len();
            bytes.extend_from_slice(key);
            values.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes()));
            let sum = sum(&bytes[begin..]);
            bytes.extend_from_slice(&sum);
        }
        self.file.write_all(&bytes).map_err(Error::unwritten(&self.path))?;
        self.found.extend(records);
        Ok(())
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    sum.copy_from_slice(&Sha256::digest(bytes)[..SUM]);
    sum
}

fn is_whole(record: &[u8]) -> bool {
    let (content, end) = record.split_at(record.len() - SUM);
    sum(content) == end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_described_is_found_again_and_a_torn_end_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.features");
        let [a, b, c] = ["a", "b", "c"].map(key);
        let mut store = Store::open(&path, 2).unwrap();
        store.add(vec![(a, vec![1.0, -2.5]), (b, vec![3.0, 4.0])]).unwrap();
        drop(store);
        let bytes = fs::read(&path).unwrap();
        File::create(&path).unwrap().write_all(&bytes[..bytes.len() - 3]).unwrap();
        let mut store = Store::open(&path, 2).unwrap();
        assert_eq!((store.get(&a), store.get(&b)), (Some(&[1.0, -2.5][..]), None));
        store.add(vec![(c, vec![5.0, 6.0])]).unwrap();
        let store = Store::open(&path, 2).unwrap();
        assert_eq!((store.get(&a).is_some(), store.get(&c)), (true, Some(&[5.0, 6.0][..])));
    }
}
