//! One client connection: HTTP/1.1, or HTTP/2 with prior knowledge or by TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::Handler;
use super::talk::{Talk, count_late_head};
use super::watched::{Signs, Watched};
use crate::passthrough::Peer;
use crate::settings::Settings;
use crate::telemetry::Metrics;

/// A client's connection that was just accepted.
pub(super) struct Client {
    pub(super) stream: std::net::TcpStream,
    pub(super) peer: SocketAddr,
    /// As they were when the client connected; they stay for the whole connection.
    pub(super) settings: Arc<Settings>,
    /// None where clients are served without TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
}

impl Client {
    /// Serves the connection to its end. After the first message on `told`, the client is told to go
    /// away, and requests under way are finished.
    pub(super) async fn serve<H: Handler>(
        self,
        handler: Arc<H>,
        metrics: Arc<Metrics>,
        told: watch::Receiver<()>,
    ) {
        let Self { stream, peer: address, settings, tls } = self;
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(%error, "a connection cannot be waited for");
                return;
            }
        };
        // Small answers must not wait for the client's acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
        let signs = Arc::new(Signs::default());
        let stream = Watched::new(stream, settings.write_timeout, signs.clone());
        let peer = Peer { address, tls: tls.is_some() };
        let began = Instant::now();
        let talk = Talk { peer, settings, signs, metrics, handler, began, told };
        match tls {
            None => talk.serve(stream).await,
            // In a box: most connections have no TLS, and shall not have the place for it.
            Some(tls) => Box::pin(shake(talk, tls, stream)).await,
        }
    }
}

/// Serves a client over TLS, once both agree on how.
async fn shake<H: Handler>(talk: Talk<H>, tls: Arc<ServerConfig>, stream: Watched) {
    let shaking = TlsAcceptor::from(tls).accept(stream);
    match tokio::time::timeout(talk.settings.header_timeout, shaking).await {
        Ok(Ok(stream)) => Box::pin(talk.serve(Box::new(stream))).await,
        Ok(Err(error)) => {
            tracing::debug!(%error, peer = %talk.peer.address, "no TLS came about");
        }
        Err(_) => count_late_head(&talk.signs, talk.peer, &talk.metrics),
    }
}
