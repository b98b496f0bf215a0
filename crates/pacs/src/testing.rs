//! What tests of both ways share.

use std::time::Duration;

use doppelray_images::import::Received;
use doppelray_images::phantom_dicom::{Phi, Plan, WORD, write};
use doppelray_images::progress::silent;

use crate::{Address, Options, Result, Spool};

/// Phantom films as DICOM files, with names planted.
pub(crate) fn films(count: u64) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("ward");
    write(&Plan { seed: 3, count, size: 32, phi: Phi::Planted }, &out, &silent).unwrap();
    let files = (0..5).flat_map(|grade| std::fs::read_dir(out.join(grade.to_string())).unwrap());
    let mut films: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    films.sort();
    assert!(films.iter().any(|film| film.windows(WORD.len()).any(|word| word == WORD.as_bytes())));
    films
}

/// Options of little patience, for objects of a MiB at most.
pub(crate) fn options() -> Options {
    Options { patience: Duration::from_secs(1), most: 1 << 20, ..Options::default() }
}

/// Receives into a folder in which nothing is left.
pub(crate) fn receive(address: &str, options: &Options) -> Result<Received> {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::create(folder.path()).unwrap();
    let address = Address::parse(address).unwrap().unwrap();
    let received = crate::receive(&address, options, &spool, &silent);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    received
}

/// Receives nothing, and says why.
pub(crate) fn complaint(address: &str, options: &Options) -> String {
    receive(address, options).unwrap_err().to_string()
}

/// What an archive lists.
pub(crate) fn listed(address: &str, options: &Options) -> Vec<String> {
    let address = Address::parse(address).unwrap().unwrap();
    crate::list(&address, options).unwrap().unwrap_or_default()
}
