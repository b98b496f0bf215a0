//! Radiographs from a running archive, by DICOMweb (PS3.18: QIDO-RS and WADO-RS) or DIMSE (PS3.7: C-FIND with C-GET or
//! C-MOVE, or C-STORE alone).
//!
//! What comes is a list of objects that an import reads as it reads files. They wait on the disk in a [`Spool`], sealed by a
//! key that is in memory alone, so that nothing of a patient is written in the clear, and nothing is left that could be read.

mod address;
mod dimse;
mod error;
mod options;
mod spool;
mod tray;
mod web;

use doppelray_images::import::Received;
use doppelray_images::progress::Listener;

pub use address::{Address, Node, Own, Site, is_title};
pub use error::{Error, Result};
pub use options::{Login, Options};
pub use spool::Spool;
use tray::Tray;

/// Fetches, or waits for, all that an address stands for. Objects that cannot be had are refused one by one; an archive that
/// cannot be reached, does not answer or sends nothing is an error.
pub fn receive(address: &Address, options: &Options, spool: &Spool, listener: Listener) -> Result<Received> {
    let tray = Tray::new(address, options, spool, listener);
    match address {
        Address::Web(site) => web::fetch(site, options, &tray)?,
        Address::Node(node) => dimse::fetch(node, options, &tray)?,
        Address::Own(own) => dimse::wait(own, options, &tray)?,
    }
    tray.received()
}

/// What an archive says it has, an object a line, in order; `None` where it cannot be asked, or does not tell objects one by
/// one. Nothing is fetched.
pub fn list(address: &Address, options: &Options) -> Result<Option<Vec<String>>> {
    match address {
        Address::Web(site) => web::list(site, options, address).map(Some),
        Address::Node(node) => dimse::list(node, options, address),
        Address::Own(_) => Ok(None),
    }
}

#[cfg(test)]
mod testing;
