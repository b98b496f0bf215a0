//! C-STORE (PS3.7 section 9.1.1): objects that are sent to us.

use std::net::TcpStream;

use dicom_ul::association::SyncAssociation;
use dicom_ul::pdu::{PresentationContextNegotiated as Negotiated, PresentationContextResultReason as Reason};
use doppelray_images::dicom::READ;

use super::elements::Elements;
use super::link::{ANSWERS, CLASS, Data, FIELD, INSTANCE, MESSAGE, Message, STATUS, said, send};
use crate::error::Result;
use crate::tray::{Tray, is_uid};

/// What may be sent: storage of radiographs first (PS3.4 annex B), each in any transfer syntax that is read.
pub(super) const CLASSES: [&str; 18] = [
    COMPUTED,
    DIGITAL,
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    CAPTURED,
    "1.2.840.10008.5.1.4.1.1.7.1",
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.7.4",
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1.3",
    "1.2.840.10008.5.1.4.1.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.12.1.1",
    "1.2.840.10008.5.1.4.1.1.12.2",
    "1.2.840.10008.5.1.4.1.1.12.2.1",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
];
const COMPUTED: &str = "1.2.840.10008.5.1.4.1.1.1";
const DIGITAL: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const CAPTURED: &str = "1.2.840.10008.5.1.4.1.1.7";

/// Presentation contexts for all of it, 127 at most: of common objects one for each transfer syntax, so that an archive can
/// send each as it lies; of others one for all.
pub(super) fn contexts() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let common = [COMPUTED, DIGITAL, CAPTURED];
    let single =
        common.into_iter().flat_map(|class| READ.into_iter().map(move |syntax| (class, vec![syntax])));
    single.chain(
        CLASSES.into_iter().filter(move |class| !common.contains(class)).map(|class| (class, READ.to_vec())),
    )
}

/// The command field of a request to store.
pub(super) const STORE: u16 = 0x0001;

/// Takes an object, and answers.
pub(super) fn take<A: SyncAssociation<TcpStream>>(
    link: &mut A,
    message: Message,
    tray: &Tray,
) -> Result<(), Broken> {
    const DONE: u16 = 0x0000;
    const NO_ROOM: u16 = 0xA700;
    const CANNOT: u16 = 0xC000;
    let Message { context, command, data } = message;
    let name = command.get_text(INSTANCE);
    let agreed = |one: &&Negotiated| one.id == context && one.reason == Reason::Acceptance;
    let syntax = link.presentation_contexts().iter().find(agreed);
    let syntax = syntax.map(|agreed| agreed.transfer_syntax.trim_end_matches(['\0', ' ']).to_owned());
    let status = match (data, syntax) {
        (Data::Whole(data), Some(syntax)) if is_uid(&name) && is_uid(&syntax) => {
            tray.put(&name, &file(&syntax, &data)).map_err(Broken::Ours)?;
            DONE
        }
        (Data::TooMuch, _) => {
            tray.refuse(
                &name,
                format!("has more than {} bytes; leave it out, or export it to a folder", tray.most),
            );
            NO_ROOM
        }
        _ => {
            tray.refuse(
                &name,
                "was sent without a number, or without anything in it; look at it in the archive",
            );
            CANNOT
        }
    };
    let answer = Elements::default()
        .text(CLASS, &command.get_text(CLASS))
        .short(FIELD, STORE | 0x8000)
        .short(ANSWERS, command.get_short(MESSAGE).unwrap_or_default())
        .short(STATUS, status)
        .text(INSTANCE, &name);
    send(link, context, answer, None).map_err(|error| Broken::Theirs(said(&error, None)))
}

/// Why an association does not go on.
#[derive(Debug)]
pub(super) enum Broken {
    /// Nothing can be kept any more.
    Ours(crate::Error),
    /// The peer's fault, or that of the way to it.
    Theirs(String),
}

/// A DICOM file (PS3.10) as short as our reader takes it: a data set, and its transfer syntax before it.
fn file(syntax: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"DICM\x02\0\x10\0UI".to_vec();
    let length = syntax.len().next_multiple_of(2);
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(syntax.as_bytes());
    bytes.resize(bytes.len() + length - syntax.len(), 0);
    bytes.extend(data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_fit_an_association() {
        // Numbers are odd and have eight bits.
        assert!(contexts().count() <= 126, "{}", contexts().count());
        assert!(CLASSES.iter().all(|class| contexts().any(|(offered, _)| offered == *class)));
    }
}
