//! C-GET and C-MOVE (PS3.4 sections C.4.2 and C.4.3).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use doppelray_images::progress::Event;

use super::elements::Elements;
use super::find::{Wanted, failed};
use super::link::{self, CLASS, FIELD, MESSAGE, MOST_SHORT, Message, STATUS};
use super::store::{Broken, STORE, contexts, take};
use super::{Link, connect, listen};
use crate::address::{Node, Own, Tag};
use crate::error::Result;
use crate::options::Options;
use crate::tray::Tray;

const GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
const MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
const DESTINATION: Tag = (0x0000, 0x0600);
const FAILED: Tag = (0x0000, 0x1022);

/// Fetches on the connection that asks.
pub(super) fn get(to: (&Node, &Options), wanted: &BTreeSet<Wanted>, tray: &Tray) -> Result<()> {
    let services = [(GET, vec!["1.2.840.10008.1.2"])].into_iter().chain(contexts());
    let mut link = connect(to, services.collect()).map_err(|why| tray.error(why))?;
    let asked = Elements::default().text(CLASS, GET).short(FIELD, 0x0010);
    each(&mut link, &asked, GET, wanted, tray)?;
    link::release(link);
    Ok(())
}

/// Has the archive send to where we listen.
pub(super) fn moved(to: (&Node, &Options), own: &Own, wanted: &BTreeSet<Wanted>, tray: &Tray) -> Result<()> {
    let listener = listen::bind(own).map_err(|why| tray.error(why))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let served =
            scope.spawn(|| listen::serve(&listener, (own, to.1), tray, &|_| over.load(Ordering::Acquire)));
        let asked = Elements::default().text(CLASS, MOVE).short(FIELD, 0x0021).text(DESTINATION, &own.title);
        let fetched = connect(to, vec![(MOVE, vec!["1.2.840.10008.1.2"])])
            .map_err(|why| tray.error(why))
            .and_then(|mut link| each(&mut link, &asked, MOVE, wanted, tray).map(|()| link::release(link)));
        over.store(true, Ordering::Release);
        let served = served.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        fetched.and(served)
    })
}

/// Asks for one study or series after the other, and takes what comes meanwhile.
fn each(
    link: &mut Link,
    asked: &Elements,
    class: &str,
    wanted: &BTreeSet<Wanted>,
    tray: &Tray,
) -> Result<()> {
    let none =
        || tray.error("does not offer this service; ask whoever runs it, or try --move-to or https://");
    let context = link::context(link, class).ok_or_else(none)?;
    for (wanted, number) in wanted.iter().zip(1_u32..) {
        let command = asked.clone().short(MESSAGE, (number % 0xFFFF) as u16).short((0x0000, 0x0700), 0);
        link::send(link, context, command, Some(wanted.identifier().encode()))
            .map_err(|error| tray.error(link::said(&error, None)))?;
        answer(link, wanted, tray)?;
        tray.tell(Event::Advance(1));
    }
    Ok(())
}

/// Takes what comes until the archive says that this is all.
fn answer(link: &mut Link, wanted: &Wanted, tray: &Tray) -> Result<()> {
    loop {
        let message = link::receive(link, tray.most.max(MOST_SHORT)).map_err(|why| tray.error(why))?;
        let message = message.ok_or_else(|| tray.error("hung up amid its answer; look at its log"))?;
        if message.command.get_short(FIELD) == Some(STORE) {
            take(link, message, tray).map_err(|broken| match broken {
                Broken::Ours(error) => error,
                Broken::Theirs(why) => tray.error(why),
            })?;
            continue;
        }
        if ended(&message, wanted, tray)? {
            return Ok(());
        }
    }
}

/// Whether this was the last answer; what the archive could not send is refused.
fn ended(message: &Message, wanted: &Wanted, tray: &Tray) -> Result<bool> {
    match message.command.get_short(STATUS) {
        Some(0xFF00 | 0xFF01) => return Ok(false),
        Some(0x0000) => {}
        Some(0xB000) => {
            let lost = message.command.get_short(FAILED).unwrap_or_default();
            tray.refuse(
                wanted.name(),
                format!("{lost} of its objects could not be sent; look at the archive's log"),
            );
        }
        status @ Some(0xA801) => return Err(tray.error(failed("this", status))),
        status => tray.refuse(wanted.name(), format!("the archive {}", failed("sending it", status))),
    }
    Ok(true)
}
