//! QIDO-RS: which objects there are. Of what an archive says of them, only the UIDs are read.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::client::{Client, Fault};
use crate::address::{Address, Site};
use crate::error::{Error, Result};
use crate::tray::{MOST_OBJECTS, is_uid};

/// The most bytes of a page of a listing, and how many results are asked for at once.
const MOST_PAGE: u64 = 64 << 20;
const PAGE: usize = 1000;

/// An object, by its UIDs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instance {
    pub(super) study: String,
    pub(super) series: String,
    pub(super) object: String,
}

/// One result, in the JSON model of PS3.18 annex F.
#[derive(Deserialize)]
struct Found {
    #[serde(rename = "0020000D", default)]
    study: Element,
    #[serde(rename = "0020000E", default)]
    series: Element,
    #[serde(rename = "00080018", default)]
    object: Element,
}

#[derive(Default, Deserialize)]
struct Element {
    #[serde(rename = "Value", default)]
    value: Vec<Value>,
}

impl Element {
    /// A UID; empty where there is none.
    fn uid(&self) -> &str {
        self.value.first().and_then(Value::as_str).filter(|text| is_uid(text)).unwrap_or_default()
    }
}

impl Found {
    /// What a search of `resource` found. Within a study it need not say which.
    fn placed(&self, resource: &str) -> Instance {
        let parts: Vec<&str> = resource.split('/').collect();
        let study = if let ["studies", study, ..] = parts[..] { study } else { self.study.uid() };
        let series = match parts[..] {
            ["studies"] => "",
            ["studies", _, "series", series, ..] => series,
            _ => self.series.uid(),
        };
        let object = if parts.ends_with(&["instances"]) { self.object.uid() } else { "" };
        let [study, series, object] = [study, series, object].map(str::to_owned);
        Instance { study, series, object }
    }
}

/// The objects that the address stands for, each once, in order.
pub(super) fn instances(site: &Site, client: &Client, address: &Address) -> Result<Vec<Instance>> {
    let parts: Vec<&str> = site.resource.split('/').collect();
    if let ["studies", study, "series", series, "instances", object] = parts[..] {
        let [study, series, object] = [study, series, object].map(str::to_owned);
        return Ok(vec![Instance { study, series, object }]);
    }
    let listing = Listing { client, address };
    let mut found = BTreeSet::new();
    match parts.last() {
        Some(&"instances") => listing.pages(site, &site.resource, &mut found)?,
        Some(&"studies" | &"series") => {
            let mut above = BTreeSet::new();
            listing.pages(site, &site.resource, &mut above)?;
            let whole = Site { query: String::new(), ..site.clone() };
            for Instance { study, series, .. } in above {
                let within = if series.is_empty() { String::new() } else { format!("/series/{series}") };
                listing.pages(&whole, &format!("studies/{study}{within}/instances"), &mut found)?;
            }
        }
        // A study or a series by its UID.
        _ => listing.pages(site, &format!("{}/instances", site.resource), &mut found)?,
    }
    let whole = found.into_iter().filter(|one| !one.series.is_empty() && !one.object.is_empty());
    let whole: Vec<Instance> = whole.collect();
    if whole.is_empty() {
        return Err(listing.error("knows no object of that kind; widen the query"));
    }
    Ok(whole)
}

struct Listing<'a> {
    client: &'a Client,
    address: &'a Address,
}

impl Listing<'_> {
    fn error(&self, reason: impl Into<String>) -> Error {
        Error::archive(self.address, reason)
    }

    /// All results of a search, page by page until one brings nothing new: some archives hold each page to their own length,
    /// and some send everything again.
    fn pages(&self, site: &Site, resource: &str, all: &mut BTreeSet<Instance>) -> Result<()> {
        let limited = site.query.split('&').any(|pair| pair.starts_with("limit="));
        let mut offset = 0;
        loop {
            let mut query = site.query.clone();
            if !limited {
                let and = if query.is_empty() { "" } else { "&" };
                query = format!("{query}{and}limit={PAGE}&offset={offset}");
            }
            let page = self.page(&format!("{}/{resource}?{query}", site.base))?;
            let (length, before) = (page.len(), all.len());
            let placed = page.iter().map(|found| found.placed(resource));
            all.extend(placed.filter(|instance| !instance.study.is_empty()));
            if all.len() > MOST_OBJECTS {
                return Err(self.error(format!("lists more than {MOST_OBJECTS} objects; narrow the query")));
            }
            if limited || length == 0 || all.len() == before {
                return Ok(());
            }
            offset += length;
        }
    }

    fn page(&self, url: &str) -> Result<Vec<Found>> {
        let answer =
            self.client.get(url, "application/dicom+json", MOST_PAGE).map_err(|fault| match fault {
                Fault::Large(_) => self.error("sends a listing without end; narrow the query"),
                fault => self.error(fault.to_string()),
            })?;
        if answer.body.is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            // What a login page says is of no use to anyone.
            let why = format!("answers with no list in DICOM JSON ({:?})", error.classify());
            self.error(why + "; is it the address of DICOMweb, like https://HOST/dicom-web/studies?")
        })
    }
}
