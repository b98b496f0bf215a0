//! `doppelray study serve`: the study in readers' browsers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use doppelray_study::Study;

use super::now;
use crate::cmd::Common;
use crate::console::{Console, Usage};
use crate::web::{Listening, Place, State, app, serve};

/// Serve a study to its readers.
#[derive(Args)]
#[command(
    after_help = "Example:\n  doppelray study serve study --listen 0.0.0.0:8443 --cert chain.pem --key key.pem\n\n\
    Behind a proxy that speaks TLS: --behind-proxy, and let the proxy set X-Forwarded-For and pass Host on. Links are made with \
    `doppelray study invite`. Stop with Ctrl-C; the same command goes on, nothing is lost. A backup can be taken meanwhile with \
    `doppelray study backup`."
)]
pub(crate) struct Serve {
    /// The study's folder.
    study: PathBuf,
    /// Address and port.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A certificate with its chain, PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A proxy in front speaks TLS and says who asks.
    #[arg(long, conflicts_with = "cert")]
    behind_proxy: bool,
}

impl Serve {
    pub(crate) fn run(self, common: Common) -> anyhow::Result<()> {
        let encrypted = self.cert.is_some() || self.behind_proxy;
        if !encrypted && !self.listen.ip().is_loopback() {
            let said = format!(
                "--listen {}: personal links would cross the network in the clear; give --cert and --key, or --behind-proxy",
                self.listen
            );
            return Err(Usage(said).into());
        }
        let study = Study::open(&self.study)?;
        let state = State::open(&study, Place { encrypted, proxied: self.behind_proxy }, now)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.listen_and_serve(state, &Console::new(common)))
    }

    async fn listen_and_serve(&self, state: State, console: &Console) -> anyhow::Result<()> {
        let certificate = self.cert.as_deref().zip(self.key.as_deref()).map(|(cert, key)| [cert, key]);
        let listening = Listening::open(self.listen, certificate.map(|c: [&Path; 2]| c)).await?;
        let scheme = if certificate.is_some() { "https" } else { "http" };
        console.say(&format!(
            "Serving {} at {scheme}://{}; stop with Ctrl-C",
            self.study.display(),
            listening.address()
        ));
        serve(app(state), listening, stopped()).await;
        Ok(())
    }
}

/// Waits for Ctrl-C or a polite end.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut ended) = signal(SignalKind::terminate()) else {
        return tokio::signal::ctrl_c().await.unwrap_or_default();
    };
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    std::future::poll_fn(move |context| {
        let either = interrupted.as_mut().poll(context).is_ready() || ended.poll_recv(context).is_ready();
        if either { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
