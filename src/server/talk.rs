//! HTTP over one client connection: which version is spoken, and the wait between requests.
//!
//! The library keeps some 17 KiB of buffers for an HTTP/1.1 connection that has had one answer, for
//! as long as it lives, and a timer for each head. Most connections of a pool wait most of the time:
//! those give their buffers back soon after an answer and are a socket and a place in memory until
//! the next byte comes, and one timer serves a connection for as long as it does not.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Handler;
use super::ahead::Ahead;
use super::watched::{Busy, Signs};
use crate::boxed::boxed;
use crate::failure::Key;
use crate::passthrough::{Body, Peer};
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

/// What an HTTP/2 client says first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How soon after an answer a connection gives its buffers back, and how exactly `header_timeout` is
/// kept. While a request is under way it is looked at less often, at last once in `SELDOM`.
const SOON: Duration = Duration::from_millis(50);
const SELDOM: Duration = Duration::from_secs(1);

/// How long a connection that ends may take to say so.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection over which HTTP is spoken.
pub(super) struct Talk<H> {
    pub(super) peer: Peer,
    pub(super) settings: Arc<Settings>,
    pub(super) signs: Arc<Signs>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) handler: Arc<H>,
    /// When the connection came.
    pub(super) began: Instant,
    /// The first message tells the client to go away once requests under way are finished.
    pub(super) told: watch::Receiver<()>,
}

/// The answer to a request, on its way. In a box: a connection that waits for its next request would
/// keep the place for it.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// Bytes to go on with, or none where the connection is over.
type Next = Option<Bytes>;

impl<H: Handler> Talk<H> {
    /// Serves the connection to its end.
    pub(super) async fn serve(
        mut self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) {
        // A handshake, if there was one, was no request.
        self.signs.began.store(false, Ordering::Relaxed);
        let Some(mut first) = self.wait(&mut stream, self.settings.header_timeout).await else {
            return;
        };
        if PREFACE.starts_with(&first) {
            match Box::pin(self.enough_to_tell(&mut stream, first)).await {
                Some(bytes) => first = bytes,
                None => return,
            }
        }
        if first.starts_with(PREFACE) {
            return Box::pin(self.http2(Ahead::new(stream, first))).await;
        }
        loop {
            let serving = Box::pin(self.http1(Ahead::new(stream, first)));
            let Some((idle, ahead, left)) = serving.await else { return };
            stream = idle;
            first = match ahead.is_empty() {
                true => match self.wait(&mut stream, left).await {
                    Some(bytes) => bytes,
                    None => return,
                },
                false => ahead,
            };
        }
    }

    /// Waits for the next bytes, no longer than `patience`.
    async fn wait(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        patience: Duration,
    ) -> Next {
        let mut bytes = [0; 32];
        let read = tokio::select! {
            // What has come is answered, whatever else there is to do.
            biased;
            read = tokio::time::timeout(patience, stream.read(&mut bytes)) => read,
            _ = self.told.changed() => Ok(Ok(0)),
        };
        match read {
            Ok(Ok(count @ 1..)) => {
                Some(Bytes::copy_from_slice(bytes.get(..count).unwrap_or(&bytes)))
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, peer = %self.peer.address, "a connection broke");
                None
            }
            Ok(Ok(_)) | Err(_) => {
                let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
                None
            }
        }
    }

    /// Reads on for as long as HTTP/2 may have begun, and gives all that was read.
    async fn enough_to_tell(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        first: Bytes,
    ) -> Next {
        let until = Instant::now() + self.settings.header_timeout;
        let mut read = first.to_vec();
        while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
            let left = until.saturating_duration_since(Instant::now());
            let Some(more) = self.wait(stream, left).await else {
                if Instant::now() >= until {
                    self.count_late_head();
                }
                return None;
            };
            read.extend_from_slice(&more);
        }
        Some(read.into())
    }

    /// Serves HTTP/1.1 until the connection is over, or idle: then it gives the stream, what was read
    /// ahead, and how much longer the next head may take.
    async fn http1<I>(&mut self, stream: Ahead<I>) -> Option<(I, Bytes, Duration)>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let patience = self.settings.header_timeout;
        let service = service_fn(self.service());
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let mut connection = builder.serve_connection(TokioIo::new(stream), service);
        let soon = SOON.min(patience / 4);
        let mut pause = soon;
        let mut look = std::pin::pin!(tokio::time::sleep(pause));
        let mut staying = true;
        loop {
            tokio::select! {
                biased;
                result = &mut connection => {
                    if let Err(error) = result {
                        self.explain(&error);
                    }
                    return None;
                }
                _ = self.told.changed(), if staying => {
                    staying = false;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                () = look.as_mut() => {
                    let now = Instant::now();
                    let is_busy = self.signs.is_busy();
                    pause = if is_busy { (pause * 2).min(SELDOM) } else { soon };
                    look.as_mut().reset(now + pause);
                    if is_busy {
                        continue;
                    }
                    let since = self.signs.answered_at().unwrap_or(self.began);
                    let waited = now.saturating_duration_since(since);
                    let left = patience.saturating_sub(waited);
                    if left.is_zero() {
                        self.count_late_head();
                        return None;
                    }
                    if staying && waited >= soon && self.signs.is_at_rest() {
                        let parts = connection.into_parts();
                        let (stream, ahead) = parts.io.into_inner().into_parts();
                        // Of two, one is empty: what the library read, it read to the end.
                        let bytes: Bytes = [parts.read_buf, ahead].concat().into();
                        // The beginning of a head that came while the last answer went out.
                        self.signs.began.store(!bytes.is_empty(), Ordering::Relaxed);
                        return Some((stream, bytes, left));
                    }
                }
            }
        }
    }

    async fn http2(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let settings = &self.settings;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        // Twice the setting, for the same reason as `LARGEST_HEAD`.
        let list = u32::try_from(settings.max_header_size * 2).unwrap_or(u32::MAX);
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING.min(settings.header_timeout))
            .keep_alive_timeout(PONG.min(settings.header_timeout))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(list);
        let mut silence = std::pin::pin!(tokio::time::sleep(settings.header_timeout));
        let service = service_fn(self.service());
        let mut connection =
            std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let (mut listening, mut staying) = (true, true);
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        self.explain(&error);
                    }
                    return;
                }
                _ = self.told.changed(), if staying => {
                    staying = false;
                    connection.as_mut().graceful_shutdown();
                }
                () = silence.as_mut(), if listening => {
                    listening = false;
                    if self.signs.requests() == 0 {
                        self.count_late_head();
                        return;
                    }
                }
            }
        }
    }

    fn service(&self) -> impl Fn(Request<Incoming>) -> Answering + use<H> {
        let (peer, handler, signs) = (self.peer, self.handler.clone(), self.signs.clone());
        move |mut request| {
            let busy = Busy::new(signs.clone(), request.body().is_end_stream());
            secret::hide(request.headers_mut());
            request.extensions_mut().insert(peer);
            let handler = handler.clone();
            let request = Box::new(request);
            boxed(|| async move {
                let mut response = handler.handle(request).await;
                response.body_mut().set_busy(busy);
                Ok(response)
            })
        }
    }

    /// Logs and counts why a connection broke.
    fn explain(&self, error: &hyper::Error) {
        let Self { signs, metrics, .. } = self;
        let peer = self.peer.address;
        if signs.stuck.load(Ordering::Relaxed) {
            let key = Key::ClientTooSlow;
            metrics.error(key);
            tracing::info!(key = key.text(), %peer, "a client stopped reading (`write_timeout`)");
        } else if error.is_timeout() {
            self.count_late_head();
        } else if error.is_parse_too_large() {
            let key = Key::HeadersTooLarge;
            metrics.error(key);
            tracing::info!(key = key.text(), %peer, "a head was too large to be read");
        } else {
            tracing::debug!(%error, %peer, "a connection broke");
        }
    }

    fn count_late_head(&self) {
        count_late_head(&self.signs, self.peer, &self.metrics);
    }
}

/// A connection that was merely idle has missed nothing; one that began a head has.
pub(super) fn count_late_head(signs: &Signs, peer: Peer, metrics: &Metrics) {
    if signs.began.load(Ordering::Relaxed) {
        let key = Key::HeaderTimeout;
        metrics.error(key);
        tracing::info!(key = key.text(), peer = %peer.address, "a head came too slowly (`header_timeout`)");
    }
}
