//! A client's connection, ended when the client stops taking what it asked for.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::gather::Gathered;

/// A connection whose writes fail once the client has taken no byte for `patience`.
pub(super) struct Watched {
    inner: Gathered<TcpStream>,
    patience: Duration,
    // Made when a write has to wait, which most never do.
    stalled: Option<Pin<Box<Sleep>>>,
    signs: Arc<Signs>,
}

/// Some moment before all requests.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What a connection tells about its client, for whoever has to say why it ended.
#[derive(Debug, Default)]
pub(super) struct Signs {
    /// Bytes have come that belong to no request yet.
    pub(super) began: AtomicBool,
    /// A write waited for too long.
    pub(super) stuck: AtomicBool,
    /// What was written last is still waiting.
    is_writing: AtomicBool,
    /// Requests that came whole so far, as far as their heads go.
    requests: AtomicU32,
    /// Whether the last one has no answer yet, or not all of it. Said of HTTP/1.1 only, where one
    /// request comes after the other.
    is_busy: AtomicBool,
    /// When the last answer ended, in milliseconds since [`START`]; 0 before the first one.
    ended: AtomicU64,
    /// Whether the last one had no body, so that none of it can be left in the stream.
    is_bodiless: AtomicBool,
}

impl Signs {
    /// How many requests have come.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether a request is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// When the last answer ended; none before the first one.
    pub(super) fn answered_at(&self) -> Option<Instant> {
        let millis = self.ended.load(Ordering::Relaxed);
        (millis > 0).then(|| *START + Duration::from_millis(millis))
    }

    /// Whether nothing is under way in either direction: the next byte begins a request.
    pub(super) fn is_at_rest(&self) -> bool {
        let is = |sign: &AtomicBool| sign.load(Ordering::Relaxed);
        is(&self.is_bodiless) && !is(&self.is_busy) && !is(&self.began) && !is(&self.is_writing)
    }
}

/// A request under way, for as long as this is held.
pub struct Busy(Arc<Signs>);

impl Busy {
    /// The request that has just come.
    pub(super) fn new(signs: Arc<Signs>, is_bodiless: bool) -> Self {
        signs.requests.fetch_add(1, Ordering::Relaxed);
        signs.is_busy.store(true, Ordering::Relaxed);
        signs.is_bodiless.store(is_bodiless, Ordering::Relaxed);
        Self(signs)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let millis = u64::try_from(START.elapsed().as_millis()).unwrap_or_default();
        self.0.ended.store(millis.max(1), Ordering::Relaxed);
        self.0.began.store(false, Ordering::Relaxed);
        self.0.is_busy.store(false, Ordering::Relaxed);
    }
}

impl Watched {
    pub(super) fn new(inner: TcpStream, patience: Duration, signs: Arc<Signs>) -> Self {
        Self { inner: Gathered(inner), patience, stalled: None, signs }
    }

    /// Gives an unfinished write its time, and forgets the time once a write is done.
    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.signs.is_writing.store(written.is_pending(), Ordering::Relaxed);
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        if timer.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.signs.stuck.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no more")))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.signs.began.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
