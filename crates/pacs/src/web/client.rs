//! One question, one answer, over HTTP and TLS.

use std::io::{ErrorKind, Read};

use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::address::Site;
use crate::options::{Login, Options};

/// A body may take so many times the patience that silence has.
const WHOLE: u32 = 20;

pub(super) struct Client {
    agent: Agent,
    login: Option<Login>,
}

/// What came back.
pub(super) struct Answer {
    /// Its `Content-Type`.
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back; each says the mend.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Nobody is there, or nobody speaks.
    #[error("{0}")]
    Unreachable(String),
    #[error("wants another login ({0}); say --login FILE, with USER:PASSWORD or `Bearer TOKEN` in it")]
    Login(u16),
    #[error("answers with status {0}{hint}", hint = hint(*.0))]
    Status(u16),
    #[error("the answer broke off ({0}); type the command again")]
    Broken(String),
    #[error("has more than {0} bytes; leave it out, or export it to a folder")]
    Large(u64),
}

fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; give the address that it leads to",
        404 => "; is it the address of DICOMweb, like https://HOST/dicom-web/studies?",
        400 | 405 | 406 | 415 => "; it does not understand what is asked: correct the query",
        413 => "; narrow the query",
        429 | 500..=599 => "; it is busy or broken: look at its log, or try later",
        _ => "; look at its log",
    }
}

impl Client {
    pub(super) fn new(site: &Site, options: &Options) -> Result<Self, String> {
        if options.login.is_some() && !site.is_private() {
            return Err("a login is not sent in the clear; give its https:// address".into());
        }
        let mut tls = TlsConfig::builder();
        if let Some(pem) = &options.authorities {
            let certificates: Result<Vec<Certificate<'static>>, _> = parse_pem(pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                })
                .collect();
            let certificates = certificates.ok().filter(|all| !all.is_empty());
            let certificates = certificates.ok_or("the file of --authority holds no certificate in PEM")?;
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let patience = options.patience;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(site.base.starts_with("https:"))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls.build())
            .timeout_resolve(Some(patience))
            .timeout_connect(Some(patience))
            .timeout_recv_response(Some(patience))
            .timeout_per_read(Some(patience))
            .timeout_recv_body(Some(patience * WHOLE))
            .build()
            .new_agent();
        Ok(Self { agent, login: options.login.clone() })
    }

    /// Asks for `url`, and takes a body of `most` bytes at most.
    pub(super) fn get(&self, url: &str, accept: &str, most: u64) -> Result<Answer, Fault> {
        let mut request = self.agent.get(url).header("Accept", accept);
        if let Some(login) = &self.login {
            request = request.header("Authorization", login.header());
        }
        let response = request.call().map_err(|error| Fault::Unreachable(reason(&error)))?;
        match response.status().as_u16() {
            200 | 206 => take(response, most),
            204 => Ok(Answer { kind: String::new(), body: Vec::new() }),
            status @ (401 | 403 | 407) => Err(Fault::Login(status)),
            status => Err(Fault::Status(status)),
        }
    }
}

fn take(mut response: Response<ureq::Body>, most: u64) -> Result<Answer, Fault> {
    let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let mut body = Vec::new();
    let read = response.body_mut().as_reader().take(most + 1).read_to_end(&mut body);
    match read {
        _ if body.len() as u64 > most => Err(Fault::Large(most)),
        Ok(_) => Ok(Answer { kind, body }),
        Err(error) => Err(Fault::Broken(error.to_string())),
    }
}

/// Why there is no answer, and the mend.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => {
            "does not answer in time; look whether it runs, or say --patience SECONDS".into()
        }
        ureq::Error::HostNotFound => "no such host; correct the address".into(),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => untrusted(error),
        // What rustls finds wrong comes by way of the connection.
        ureq::Error::Io(cause) if cause.kind() == ErrorKind::InvalidData => untrusted(error),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => format!("is no address ({error}); correct it"),
        error => format!("cannot be reached ({error}); look whether it runs, and the address"),
    }
}

fn untrusted(error: &ureq::Error) -> String {
    format!(
        "speaks no TLS that is trusted ({error}); if the hospital signs its own, say --authority FILE.pem"
    )
}
