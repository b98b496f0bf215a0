//! The site on a socket: over TLS, with a certificate that the test makes for itself, and with those who never end a request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doppelray_images::files::write_whole;
use doppelray_study::design::Design;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::fixture::Site;
use crate::web::{Listening, Place, State, app, serve};

const QUESTION: &[u8] = b"GET /assets/style.css HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// A certificate for `localhost` and its key as PEM files, and what a browser has to trust.
fn certificate(folder: &Path, name: &str) -> ([PathBuf; 2], CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let put = |kind: &str, text: String| {
        let path = folder.join(format!("{name}-{kind}.pem"));
        write_whole(&path, |file| file.write_all(text.as_bytes())).unwrap();
        path
    };
    let files = [put("chain", made.cert.pem()), put("key", made.signing_key.serialize_pem())];
    (files, made.cert.der().clone())
}

fn browser(trusts: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusts).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn pages_come_over_tls_alone_and_to_those_who_trust_the_certificate() {
    let (folder, site) = (tempfile::tempdir().unwrap(), Site::new(Design::Grading, 4));
    let ([chain, key], mine) = certificate(folder.path(), "mine");
    let (_, other) = certificate(folder.path(), "other");
    let state = State::open(&site.study, Place { encrypted: true, proxied: false }, || super::fixture::NOW);
    let listening = Listening::open("127.0.0.1:0".parse().unwrap(), Some([chain.as_path(), key.as_path()]))
        .await
        .unwrap();
    let address = listening.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(app(state.unwrap()), listening, async { stopped.await.unwrap_or(()) }));

    let name = || ServerName::try_from("localhost").unwrap();
    let mine_again = mine.clone();
    let mut page = browser(mine).connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    page.write_all(QUESTION).await.unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age="), "{answer}");

    let distrusting = browser(other).connect(name(), TcpStream::connect(address).await.unwrap()).await;
    assert!(distrusting.is_err(), "another certificate is trusted");

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(QUESTION).await.unwrap();
    let mut answer = Vec::new();
    // The server may answer with an alert or hang up; it must not answer in the clear.
    let _hung_up = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // One who never ends their request does not keep the server from stopping.
    let mut slow =
        browser(mine_again).connect(name(), TcpStream::connect(address).await.unwrap()).await.unwrap();
    slow.write_all(b"POST /enter HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\ns").await.unwrap();
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_come_to_its_end_is_cut_off_and_others_are_served() {
    let site = Site::new(Design::Grading, 4);
    let mut listening = Listening::open("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    listening.patience = Duration::from_millis(300);
    let address = listening.address();
    let server = tokio::spawn(serve(site.app.clone(), listening, std::future::pending()));
    let ask = async |request: &[u8]| {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let head = ask(b"GET / HTTP/1.1\r\nhost: loc");
    let body = ask(
        b"POST /enter HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                     content-length: 99\r\n\r\ns",
    );
    let (head, body, whole) = tokio::join!(head, body, ask(QUESTION));
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
    server.abort();
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ([chain, key], _) = certificate(folder.path(), "mine");
    let ([_, other], _) = certificate(folder.path(), "other");
    let open = async |chain: &Path, key: &Path| {
        let opened = Listening::open("127.0.0.1:0".parse().unwrap(), Some([chain, key])).await;
        format!("{:#}", opened.err().expect("refused"))
    };
    let said = open(&chain, &other).await;
    assert!(
        said.contains("mine-chain.pem: does not fit its key") && said.contains("other-key.pem"),
        "{said}"
    );
    let said = open(&chain, &folder.path().join("none.pem")).await;
    assert!(said.contains("none.pem: not a PEM file that can be used"), "{said}");
    let said = open(&key, &key).await;
    assert!(said.contains("mine-key.pem"), "{said}");
}
