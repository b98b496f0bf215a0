//! Messages over an association (PS3.7 section 6.3, PS3.8 annex E), and what can be wrong with one.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

use dicom_ul::association::{Association, Error, SyncAssociation};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason as Reason, AssociationRJSource as Source, PDataValue, PDataValueType, Pdu,
};

use super::elements::Elements;

/// The most bytes of a command set, and of the answer to a query.
pub(super) const MOST_SHORT: u64 = 1 << 20;

/// The most bytes of anything: a value's length has 32 bits.
const MOST_STREAM: u64 = 1 << 32;

/// The most bytes that we take at once.
pub(super) const MOST_PDU: u32 = 128 << 10;

/// Fields of a command set (PS3.7 annex E).
pub(super) const CLASS: (u16, u16) = (0x0000, 0x0002);
pub(super) const FIELD: (u16, u16) = (0x0000, 0x0100);
pub(super) const MESSAGE: (u16, u16) = (0x0000, 0x0110);
pub(super) const ANSWERS: (u16, u16) = (0x0000, 0x0120);
pub(super) const HAS_DATA: (u16, u16) = (0x0000, 0x0800);
pub(super) const STATUS: (u16, u16) = (0x0000, 0x0900);
pub(super) const INSTANCE: (u16, u16) = (0x0000, 0x1000);

/// What [`HAS_DATA`] says where nothing follows.
const NO_DATA: u16 = 0x0101;

/// A command and what follows it.
pub(super) struct Message {
    /// The presentation context.
    pub(super) context: u8,
    pub(super) command: Elements,
    pub(super) data: Data,
}

/// What follows a command.
pub(super) enum Data {
    None,
    Whole(Vec<u8>),
    /// More than may be kept; it was read and dropped.
    TooMuch,
}

/// Sends a command, and what follows it.
pub(super) fn send<A: SyncAssociation<TcpStream>>(
    link: &mut A,
    context: u8,
    command: Elements,
    data: Option<Vec<u8>>,
) -> Result<(), Error> {
    let command = command.short(HAS_DATA, if data.is_some() { 1 } else { NO_DATA });
    let part =
        |value_type, data| PDataValue { presentation_context_id: context, value_type, is_last: true, data };
    // A part each, as old archives want them; identifiers are short.
    SyncAssociation::send(
        link,
        &Pdu::PData { data: vec![part(PDataValueType::Command, command.command())] },
    )?;
    match data {
        Some(data) => {
            SyncAssociation::send(link, &Pdu::PData { data: vec![part(PDataValueType::Data, data)] })
        }
        None => Ok(()),
    }
}

/// The next message, whose data may have `most` bytes; `None` once the peer releases the association.
pub(super) fn receive<A: SyncAssociation<TcpStream>>(
    link: &mut A,
    most: u64,
) -> Result<Option<Message>, String> {
    let patience = link.inner_stream().read_timeout().ok().flatten();
    let mut command = Vec::new();
    let mut head: Option<(u8, Elements)> = None;
    let mut data = Vec::new();
    let mut taken = 0;
    loop {
        let values = match SyncAssociation::receive(link).map_err(|error| said(&error, patience))? {
            Pdu::PData { data } => data,
            Pdu::ReleaseRQ => {
                // Whoever releases may be gone already.
                let _gone = SyncAssociation::send(link, &Pdu::ReleaseRP);
                return Ok(None);
            }
            Pdu::AbortRQ { .. } => {
                return Err("aborted the association; register our AE title there, or look at its log".into());
            }
            _ => return Err("speaks out of turn; look at its log".into()),
        };
        for PDataValue { presentation_context_id: context, value_type, is_last, data: bytes } in values {
            taken += bytes.len() as u64;
            match (value_type, head.is_some()) {
                (PDataValueType::Command, false) if taken <= MOST_SHORT => {
                    command.extend(bytes);
                    if is_last {
                        let read = Elements::decode(&command).ok_or("sends a command that cannot be read")?;
                        taken = 0;
                        if read.get_short(HAS_DATA).unwrap_or(NO_DATA) == NO_DATA {
                            return Ok(Some(Message { context, command: read, data: Data::None }));
                        }
                        head = Some((context, read));
                    }
                }
                (PDataValueType::Data, true) if taken <= MOST_STREAM => {
                    if taken <= most {
                        data.extend(bytes);
                    } else {
                        data = Vec::new();
                    }
                    if let Some((context, command)) = head.take_if(|_| is_last) {
                        let data = if taken <= most { Data::Whole(data) } else { Data::TooMuch };
                        return Ok(Some(Message { context, command, data }));
                    }
                }
                _ => return Err("sends what no message has; look at its log".into()),
            }
        }
    }
}

/// Calls the other side no more.
pub(super) fn release<A: SyncAssociation<TcpStream>>(link: A) {
    // All is said; whether the peer says goodbye does not matter.
    let _gone = SyncAssociation::release(link);
}

/// The context that was agreed on for an abstract syntax.
pub(super) fn context<A: Association>(link: &A, class: &str) -> Option<u8> {
    let agreed = link.presentation_contexts().iter();
    agreed.filter(|context| context.abstract_syntax == class).map(|context| context.id).next()
}

/// What an association's error says to a person, and the mend.
pub(super) fn said(error: &Error, patience: Option<Duration>) -> String {
    match error {
        Error::Rejected { association_rj, .. } => match &association_rj.source {
            Source::ServiceUser(Reason::CalledAETitleNotRecognized) => {
                "is not called so; correct the AE title before the @".into()
            }
            Source::ServiceUser(Reason::CallingAETitleNotRecognized) => {
                "does not know us; register our AE title there, or say --calling AE".into()
            }
            source => format!("refuses the association ({source}); look at its log"),
        },
        Error::NoAcceptedPresentationContexts { .. } => {
            "does not offer this service; ask whoever runs it, or try --move-to or https://".into()
        }
        Error::ConnectionClosed { .. } | Error::Aborted { .. } => {
            "closed the connection; look at its log".into()
        }
        error => match kind(error) {
            Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => format!(
                "says nothing for {} s; look whether it runs, or say --patience SECONDS",
                patience.unwrap_or_default().as_secs()
            ),
            Some(kind @ (ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) => {
                format!("broke off ({kind}); look at its log")
            }
            Some(kind) => format!("cannot be reached ({kind}); look whether it runs, and the address"),
            None => format!("does not speak DICOM as it should ({error}); look at the address and the port"),
        },
    }
}

/// What an error of the connection is at its root.
fn kind(error: &Error) -> Option<ErrorKind> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = inner.source();
    }
    None
}
