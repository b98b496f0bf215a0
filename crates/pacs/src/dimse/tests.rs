//! An archive on the loopback that does what archives do, and what they should not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use dicom_ul::association::server::{AccessControl, ServerAssociation};
use dicom_ul::association::{ClientAssociationOptions, ServerAssociationOptions};
use dicom_ul::pdu::{AssociationRJServiceUserReason, PDataValue, PDataValueType, Pdu, UserIdentity};
use doppelray_images::import::Received;
use doppelray_images::source::Origin;

use super::elements::Elements;
use super::find::{OBJECT, SERIES, STUDY};
use super::link::{self, ANSWERS, CLASS, FIELD, INSTANCE, MESSAGE, STATUS, send};
use crate::options::Options;
use crate::testing::{complaint, films, options, receive};

type Peer = ServerAssociation<TcpStream>;

const DIGITAL: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// Serves connections for as long as the test runs; returns `HOST:PORT`.
fn serve(one: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(|stream| one(stream.unwrap())));
    place
}

/// Serves associations.
fn archive(one: impl Fn(&mut Peer, Asked) + Send + 'static) -> String {
    serve(move |stream| {
        let terms =
            ServerAssociationOptions::new().accept_called_ae_title().ae_title("PACS").promiscuous(true);
        let Ok(mut peer) = terms.establish(stream) else { return };
        while let Ok(Some(message)) = link::receive(&mut peer, 1 << 20) {
            let asked = match message.data {
                link::Data::Whole(data) => Elements::decode(&data).unwrap(),
                _ => Elements::default(),
            };
            one(&mut peer, Asked { context: message.context, command: message.command, identifier: asked });
        }
    })
}

struct Asked {
    context: u8,
    command: Elements,
    identifier: Elements,
}

impl Asked {
    fn is(&self, field: u16) -> bool {
        self.command.get_short(FIELD) == Some(field)
    }

    /// Answers with a status, and what was found.
    fn answer(&self, peer: &mut Peer, status: u16, found: Option<Elements>) {
        let field = self.command.get_short(FIELD).unwrap() | 0x8000;
        let command = Elements::default()
            .text(CLASS, &self.command.get_text(CLASS))
            .short(FIELD, field)
            .short(ANSWERS, self.command.get_short(MESSAGE).unwrap())
            .short(STATUS, status)
            .short((0x0000, 0x1022), 2);
        send(peer, self.context, command, found.map(|found| found.encode())).unwrap();
    }

    /// Answers a query by two studies of two series each, of two objects each.
    fn list(&self, peer: &mut Peer) {
        let level = self.identifier.get_text((0x0008, 0x0052));
        for number in 1..=2 {
            let [study, series] = [STUDY, SERIES].map(|uid| self.identifier.get_text(uid));
            let found = Elements::default().text((0x0010, 0x0010), "DOE^JANE");
            let found = match level.as_str() {
                "STUDY" => found.text(STUDY, &format!("1.{number}")),
                "SERIES" => found.text(SERIES, &format!("{study}.{number}")),
                _ => found.text(OBJECT, &format!("{series}.{number}")),
            };
            self.answer(peer, 0xFF00, Some(found));
        }
        self.answer(peer, 0, None);
    }
}

/// The data set of a file in explicit little endian.
fn data_set(film: &[u8]) -> Vec<u8> {
    let length = u32::from_le_bytes(film[140..144].try_into().unwrap());
    film[144 + length as usize..].to_vec()
}

/// A film in explicit little endian.
fn film() -> Vec<u8> {
    let is = |film: &&Vec<u8>| film[..400].windows(20).any(|w| w == b"1.2.840.10008.1.2.1\0");
    data_set(films(5).iter().find(is).unwrap())
}

/// Sends an object, part by part, and takes the answer.
fn store(
    peer: &mut impl dicom_ul::association::SyncAssociation<TcpStream>,
    name: &str,
    film: &[u8],
) -> Option<u16> {
    let context = link::context(peer, DIGITAL)?;
    let command =
        Elements::default().text(CLASS, DIGITAL).short(FIELD, 1).short(MESSAGE, 9).text(INSTANCE, name);
    let command = command.short((0x0000, 0x0800), 1).command();
    let whole = |value_type, data, is_last| {
        let part = PDataValue { presentation_context_id: context, value_type, is_last, data };
        Pdu::PData { data: vec![part] }
    };
    dicom_ul::association::SyncAssociation::send(peer, &whole(PDataValueType::Command, command, true))
        .ok()?;
    let parts: Vec<&[u8]> = film.chunks(8192).collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        dicom_ul::association::SyncAssociation::send(peer, &whole(PDataValueType::Data, part.to_vec(), last))
            .ok()?;
    }
    link::receive(peer, 1 << 20).ok()??.command.get_short(STATUS)
}

/// An archive that lists, and does `fetch` where it is asked to fetch.
fn with(fetch: impl Fn(&mut Peer, Asked) + Send + 'static) -> String {
    archive(move |peer, asked| if asked.is(0x0020) { asked.list(peer) } else { fetch(peer, asked) })
}

fn names(received: &Received) -> Vec<String> {
    received.objects.iter().map(|o| o.path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn studies_and_series_are_found_and_fetched_on_one_connection() {
    let film = film();
    let place = with(move |peer, asked| {
        let name = asked.identifier.get_text(SERIES);
        let name = if name.is_empty() { asked.identifier.get_text(STUDY) } else { name };
        asked.answer(peer, 0xFF00, None);
        assert_eq!(store(peer, &format!("{name}.7"), &film), Some(0));
        asked.answer(peer, 0, None);
    });
    let received = receive(&format!("dicom://PACS@{place}?StudyDate=2024-"), &options()).unwrap();
    assert_eq!(names(&received), ["1.1.7", "1.2.7"]);
    for origin in &received.objects {
        let header = Origin::probe(origin).unwrap();
        assert!(header.dicom.unwrap().person.subject.is_some());
        assert_eq!((header.width, origin.read().unwrap().height()), (32, 32));
    }
    let received = receive(&format!("dicom://PACS@{place}?StudyDate=2024-&Modality=DX"), &options()).unwrap();
    assert_eq!(names(&received), ["1.1.1.7", "1.1.2.7", "1.2.1.7", "1.2.2.7"]);
}

#[test]
fn a_list_goes_down_to_objects_and_fetches_none() {
    let place = with(|_, _| panic!("nothing is to be fetched"));
    let lines = crate::testing::listed(&format!("dicom://PACS@{place}?StudyDate=2024-"), &options());
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0], "1.1 1.1.1 1.1.1.1");
    let some =
        crate::testing::listed(&format!("dicom://PACS@{place}?StudyDate=2024-&Modality=DX"), &options());
    assert_eq!(some, lines);
}

#[test]
fn an_object_above_the_cap_and_one_that_cannot_be_sent_are_refused_and_the_others_come() {
    let film = film();
    let place = with(move |peer, asked| {
        if asked.identifier.get_text(STUDY) == "1.1" {
            assert_eq!(store(peer, "7.1", &vec![0; (1 << 20) + 2]), Some(0xA700));
            assert_eq!(store(peer, "no number", &film), Some(0xC000));
            assert_eq!(store(peer, "7.2", &film), Some(0));
        }
        asked.answer(peer, 0xB000, None);
    });
    let received = receive(&format!("dicom://PACS@{place}"), &options()).unwrap();
    assert_eq!(names(&received), ["7.2"]);
    let mut whys: Vec<&str> = received.refused.iter().map(|account| account.detail.as_str()).collect();
    whys.sort_unstable();
    assert_eq!(whys.len(), 4, "{whys:?}");
    assert!(
        whys[0].starts_with("2 of its objects could not be sent") && whys[2].contains("1048576"),
        "{whys:?}"
    );
}

struct Nobody;

impl AccessControl for Nobody {
    fn check_access(
        &self,
        _: &str,
        _: &str,
        _: &str,
        _: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized)
    }
}

#[test]
fn what_is_wrong_with_an_archive_is_said_with_its_address_and_the_mend() {
    let pacs = archive(|peer, asked| asked.answer(peer, 0xA700, None));
    let strangers = serve(|stream| {
        let _refused =
            ServerAssociationOptions::new().promiscuous(true).ae_access_control(Nobody).establish(stream);
    });
    let web = serve(|mut stream| {
        let _read = stream.read(&mut [0; 4096]);
        let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nno!\n");
    });
    let deaf = serve(|stream| {
        let _refused =
            ServerAssociationOptions::new().with_abstract_syntax("1.2.840.10008.1.1").establish(stream);
    });
    let silent = serve(|stream| drop((thread::sleep(Duration::from_secs(3)), stream)));
    let shut = serve(drop);
    let mute = archive(|_, _| thread::sleep(Duration::from_secs(3)));
    let fleeing = with(|peer, asked| {
        asked.answer(peer, 0xFF00, None);
        let _gone = peer.inner_stream().shutdown(std::net::Shutdown::Both);
    });
    let babbling = with(|peer, _| {
        let _gone = peer.inner_stream().write_all(&[4, 0, 0x7F, 0xFF, 0xFF, 0xFF]);
    });
    let empty = archive(|peer, asked| asked.answer(peer, 0, None));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (address, why) in [
        (format!("dicom://PACS@{nobody}"), "cannot be reached"),
        (format!("dicom://OTHER@{pacs}"), "is not called so; correct the AE title"),
        (format!("dicom://PACS@{strangers}"), "does not know us; register our AE title there"),
        (format!("dicom://PACS@{web}"), "does not speak DICOM as it should"),
        (format!("dicom://PACS@{deaf}"), "does not offer this service"),
        (format!("dicom://PACS@{silent}"), "says nothing for 1 s"),
        (format!("dicom://PACS@{shut}"), "log"),
        (format!("dicom://PACS@{mute}"), "says nothing for 1 s"),
        (format!("dicom://PACS@{pacs}"), "has no resources for the query"),
        (format!("dicom://PACS@{fleeing}"), "closed the connection"),
        (format!("dicom://PACS@{babbling}"), "does not speak DICOM as it should"),
        (format!("dicom://PACS@{empty}"), "knows no study of that kind; widen the query"),
    ] {
        let said = complaint(&format!("{address}?PatientID=4711"), &options());
        assert!(said.starts_with(&format!("{address}: ")) && said.contains(why), "{why}: {said}");
        assert!(!said.contains("4711"), "{said}");
    }
}

/// A port that is free now.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Calls us, once we listen.
fn call(
    title: &str,
    place: &str,
) -> Result<dicom_ul::ClientAssociation<TcpStream>, dicom_ul::association::Error> {
    let mut tries = 0;
    loop {
        let called = ClientAssociationOptions::new()
            .called_ae_title(title)
            .calling_ae_title("SENDER")
            .with_presentation_context("1.2.840.10008.1.1", vec!["1.2.840.10008.1.2"])
            .with_presentation_context(DIGITAL, vec![EXPLICIT])
            .read_timeout(Duration::from_secs(5))
            .establish(place);
        match called {
            Err(dicom_ul::association::Error::Connect { .. }) if tries < 100 => {
                tries += 1;
                thread::sleep(Duration::from_millis(20));
            }
            called => return called,
        }
    }
}

#[test]
fn an_archive_sends_to_where_we_listen() {
    let (film, ours) = (film(), free());
    let own = ours.clone();
    let place = with(move |peer, asked| {
        if asked.command.get_text((0x0000, 0x0600)) != "OURS" {
            return asked.answer(peer, 0xA801, None);
        }
        let mut sending = call("OURS", &own).unwrap();
        assert_eq!(store(&mut sending, &format!("{}.7", asked.identifier.get_text(STUDY)), &film), Some(0));
        link::release(sending);
        asked.answer(peer, 0, None);
    });
    let to = |title: &str| Options { move_to: Some(format!("{title}@{ours}").parse().unwrap()), ..options() };
    let received = receive(&format!("dicom://PACS@{place}"), &to("OURS")).unwrap();
    assert_eq!(names(&received), ["1.1.7", "1.2.7"]);
    let said = complaint(&format!("dicom://PACS@{place}"), &to("OTHER"));
    assert!(said.contains("register the AE title of --move-to there"), "{said}");
}

#[test]
fn whatever_is_sent_is_taken_until_nobody_sends_any_more() {
    let (film, ours) = (film(), free());
    let (place, patient) = (ours.clone(), Options { patience: Duration::from_secs(3), ..options() });
    let senders = thread::spawn(move || {
        let mut echo = call("OURS", &place).unwrap();
        let context = link::context(&echo, "1.2.840.10008.1.1").unwrap();
        send(&mut echo, context, Elements::default().short(FIELD, 0x0030).short(MESSAGE, 1), None).unwrap();
        assert_eq!(link::receive(&mut echo, 64).unwrap().unwrap().command.get_short(STATUS), Some(0));
        link::release(echo);
        assert!(call("THEIRS", &place).is_err());
        let mut first = call("OURS", &place).unwrap();
        let mut second = call("OURS", &place).unwrap();
        assert_eq!(store(&mut second, "7.2", &film), Some(0));
        assert_eq!(store(&mut first, "7.1", &film), Some(0));
        // Gone amid an object.
        let context = link::context(&first, DIGITAL).unwrap();
        let command = Elements::default().text(CLASS, DIGITAL).short(FIELD, 1).short(MESSAGE, 2);
        send(&mut first, context, command.text(INSTANCE, "7.3").short((0x0000, 0x0800), 1), None).unwrap();
        drop(first);
        link::release(second);
    });
    let received = receive(&format!("receive://OURS@{ours}"), &patient).unwrap();
    senders.join().unwrap();
    assert_eq!(names(&received), ["7.1", "7.2"]);
    assert!(
        received.notes.iter().any(|note| note.contains("called AE title not recognized")),
        "{:?}",
        received.notes
    );
    let said = complaint(&format!("receive://OURS@{}", free()), &options());
    assert!(said.contains("nobody sent anything for 1 s"), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let said = complaint(&format!("receive://OURS@{}", taken.local_addr().unwrap()), &options());
    assert!(said.contains("cannot listen at"), "{said}");
}
