//! Associations that others open to us.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dicom_ul::association::{Association, ServerAssociationOptions, SyncAssociation};
use doppelray_images::dicom::READ;

use super::elements::Elements;
use super::link::{self, ANSWERS, CLASS, FIELD, MESSAGE, STATUS};
use super::store::{Broken, CLASSES, STORE, take};
use crate::address::Own;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::tray::Tray;

/// The most associations at a time: each may hold an object in memory.
const MOST_AT_ONCE: usize = 4;

/// Whether anyone is there (PS3.7 section 9.1.5).
const ECHO: u16 = 0x0030;
const VERIFICATION: &str = "1.2.840.10008.1.1";

/// Listens.
pub(super) fn bind(own: &Own) -> Result<TcpListener, String> {
    let bound =
        TcpListener::bind(&own.place).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    bound.map_err(|error| format!("cannot listen at {} ({error}); choose another port or address", own.place))
}

/// Takes what is sent until `over`, which is asked when no association is open, and told how long nothing came.
pub(super) fn serve(
    listener: &TcpListener,
    (own, options): (&Own, &Options),
    tray: &Tray,
    over: &(dyn Fn(Duration) -> bool + Sync),
) -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let open = AtomicUsize::new(0);
    let last = Mutex::new(Instant::now());
    let lost: Mutex<Option<Error>> = Mutex::default();
    let lock = |lost: &Mutex<Option<Error>>| lost.lock().unwrap_or_else(PoisonError::into_inner).take();
    thread::scope(|scope| {
        loop {
            let busy = open.load(Ordering::Acquire);
            let quiet = last.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if let Some(error) = lock(&lost) {
                return Err(error);
            }
            match if busy < MOST_AT_ONCE { listener.accept() } else { Err(ErrorKind::WouldBlock.into()) } {
                Ok((stream, _)) => {
                    open.fetch_add(1, Ordering::AcqRel);
                    scope.spawn(|| {
                        if let Err(error) = one(stream, (own, options), tray) {
                            *lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        }
                        *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                        open.fetch_sub(1, Ordering::AcqRel);
                    });
                }
                Err(_) if busy == 0 && over(quiet) => return lock(&lost).map_or(Ok(()), Err),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    })
}

/// Takes what one association sends. What goes wrong with it is noted, and is no reason to stop.
fn one(stream: TcpStream, (own, options): (&Own, &Options), tray: &Tray) -> Result<()> {
    let patience = options.patience;
    // On some systems it is as its listener.
    stream.set_nonblocking(false)?;
    let mut terms = ServerAssociationOptions::new()
        .accept_called_ae_title()
        .ae_title(own.title.as_str())
        .max_pdu_length(link::MOST_PDU)
        .with_abstract_syntax(VERIFICATION)
        .read_timeout(patience)
        .write_timeout(patience);
    for class in CLASSES {
        terms = terms.with_abstract_syntax(class);
    }
    for syntax in READ {
        terms = terms.with_transfer_syntax(syntax);
    }
    let mut peer = match terms.establish(stream) {
        Ok(peer) => peer,
        Err(error) => {
            tray.note(format!("an association was not opened: {error}"));
            return Ok(());
        }
    };
    let name = peer.peer_ae_title().trim().to_owned();
    match all(&mut peer, tray) {
        Ok(()) => Ok(()),
        Err(Broken::Ours(error)) => Err(error),
        Err(Broken::Theirs(why)) => {
            tray.note(format!("an association broke: `{name}` {why}"));
            // It is over either way.
            let _gone = peer.abort();
            Ok(())
        }
    }
}

fn all<A: SyncAssociation<TcpStream>>(peer: &mut A, tray: &Tray) -> Result<(), Broken> {
    while let Some(message) = link::receive(peer, tray.most).map_err(Broken::Theirs)? {
        match message.command.get_short(FIELD) {
            Some(STORE) => take(peer, message, tray)?,
            Some(ECHO) => {
                let answer = Elements::default()
                    .text(CLASS, VERIFICATION)
                    .short(FIELD, ECHO | 0x8000)
                    .short(ANSWERS, message.command.get_short(MESSAGE).unwrap_or_default())
                    .short(STATUS, 0);
                link::send(peer, message.context, answer, None)
                    .map_err(|error| Broken::Theirs(link::said(&error, None)))?;
            }
            _ => return Err(Broken::Theirs("asks for what is not offered".into())),
        }
    }
    Ok(())
}
