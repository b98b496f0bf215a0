//! DICOMweb: what there is (QIDO-RS), and each object (WADO-RS).

mod client;
mod listing;
mod multipart;

use std::sync::atomic::{AtomicUsize, Ordering};

use doppelray_images::progress::Event;
use rayon::prelude::*;

use crate::address::{Address, Site};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::tray::Tray;
use client::{Answer, Client, Fault};
use listing::Instance;

/// Any DICOM object, in the transfer syntax that it lies in.
const OBJECT: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";

/// So many objects may break on the way before the way itself is taken to be broken.
const MOST_BROKEN: usize = 8;

/// Fetches all that a query finds. An object that cannot be had is refused.
pub(crate) fn fetch(site: &Site, options: &Options, tray: &Tray) -> Result<()> {
    let client = Client::new(site, options).map_err(|why| tray.error(why))?;
    let instances = listing::instances(site, &client, tray.address)?;
    tray.tell(Event::Begin { task: "fetching", total: instances.len() as u64, unit: "objects" });
    let broken = AtomicUsize::new(0);
    let fetched = instances.par_iter().try_for_each(|instance| {
        tray.tell(Event::Advance(1));
        one(instance, (site, &client), tray, &broken)
    });
    tray.tell(Event::End);
    fetched
}

/// The objects that a query finds.
pub(crate) fn list(site: &Site, options: &Options, address: &Address) -> Result<Vec<String>> {
    let client = Client::new(site, options).map_err(|why| Error::archive(address, why))?;
    let instances = listing::instances(site, &client, address)?;
    Ok(instances
        .into_iter()
        .map(|Instance { study, series, object }| [study, series, object].join(" "))
        .collect())
}

/// Fetches an object.
fn one(
    instance: &Instance,
    (site, client): (&Site, &Client),
    tray: &Tray,
    broken: &AtomicUsize,
) -> Result<()> {
    let Instance { study, series, object } = instance;
    let url = format!("{}/studies/{study}/series/{series}/instances/{object}", site.base);
    match client.get(&url, OBJECT, tray.most) {
        Ok(Answer { kind, body }) => match multipart::object(&kind, &body) {
            Ok(range) => tray.put(object, &body[range]),
            Err(why) => {
                tray.refuse(object, format!("the archive {why}; look at it there"));
                Ok(())
            }
        },
        Err(fault @ (Fault::Unreachable(_) | Fault::Login(_))) => Err(tray.error(fault.to_string())),
        Err(fault) => {
            if matches!(fault, Fault::Broken(_)) && broken.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_BROKEN
            {
                return Err(tray.error(format!("breaks off again and again; {fault}")));
            }
            tray.refuse(object, fault.to_string());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
