//! A web server on the loopback that does what archives do, and what they should not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use doppelray_images::source::{Format, Origin};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::options::{Login, Options};
use crate::testing::{complaint, films, options, receive};

/// What answers a request: its path with the query, and its headers.
type Answer = dyn Fn(&str, &str, &mut dyn Write) -> std::io::Result<()> + Send + Sync;

/// Answers one request a connection, for as long as the test runs; returns `HOST:PORT`.
fn serve(
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&str, &str, &mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let answer: Arc<Answer> = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, tls) = (Arc::clone(&answer), tls.clone());
            thread::spawn(move || {
                let stream = stream.unwrap();
                // Whoever hangs up has seen enough.
                let _gone = match tls {
                    Some(tls) => one(StreamOwned::new(ServerConnection::new(tls).unwrap(), stream), &*answer),
                    None => one(stream, &*answer),
                };
            });
        }
    });
    place
}

fn one(stream: impl Read + Write, answer: &Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut stream = reader.into_inner();
    answer(&path, &request, &mut stream)?;
    stream.flush()
}

fn reply(to: &mut dyn Write, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        to,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    to.write_all(body)
}

const KIND: &str = "multipart/related; type=\"application/dicom\"; boundary=xyz";

fn part(film: &[u8]) -> Vec<u8> {
    [b"--xyz\r\nContent-Type: application/dicom\r\n\r\n", film, b"\r\n--xyz--\r\n"].concat()
}

/// What an archive lists: a patient's name, too, as it likes.
fn listed(study: &str, object: Option<usize>) -> String {
    let object = object.map(|n| {
        format!(r#","0020000E":{{"vr":"UI","Value":["9.{n}"]}},"00080018":{{"vr":"UI","Value":["8.{n}"]}}"#)
    });
    let name = r#""00100010":{"vr":"PN","Value":[{"Alphabetic":"DOE^JANE"}]}"#;
    format!(r#"{{{name},"0020000D":{{"vr":"UI","Value":["{study}"]}}{}}}"#, object.unwrap_or_default())
}

/// The number behind `offset=`.
fn offset(path: &str) -> usize {
    path.split("offset=").nth(1).map_or(0, |text| text.parse().unwrap())
}

/// An archive of two studies, a page of one result at a time, whose objects are answered by `object`.
fn archive(object: impl Fn(usize, &mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    serve(None, move |path, _, to| {
        let json = |all: &[String], to: &mut dyn Write| match all.get(offset(path)) {
            Some(one) => reply(to, "200 OK", "application/dicom+json", format!("[{one}]").as_bytes()),
            None => reply(to, "204 No Content", "text/plain", b""),
        };
        let of = |study: &str, numbers: std::ops::Range<usize>| {
            numbers.map(|n| listed(study, Some(n))).collect::<Vec<_>>()
        };
        match path.split('?').next().unwrap_or_default() {
            "/rs/studies" => {
                assert!(path.starts_with("/rs/studies?PatientID=7&limit="), "{path}");
                json(&[listed("1.1", None), listed("1.2", None)], to)
            }
            "/rs/studies/1.1/instances" => json(&of("1.1", 0..2), to),
            "/rs/studies/1.2/instances" => json(&of("1.2", 2..6), to),
            path => match path.rsplit('.').next().unwrap_or_default().parse() {
                Ok(number) => object(number, to),
                Err(_) => reply(to, "404 Not Found", "text/plain", b""),
            },
        }
    })
}

#[test]
fn an_archive_is_listed_page_by_page_and_its_objects_come() {
    let films = Arc::new(films(6));
    let shared = Arc::clone(&films);
    let place = archive(move |number, to| reply(to, "200 OK", KIND, &part(&shared[number])));
    let received = receive(&format!("http://{place}/rs/studies?PatientID=7"), &options()).unwrap();
    assert!(received.refused.is_empty() && received.objects.len() == 6, "{:?}", received.refused);
    assert!(received.objects[5].path().ends_with("rs/8.5.dcm"), "{:?}", received.objects[5]);
    for (origin, film) in received.objects.iter().zip(films.iter()) {
        let mut bytes = Vec::new();
        origin.open().unwrap().bytes.read_to_end(&mut bytes).unwrap();
        assert!(bytes == *film && origin.format().unwrap() == Format::Dicom);
        assert!(Origin::probe(origin).unwrap().dicom.unwrap().person.subject.is_some());
    }
    assert!(
        complaint(&format!("http://{place}/rs/studies/1.2/series/7"), &options()).contains("answers with")
    );
}

#[test]
fn a_list_is_had_without_any_object() {
    let place = archive(|number, _| panic!("asked for object {number}"));
    let lines = crate::testing::listed(&format!("http://{place}/rs/studies?PatientID=7"), &options());
    assert_eq!((lines.len(), lines[0].as_str(), lines[5].as_str()), (6, "1.1 9.0 8.0", "1.2 9.5 8.5"));
}

#[test]
fn an_object_that_cannot_be_had_is_refused_and_the_others_come() {
    let film = Arc::new(films(1).remove(0));
    let place = archive(move |number, to| match number {
        0 => reply(to, "200 OK", KIND, &part(&film)),
        1 => reply(to, "200 OK", KIND, &part(&film)[..film.len() / 2]),
        // Cut below HTTP.
        2 => to.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 999\r\n\r\nDICM",
        ),
        3 => {
            // Without end.
            to.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nConnection: close\r\n\r\n")?;
            loop {
                to.write_all(&[7; 4096])?;
            }
        }
        4 => reply(to, "500 Internal Server Error", "text/plain", b"oops"),
        _ => reply(to, "200 OK", "text/html", b"<p>Who are you?"),
    });
    let received = receive(&format!("http://{place}/rs/studies?PatientID=7"), &options()).unwrap();
    assert_eq!(received.objects.len(), 1);
    let refused: Vec<&str> = received.refused.iter().map(|account| account.detail.as_str()).collect();
    let whys = ["was cut", "broke off", "more than 1048576 bytes", "status 500; it is busy", "no DICOM"];
    assert!(
        refused.iter().zip(whys).all(|(said, why)| said.contains(why)) && refused.len() == 5,
        "{refused:?}"
    );
    assert!(received.refused[0].file.ends_with("/rs/8.1.dcm"));
}

#[test]
fn what_is_wrong_with_an_archive_is_said_with_its_address_and_the_mend() {
    let status = |status: &'static str| serve(None, move |_, _, to| reply(to, status, "text/plain", b"no"));
    let silent = || {
        serve(None, |_, _, _| {
            thread::sleep(Duration::from_secs(3));
            Ok(())
        })
    };
    let endless = || {
        serve(None, |_, _, to| {
            to.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[")?;
            loop {
                to.write_all(&[b' '; 65536])?;
            }
        })
    };
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (place, why) in [
        (nobody, "cannot be reached"),
        (status("401 Unauthorized"), "wants another login (401); say --login FILE"),
        (status("404 Not Found"), "status 404; is it the address of DICOMweb"),
        (status("503 Busy"), "status 503; it is busy"),
        (status("302 Found"), "status 302; give the address that it leads to"),
        (status("200 OK"), "no list in DICOM JSON"),
        (status("204 No Content"), "knows no object of that kind; widen the query"),
        (silent(), "does not answer in time; look whether it runs, or say --patience"),
        (endless(), "a listing without end; narrow the query"),
    ] {
        let said = complaint(&format!("http://{place}/rs/studies?PatientID=4711"), &options());
        assert!(said.starts_with(&format!("http://{place}/rs: ")) && said.contains(why), "{why}: {said}");
        assert!(!said.contains("4711"), "{said}");
    }
}

#[test]
fn an_archive_that_breaks_off_again_and_again_is_given_up() {
    let place = serve(None, |path, _, to| match path.contains("/series/") {
        true => {
            to.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom\r\nContent-Length: 9\r\n\r\n")
        }
        false if offset(path) > 0 => reply(to, "204 No Content", "text/plain", b""),
        false => {
            let all: Vec<String> = (0..40).map(|n| listed("1.1", Some(n))).collect();
            reply(to, "200 OK", "application/dicom+json", format!("[{}]", all.join(",")).as_bytes())
        }
    });
    let said = complaint(&format!("http://{place}/rs/instances"), &options());
    assert!(said.contains("breaks off again and again"), "{said}");
}

#[test]
fn a_login_goes_to_who_asks_for_it_and_never_in_the_clear() {
    let film = films(1).remove(0);
    let place = serve(None, move |path, headers, to| match headers.contains("Basic bWU6c2VjcmV0\r\n") {
        false => reply(to, "401 Unauthorized", "text/plain", b""),
        true if path.ends_with("/instances/3.3") => reply(to, "200 OK", "application/dicom", &film),
        true => reply(to, "404 Not Found", "text/plain", b""),
    });
    let one = format!("http://{place}/rs/studies/1.1/series/2.2/instances/3.3");
    let login = |text: &str| Options { login: Login::parse(text), ..options() };
    assert_eq!(receive(&one, &login("me:secret")).unwrap().objects.len(), 1);
    assert!(complaint(&one, &login("me:wrong")).contains("wants another login (401)"));
    // A host that does not exist: nothing is sent there.
    let said = complaint("http://pacs.invalid/rs/studies", &login("me:secret"));
    assert!(said.contains("a login is not sent in the clear"), "{said}");
}

#[test]
fn a_certificate_is_trusted_by_the_authority_that_is_given() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let film = films(1).remove(0);
    let place = serve(Some(Arc::new(tls)), move |_, _, to| reply(to, "200 OK", "application/dicom", &film));
    let port = place.rsplit(':').next().unwrap();
    let one = format!("https://localhost:{port}/rs/studies/1.1/series/2.2/instances/3.3");
    let said = complaint(&one, &options());
    assert!(said.contains("no TLS that is trusted") && said.contains("--authority"), "{said}");
    let trusting = Options { authorities: Some(made.cert.pem().into_bytes()), ..options() };
    assert_eq!(receive(&one, &trusting).unwrap().objects.len(), 1);
    let blank = Options { authorities: Some(b"nothing".to_vec()), ..options() };
    assert!(complaint(&one, &blank).contains("holds no certificate"));
    // Plain text is no TLS.
    let plain = serve(None, |_, _, to| reply(to, "200 OK", "text/plain", b""));
    let said = complaint(&format!("https://{plain}/rs"), &options());
    assert!(said.contains("no TLS") || said.contains("cannot be reached"), "{said}");
    drop(TcpStream::connect(plain));
}
