//! The network: plain TCP, or TLS by rustls with a certificate that was given.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long a browser may take to shake hands.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long what was begun may still take when the server is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// Connections that may wait to be served.
const WAITING: usize = 64;

/// A connection of either kind.
pub(crate) trait Wire: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Wire for T {}
type Boxed = Box<dyn Wire + Send + Unpin>;

/// An open port.
pub(crate) struct Listening {
    address: SocketAddr,
    accepted: mpsc::Receiver<(Boxed, SocketAddr)>,
}

/// Where a connection comes from.
#[derive(Clone)]
pub(crate) struct Remote(pub(crate) SocketAddr);

impl Connected<IncomingStream<'_, Listening>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Listening>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Listening {
    /// Opens a port; with a certificate and its key (PEM files) it speaks TLS alone.
    pub(crate) async fn open(address: SocketAddr, certificate: Option<[&Path; 2]>) -> anyhow::Result<Self> {
        let tls = certificate.map(|[chain, key]| acceptor(chain, key)).transpose()?;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("{address}: cannot be listened on; choose another with --listen"))?;
        let address = listener.local_addr()?;
        let (send, accepted) = mpsc::channel(WAITING);
        tokio::spawn(accept(listener, tls, send));
        Ok(Self { address, accepted })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Accepts for ever. Each handshake is a task of its own, so that a slow one holds up nobody.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, send: mpsc::Sender<(Boxed, SocketAddr)>) {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            // Out of file handles, for one: others may be given back meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Answers are small and must not wait for more; where it cannot be set they only wait.
        let _slower = stream.set_nodelay(true);
        let Some(tls) = tls.clone() else {
            if send.send((Box::new(stream), from)).await.is_err() {
                return;
            }
            continue;
        };
        let send = send.clone();
        tokio::spawn(async move {
            if let Some(stream) = shake_hands(tls, stream).await {
                // The server is stopping.
                let _stopped = send.send((stream, from)).await;
            }
        });
    }
}

async fn shake_hands(tls: TlsAcceptor, stream: TcpStream) -> Option<Boxed> {
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!("no TLS: {error}");
            None
        }
        Err(_) => None,
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

impl Listener for Listening {
    type Io = Boxed;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Serves until told to stop, then finishes what was begun and cuts off what does not end.
pub(crate) async fn serve(
    router: Router,
    listening: Listening,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<Remote>();
    let (tell, stopping) = oneshot::channel();
    let stop = async move {
        stop.await;
        // Whoever listens may have ended before.
        let _ended = tell.send(());
    };
    let serving = axum::serve(listening, service).with_graceful_shutdown(stop);
    let serving = tokio::spawn(serving.into_future());
    let _told = stopping.await;
    match tokio::time::timeout(LAST_REQUESTS, serving).await {
        Ok(ended) => ended?,
        Err(_) => Ok(()),
    }
}
