//! The network: plain TCP, or TLS by rustls with a certificate that was given.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::ServiceExt;

/// How long a browser may take to shake hands, to send a request's head, and to send the rest of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long what was begun may still take when the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// A connection of either kind.
trait Wire: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Wire for T {}
type Boxed = Box<dyn Wire + Send + Unpin>;

/// An open port.
pub(crate) struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    /// The longest wait for each part of a request.
    pub(crate) patience: Duration,
}

/// Where a request comes from.
#[derive(Clone)]
pub(crate) struct Remote(pub(crate) SocketAddr);

impl Listening {
    /// Opens a port; with a certificate and its key (PEM files) it speaks TLS alone.
    pub(crate) async fn open(address: SocketAddr, certificate: Option<[&Path; 2]>) -> anyhow::Result<Self> {
        let tls = certificate.map(|[chain, key]| acceptor(chain, key)).transpose()?;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{address}: cannot be listened on; choose another address or port"))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address, tls, patience: PATIENCE })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves until told to stop, then finishes what was begun and cuts off what does not end. Each connection is a task of its
/// own, so that a slow one holds up nobody.
pub(crate) async fn serve(router: Router, listening: Listening, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(listening.patience);
    let open = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listening.listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            // Out of file handles, for one: others may be given back meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Answers are small and must not wait for more; where it cannot be set they only wait.
        let _slower = stream.set_nodelay(true);
        let (router, patience) = (router.clone(), listening.patience);
        let (http, tls, watcher) = (http.clone(), listening.tls.clone(), open.watcher());
        tokio::spawn(async move {
            let stream = match tls {
                Some(tls) => timeout(patience, shake_hands(&tls, stream)).await.ok().flatten(),
                None => Some(Box::new(stream) as Boxed),
            };
            let Some(stream) = stream else { return };
            let service = service_fn(|request| answer(router.clone(), from, patience, request));
            if let Err(error) = watcher.watch(http.serve_connection(TokioIo::new(stream), service)).await {
                tracing::debug!("a connection ended: {error}");
            }
        });
    }
    drop(listening);
    // Whatever is cut off was told nothing, and is sent again by whoever sent it.
    let _cut_off = timeout(LAST_REQUESTS, open.shutdown()).await;
}

async fn answer(
    router: Router,
    from: SocketAddr,
    patience: Duration,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(Remote(from));
    match timeout(patience, router.oneshot(request.map(Body::new))).await {
        Ok(answered) => answered,
        Err(_) => Ok(StatusCode::REQUEST_TIMEOUT.into_response()),
    }
}

async fn shake_hands(tls: &TlsAcceptor, stream: TcpStream) -> Option<Boxed> {
    match tls.accept(stream).await {
        Ok(stream) => Some(Box::new(stream)),
        Err(error) => {
            tracing::debug!("no TLS: {error}");
            None
        }
    }
}

fn acceptor(chain: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let unread = |path: &Path| format!("{}: not a PEM file that can be used", path.display());
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).with_context(|| unread(chain))?;
    let private = PrivateKeyDer::from_pem_file(key).with_context(|| unread(key))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .with_context(|| format!("{}: does not fit its key {}", chain.display(), key.display()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
