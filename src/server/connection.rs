//! One client connection: HTTP/1.1, or HTTP/2 with prior knowledge or by TLS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Handler;
use super::watched::{Signs, Watched};
use crate::failure::Key;
use crate::passthrough::Peer;
use crate::secret;
use crate::settings::Settings;
use crate::telemetry::Metrics;

/// How often an HTTP/2 client is asked for a sign of life, and how long it may take to give one;
/// both are shorter where `header_timeout` is.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 256;

/// Largest head of HTTP/1.1 that is read at all, in bytes: above any setting, so that a head over
/// the setting still gets an answer that says so.
const LARGEST_HEAD: usize = 512 << 10;

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
        let talk = Talk { peer, settings, signs, metrics };
        let Some(tls) = tls else { return talk.serve(stream, handler, told).await };
        let shaking = TlsAcceptor::from(tls).accept(stream);
        match tokio::time::timeout(talk.settings.header_timeout, shaking).await {
            Ok(Ok(stream)) => talk.serve(stream, handler, told).await,
            Ok(Err(error)) => tracing::debug!(%error, peer = %address, "no TLS came about"),
            Err(_) => count_late_head(&talk.signs, address, &talk.metrics),
        }
    }
}

/// A connection over which HTTP is spoken.
struct Talk {
    peer: Peer,
    settings: Arc<Settings>,
    signs: Arc<Signs>,
    metrics: Arc<Metrics>,
}

impl Talk {
    async fn serve<H: Handler>(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        handler: Arc<H>,
        mut told: watch::Receiver<()>,
    ) {
        let Self { peer, settings, signs, metrics } = self;
        let address = peer.address;
        // A handshake, if there was one, was no request.
        signs.began.store(false, Ordering::Relaxed);
        let spoke = Arc::new(AtomicBool::new(false));
        let service = service_fn({
            let (spoke, signs) = (spoke.clone(), signs.clone());
            move |mut request: Request<Incoming>| {
                spoke.store(true, Ordering::Relaxed);
                secret::hide(request.headers_mut());
                request.extensions_mut().insert(peer);
                let (handler, signs) = (handler.clone(), signs.clone());
                let request = Box::new(request);
                // In a box of its own: a connection that waits for its next request would keep
                // the place for it, tens of KiB.
                Box::pin(async move {
                    let response = handler.handle(request).await;
                    signs.began.store(false, Ordering::Relaxed);
                    Ok::<_, Infallible>(response)
                })
            }
        });
        let builder = builder(&settings);
        let mut connection =
            std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        // The builder waits without limit for the bytes that tell HTTP/1.1 from HTTP/2.
        let mut silence = std::pin::pin!(tokio::time::sleep(settings.header_timeout));
        let (mut listening, mut staying) = (true, true);
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        explain(&*error, &signs, address, &metrics);
                    }
                    return;
                }
                _ = told.changed(), if staying => {
                    staying = false;
                    connection.as_mut().graceful_shutdown();
                }
                () = silence.as_mut(), if listening => {
                    listening = false;
                    if !spoke.load(Ordering::Relaxed) {
                        count_late_head(&signs, address, &metrics);
                        return;
                    }
                }
            }
        }
    }
}

fn builder(settings: &Settings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(LARGEST_HEAD);
    // Twice the setting, for the same reason as `LARGEST_HEAD`.
    let list = u32::try_from(settings.max_header_size * 2).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING.min(settings.header_timeout))
        .keep_alive_timeout(PONG.min(settings.header_timeout))
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(list);
    builder
}

/// Logs and counts why a connection broke.
fn explain(
    error: &(dyn std::error::Error + 'static),
    signs: &Signs,
    peer: SocketAddr,
    metrics: &Metrics,
) {
    let http = error.downcast_ref::<hyper::Error>();
    if signs.stuck.load(Ordering::Relaxed) {
        let key = Key::ClientTooSlow;
        metrics.error(key);
        tracing::info!(key = key.text(), %peer, "a client stopped reading (`write_timeout`)");
    } else if http.is_some_and(hyper::Error::is_timeout) {
        count_late_head(signs, peer, metrics);
    } else if http.is_some_and(hyper::Error::is_parse_too_large) {
        let key = Key::HeadersTooLarge;
        metrics.error(key);
        tracing::info!(key = key.text(), %peer, "a head was too large to be read");
    } else {
        tracing::debug!(%error, %peer, "a connection broke");
    }
}

/// A connection that was merely idle has missed nothing; one that began a head has.
fn count_late_head(signs: &Signs, peer: SocketAddr, metrics: &Metrics) {
    if signs.began.load(Ordering::Relaxed) {
        let key = Key::HeaderTimeout;
        metrics.error(key);
        tracing::info!(key = key.text(), %peer, "a head came too slowly (`header_timeout`)");
    }
}
