//! The bodies on both sides of the proxy.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};
use tracing::Span;

use crate::failure::Key;
use crate::message::Content;
use crate::server::{Busy, InFlight, Pass};
use crate::telemetry::{Account, Ending};
use crate::upstream::AnswerBody;

/// Any error, as body types of several origins have in common.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of what a client gets: upstream's, streamed, or bytes that are there already.
///
/// In a box, as an answer is handed on by a dozen futures, each of which would copy it.
pub struct Body(Box<Parts>);

struct Parts {
    source: Source,
    span: Option<Span>,
    account: Account,
    // Held until the last byte is sent, or will never be.
    in_flight: Option<InFlight>,
    busy: Option<Busy>,
    pass: Option<Pass>,
    tap: Option<Tap>,
}

enum Source {
    Streamed(AnswerBody, Patience),
    Pieces(VecDeque<Bytes>),
}

impl Body {
    /// Bytes that are there already; each piece is let go of once it is sent.
    pub fn pieces(content: Content) -> Self {
        Self::of(Source::Pieces(content.into_pieces().into()))
    }

    /// Upstream's body; ends with an error when no next part comes within `patience`.
    pub fn streamed(incoming: AnswerBody, patience: Duration) -> Self {
        let patience = Patience { limit: patience, waiting: None };
        Self::of(Source::Streamed(incoming, patience))
    }

    fn of(source: Source) -> Self {
        Self(Box::new(Parts {
            source,
            span: None,
            account: Account::default(),
            in_flight: None,
            busy: None,
            pass: None,
            tap: None,
        }))
    }

    /// Says how the request is counted that this answers.
    pub(crate) fn set_account(&mut self, account: Account) {
        self.0.account = account;
    }

    /// Whether this is an error of the shim's own.
    pub(crate) fn is_own_error(&self) -> bool {
        self.0.account.key.is_some()
    }

    /// Whether a rule was for the request, so that somebody may have asked who calls.
    pub(crate) fn is_by_rule(&self) -> bool {
        matches!(self.0.account.ending, Ending::Translated | Ending::Legacy)
    }

    /// How many calls to upstream the answer took.
    pub(crate) fn upstream_calls(&self) -> usize {
        self.0.account.upstream_calls.unwrap_or(1)
    }

    /// Keeps a place taken for as long as the body is.
    pub(crate) fn set_pass(&mut self, pass: Pass) {
        self.0.pass = Some(pass);
    }

    /// Hands out what passes, once all of it has, unless it is more than `limit` bytes or the
    /// client leaves before. Nothing is copied, and nobody waits for it.
    pub(crate) fn tap(&mut self, limit: usize) -> oneshot::Receiver<Vec<Bytes>> {
        let (sender, receiver) = oneshot::channel();
        let mut tap = Tap { sender: Some(sender), pieces: Vec::new(), left: limit };
        if self.is_end_stream() {
            tap.end();
        }
        self.0.tap = Some(tap);
        receiver
    }

    /// How the request is counted that this answers.
    pub(crate) fn take_account(&mut self) -> Account {
        std::mem::take(&mut self.0.account)
    }

    /// Logs what becomes of the body within `span`.
    pub(crate) fn set_span(&mut self, span: Span) {
        self.0.span = Some(span);
    }

    /// Keeps the client's connection from resting for as long as the body is.
    pub(crate) fn set_busy(&mut self, busy: Busy) {
        self.0.busy = Some(busy);
    }

    /// Counts the request as under way for as long as the body is.
    pub(crate) fn set_in_flight(&mut self, in_flight: InFlight) {
        self.0.in_flight = Some(in_flight);
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self.0;
        let frame = match &mut this.source {
            Source::Pieces(pieces) => pieces.pop_front().map(|piece| Ok(Frame::data(piece))),
            Source::Streamed(incoming, patience) => match Pin::new(incoming).poll_frame(context) {
                Poll::Ready(frame) => {
                    patience.waiting = None;
                    frame.map(|frame| frame.map_err(BoxError::from))
                }
                Poll::Pending => {
                    ready!(patience.poll_ended(context));
                    Some(Err("upstream stopped sending in the middle of its answer".into()))
                }
            },
        };
        if let Some(tap) = &mut this.tap {
            let is_last = match &this.source {
                Source::Streamed(incoming, _) => incoming.is_end_stream(),
                Source::Pieces(pieces) => pieces.is_empty(),
            };
            tap.see(frame.as_ref(), is_last);
        }
        if let Some(Err(error)) = &frame {
            // The caller cannot be told any more: its connection is aborted, never ended cleanly.
            let _entered = this.span.as_ref().map(Span::enter);
            tracing::warn!(%error, key = Key::UpstreamCut.text(), "the answer was cut");
            if let Some(in_flight) = &mut this.in_flight {
                in_flight.cut(Key::UpstreamCut);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0.source {
            Source::Streamed(incoming, _) => incoming.is_end_stream(),
            Source::Pieces(pieces) => pieces.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0.source {
            Source::Streamed(incoming, _) => incoming.size_hint(),
            Source::Pieces(pieces) => {
                SizeHint::with_exact(pieces.iter().map(|piece| piece.len() as u64).sum())
            }
        }
    }
}

/// Who gets what has passed.
struct Tap {
    sender: Option<oneshot::Sender<Vec<Bytes>>>,
    pieces: Vec<Bytes>,
    left: usize,
}

impl Tap {
    fn see(&mut self, frame: Option<&Result<Frame<Bytes>, BoxError>>, is_last: bool) {
        match frame {
            None => self.end(),
            Some(Err(_)) => self.give_up(),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    match self.left.checked_sub(data.len()) {
                        Some(left) => self.left = left,
                        None => return self.give_up(),
                    }
                    if self.sender.is_some() {
                        self.pieces.push(data.clone());
                    }
                }
                // With a length known beforehand, nobody asks for what comes after the last byte.
                if is_last {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some(sender) = self.sender.take() {
            // Whoever wanted it may have given up.
            let _ = sender.send(std::mem::take(&mut self.pieces));
        }
    }

    fn give_up(&mut self) {
        self.sender = None;
        self.pieces = Vec::new();
    }
}

/// How long to wait for one next thing. The timer is made only when something is waited for:
/// most answers are there at once.
struct Patience {
    limit: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let timer = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        timer.as_mut().poll(context)
    }
}

/// The body of what upstream gets: a client's, streamed, or bytes that are there already.
pub struct RequestBody(Upload);

enum Upload {
    Streamed(Incoming, Arc<Progress>),
    Whole(Full<Bytes>),
}

impl RequestBody {
    /// Bytes that are there already; empty ones are no body at all.
    pub fn whole(bytes: Bytes) -> Self {
        Self(Upload::Whole(Full::new(bytes)))
    }

    /// A client's body.
    pub fn streamed(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            return Self::whole(Bytes::new());
        }
        Self(Upload::Streamed(incoming, Arc::default()))
    }

    /// Who is waited for while the body is sent; none when there is nothing to wait for.
    pub fn progress(&self) -> Option<Arc<Progress>> {
        match &self.0 {
            Upload::Streamed(_, progress) => Some(progress.clone()),
            Upload::Whole(_) => None,
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Upload::Whole(bytes) => Pin::new(bytes)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Upload::Streamed(incoming, progress) => {
                let polled = Pin::new(incoming).poll_frame(context);
                progress.note(polled.is_pending());
                polled.map(|frame| frame.map(|frame| frame.map_err(BoxError::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Upload::Streamed(incoming, _) => incoming.is_end_stream(),
            Upload::Whole(bytes) => bytes.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Upload::Streamed(incoming, _) => incoming.size_hint(),
            Upload::Whole(bytes) => bytes.size_hint(),
        }
    }
}

/// Since when a streamed request waits, and for whom: for the client's next bytes, or for upstream
/// to take them or to answer. Lets an upload take long as long as it moves.
pub struct Progress {
    started: Instant,
    // Milliseconds from `started` to the last movement, times two, plus one while the client is
    // waited for: one atomic instead of a lock.
    state: AtomicU64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { started: Instant::now(), state: AtomicU64::new(0) }
    }
}

impl Progress {
    fn note(&self, waits_for_client: bool) {
        let was_waiting = self.state.load(Ordering::Relaxed) & 1 == 1;
        if was_waiting && waits_for_client {
            return;
        }
        let millis = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX >> 1);
        self.state.store((millis << 1) | u64::from(waits_for_client), Ordering::Relaxed);
    }

    /// Whether the client is waited for, and since when somebody is.
    pub fn waiting(&self) -> (bool, Instant) {
        let state = self.state.load(Ordering::Relaxed);
        (state & 1 == 1, self.started + Duration::from_millis(state >> 1))
    }
}
