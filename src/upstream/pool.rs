//! Connections to upstream, kept by the thread that drives them.
//!
//! Each thread has a lane of its own: a connection is driven, used and kept by one thread, so that
//! no request wakes another one, and the lock around a lane's idle connections is never waited for.
//! An HTTP/1.1 connection goes back to its lane with the last byte of the answer, without a task
//! that waits for that moment. `hyper-util`'s own pool is shared by all threads and starts such a
//! task for every answer with a body; prototypes of a plain call put that at 1.9 us of some 13.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::Instant;
use tower::Service as _;

use super::connector::Connector;
use crate::gather::Gathered;
use crate::passthrough::{BoxError, RequestBody};
use crate::settings::Origin;

/// Idle connections are closed before common servers and balancers close them (60 s and more): a
/// request that meets a closing connection fails without anybody knowing whether it arrived.
const IDLE: Duration = Duration::from_secs(30);

/// How often an HTTP/2 connection with requests under way is asked for a sign of life, and how long
/// it may take to give one: one that is silently dead must not swallow request after request.
const PING: Duration = Duration::from_secs(15);
const PONG: Duration = Duration::from_secs(10);

/// Bytes that upstream may send ahead on one HTTP/2 stream, and on all streams of a connection:
/// dozens of slow clients may stall before one of them holds up the others.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 32 << 20;

/// Largest list of headers that an HTTP/2 answer may have, in bytes.
const LARGEST_HEAD: u32 = 64 << 10;

/// How long a connection may take to become free once its answer is complete.
const GRACE: Duration = Duration::from_secs(1);

/// Connections that a lane keeps. Each holds some 20 KiB of buffers, and after a moment with hundreds of
/// requests at once most would only wait for their end.
const MOST_IDLE: usize = 64;

/// More threads than this share lanes, which costs time and nothing else.
const LANES: usize = 64;

type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

/// A request without an answer.
#[derive(Debug)]
pub(super) enum PoolError {
    /// There was no connection to send it on.
    Connect(BoxError),
    /// It was on its way, or may have been.
    Send(hyper::Error),
}

/// Connections to one origin.
pub(super) struct Pool {
    lanes: [Arc<Lane>; LANES],
    connector: Connector,
    origin: Origin,
    host: HeaderValue,
}

impl Pool {
    /// An empty pool; connects to nothing.
    pub(super) fn new(connector: Connector, origin: Origin) -> Self {
        // An authority has only bytes that a header may have.
        let host = HeaderValue::from_str(origin.authority().as_str());
        let host = host.unwrap_or(HeaderValue::from_static(""));
        Self { lanes: std::array::from_fn(|_| Arc::default()), connector, origin, host }
    }

    /// Sends a request to `target`, `now`, and gives the answer as soon as its head is there. A request that
    /// met a closing connection and was handed back unsent goes out on another one.
    pub(super) async fn send(
        &self,
        target: PathAndQuery,
        mut request: Box<Request<RequestBody>>,
        now: Instant,
    ) -> Result<Response<AnswerBody>, PoolError> {
        loop {
            let mut lease = self.lease(now).await.map_err(PoolError::Connect)?;
            self.address(&lease.sender, target.clone(), &mut request);
            let mut error = match lease.sender.send(*request).await {
                Ok(response) => return Ok(response.map(|body| AnswerBody::new(body, lease))),
                Err(error) => error,
            };
            match error.take_message() {
                Some(unsent) if lease.is_reused => *request = unsent,
                // A fresh connection that takes nothing: the next one would do the same.
                _ => return Err(PoolError::Send(error.into_error())),
            }
        }
    }

    pub(super) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Of HTTP/1.1 the target is the path and `Host` says where; of HTTP/2 it is the whole address.
    fn address(&self, sender: &Sender, target: PathAndQuery, request: &mut Request<RequestBody>) {
        match sender {
            Sender::Http1(_) => {
                *request.uri_mut() = target.into();
                request.headers_mut().insert(HOST, self.host.clone());
            }
            Sender::Http2(_) => {
                *request.uri_mut() = self.origin.uri(target);
                request.headers_mut().remove(HOST);
            }
        }
    }

    /// A connection to send one request on: the one used last, or a fresh one.
    async fn lease(&self, now: Instant) -> Result<Lease, BoxError> {
        let lane = &self.lanes[number() % LANES];
        if let Some(sender) = lane.take(now) {
            return Ok(Lease { sender, lane: lane.clone(), is_reused: true });
        }
        // Connecting has a lot to remember, and seldom happens.
        Box::pin(self.fresh(lane)).await
    }

    async fn fresh(&self, lane: &Arc<Lane>) -> Result<Lease, BoxError> {
        // Many requests at once shall not open a connection each where one serves them all.
        let _turn = match self.origin.is_tls() && !lane.speaks_http1.load(Ordering::Relaxed) {
            true => Some(lane.connecting.lock().await),
            false => None,
        };
        if let Some(sender) = lane.take(Instant::now()) {
            return Ok(Lease { sender, lane: lane.clone(), is_reused: true });
        }
        let sender = self.connect(lane).await?;
        Ok(Lease { sender, lane: lane.clone(), is_reused: false })
    }

    async fn connect(&self, lane: &Lane) -> Result<Sender, BoxError> {
        let address = self.origin.uri(PathAndQuery::from_static("/"));
        let stream = self.connector.clone().call(address).await?;
        if stream.connected().is_negotiated_h2() {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_header_list_size(LARGEST_HEAD)
                .keep_alive_interval(PING)
                .keep_alive_timeout(PONG)
                .handshake(stream)
                .await?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection to upstream ended");
                }
            });
            lane.state().shared = Some(sender.clone());
            return Ok(Sender::Http2(sender));
        }
        lane.speaks_http1.store(true, Ordering::Relaxed);
        let stream = TokioIo::new(Gathered(TokioIo::new(stream)));
        let (sender, connection) = http1::Builder::new().handshake(stream).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to upstream ended");
            }
        });
        Ok(Sender::Http1(sender))
    }
}

/// The number of this thread.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    OWN.get()
}

/// The connections of one thread.
#[derive(Default)]
struct Lane {
    state: Mutex<State>,
    /// Whether upstream was found to speak HTTP/1.1: then each request needs a connection anyway.
    speaks_http1: AtomicBool,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    /// The one used last at the end.
    idle: Vec<(Http1, Instant)>,
    /// The HTTP/2 connection, which serves many requests at once.
    shared: Option<Http2>,
    is_swept: bool,
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, now: Instant) -> Option<Sender> {
        let mut state = self.state();
        if let Some(shared) = &state.shared {
            if shared.is_ready() {
                return Some(Sender::Http2(shared.clone()));
            }
            state.shared = None;
        }
        while let Some((sender, since)) = state.idle.pop() {
            if sender.is_ready() && now.saturating_duration_since(since) < IDLE {
                return Some(Sender::Http1(sender));
            }
        }
        None
    }

    fn keep(self: &Arc<Self>, sender: Http1) {
        let mut state = self.state();
        if state.idle.len() >= MOST_IDLE {
            return;
        }
        state.idle.push((sender, Instant::now()));
        if !std::mem::replace(&mut state.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }
}

/// Closes what was idle for too long, until nothing is left.
async fn sweep(lane: Weak<Lane>) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(lane) = lane.upgrade() else { return };
        let mut state = lane.state();
        state.idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE);
        if state.idle.is_empty() {
            state.idle = Vec::new();
            state.is_swept = false;
            return;
        }
    }
}

enum Sender {
    Http1(Http1),
    Http2(Http2),
}

impl Sender {
    async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }
}

/// A connection for the time of one request. Dropped, it is closed, as nobody knows what would
/// still come over it; of HTTP/2 only the one stream is.
struct Lease {
    sender: Sender,
    lane: Arc<Lane>,
    is_reused: bool,
}

impl Lease {
    /// The answer is complete: the next request may have the connection.
    fn give_back(self) {
        let Sender::Http1(mut sender) = self.sender else { return };
        if sender.is_ready() {
            return self.lane.keep(sender);
        }
        // Its own task has yet to notice, or the rest of the request is still being sent.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let ready = tokio::time::timeout(GRACE, sender.ready()).await;
            if ready.is_ok_and(|ready| ready.is_ok()) {
                self.lane.keep(sender);
            }
        });
    }
}

/// The body of an upstream answer; gives its connection back with its last byte.
pub struct AnswerBody {
    incoming: Incoming,
    lease: Option<Lease>,
}

impl AnswerBody {
    fn new(incoming: Incoming, lease: Lease) -> Self {
        let mut body = Self { incoming, lease: Some(lease) };
        body.settle();
        body
    }

    fn settle(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(context));
        match &frame {
            Some(Ok(_)) => self.settle(),
            Some(Err(_)) => self.lease = None,
            None => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
