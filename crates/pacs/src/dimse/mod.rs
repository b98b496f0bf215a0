//! DIMSE: which studies there are (C-FIND), and their objects on the same connection (C-GET), on another that the archive
//! opens to us (C-MOVE), or as whoever sends them likes (C-STORE). Information model: study root (PS3.4 section C.6.2).

mod elements;
mod find;
mod link;
mod listen;
mod retrieve;
mod store;

use std::collections::BTreeSet;
use std::net::{TcpStream, ToSocketAddrs};

use dicom_ul::association::{ClientAssociation, ClientAssociationOptions};
use doppelray_images::progress::Event;

use crate::address::{Address, Node, Own};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::tray::Tray;
use find::Wanted;

type Link = ClientAssociation<TcpStream>;

/// Fetches all that a query finds.
pub(crate) fn fetch(node: &Node, options: &Options, tray: &Tray) -> Result<()> {
    let found = found(node, options, tray.address)?;
    tray.tell(Event::Begin { task: "fetching", total: found.len() as u64, unit: "studies or series" });
    let fetched = match &options.move_to {
        None => retrieve::get((node, options), &found, tray),
        Some(own) => retrieve::moved((node, options), own, &found, tray),
    };
    tray.tell(Event::End);
    fetched
}

/// The objects of all that a query finds; `None` where the archive does not tell them one by one.
pub(crate) fn list(node: &Node, options: &Options, address: &Address) -> Result<Option<Vec<String>>> {
    let found = found(node, options, address)?;
    // Who has no answer to this is asked to send.
    Ok(find::objects((node, options), &found).ok().filter(|objects| !objects.is_empty()))
}

fn found(node: &Node, options: &Options, address: &Address) -> Result<BTreeSet<Wanted>> {
    let found = find::find(node, options).map_err(|why| Error::archive(address, why))?;
    if found.is_empty() {
        return Err(Error::archive(address, "knows no study of that kind; widen the query"));
    }
    Ok(found)
}

/// Waits for what is sent, until nobody has sent anything for the patience that was said.
pub(crate) fn wait(own: &Own, options: &Options, tray: &Tray) -> Result<()> {
    let listener = listen::bind(own).map_err(|why| tray.error(why))?;
    let seconds = options.patience.as_secs();
    tray.tell(Event::Note(format!("{}: listening until nothing came for {seconds} s", tray.address)));
    listen::serve(&listener, (own, options), tray, &|quiet| quiet > options.patience)?;
    if tray.len() == 0 {
        let why = format!("nobody sent anything for {seconds} s; send it then, or say --patience SECONDS");
        return Err(tray.error(why));
    }
    tray.tell(Event::Note(format!("{}: {} objects", tray.address, tray.len())));
    Ok(())
}

/// An association for one service, and for storage where it is fetched on the same connection.
fn connect(
    (node, options): (&Node, &Options),
    contexts: Vec<(&'static str, Vec<&'static str>)>,
) -> Result<Link, String> {
    let ours = options.move_to.as_ref().map_or(&options.calling, |own| &own.title);
    let mut offer = ClientAssociationOptions::new()
        .calling_ae_title(ours.as_str())
        .called_ae_title(node.called.as_str())
        .max_pdu_length(link::MOST_PDU)
        .connection_timeout(options.patience)
        .read_timeout(options.patience)
        .write_timeout(options.patience);
    let mut provided: Vec<&str> = contexts.iter().map(|(class, _)| *class).collect();
    provided.dedup();
    for (class, syntaxes) in contexts {
        offer = offer.with_presentation_context(class, syntaxes);
    }
    for class in provided.into_iter().filter(|class| store::CLASSES.contains(class)) {
        offer = offer.with_role_selection(class, false, true);
    }
    let places = node.place.to_socket_addrs().map_err(|_| "no such host; correct the address".to_owned())?;
    let places: Vec<_> = places.collect();
    offer.establish(&places[..]).map_err(|error| link::said(&error, Some(options.patience)))
}

#[cfg(test)]
mod tests;
