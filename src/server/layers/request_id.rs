//! A name for each request, by which its log lines are found.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Response};

use crate::passthrough::Body;
use crate::server::{Handler, Incoming, Live};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The name of a request: its `X-Request-Id`, or a fresh one. Stands in the extensions of every
/// request, in every log line about it, and in its answer unless upstream has put its own there.
/// A fresh one is not sent upstream: passthrough adds no header that clients did not ask for.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    fn of(request: &Incoming) -> Self {
        let named = request.headers().get(HEADER).filter(|value| is_modest(value));
        Self(named.cloned().unwrap_or_else(fresh))
    }

    /// The name as text; always visible ASCII.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Whether a client's own name fits in a log line.
fn is_modest(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

/// A random part for the process and a number for the request: unique without asking the system
/// for randomness each time.
fn fresh() -> HeaderValue {
    static PROCESS: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().simple().to_string());
    static REQUEST: AtomicU64 = AtomicU64::new(0);
    let number = REQUEST.fetch_add(1, Ordering::Relaxed);
    // By hand: the machinery of `format!` takes longer than all the rest.
    let mut text = BytesMut::with_capacity(33);
    text.extend_from_slice(PROCESS.as_bytes().get(..16).unwrap_or_default());
    text.extend_from_slice(b"-");
    let digits = (16 - number.leading_zeros() / 4).max(1);
    for digit in (0..digits).rev() {
        text.extend_from_slice(&[b"0123456789abcdef"[(number >> (4 * digit)) as usize & 15]]);
    }
    HeaderValue::from_maybe_shared(text.freeze()).unwrap_or(HeaderValue::from_static("unnamed"))
}

pub(super) struct Identified<H> {
    pub(super) inner: H,
    pub(super) live: Arc<Live>,
}

impl<H: Handler> Handler for Identified<H> {
    async fn handle(&self, mut request: Incoming) -> Response<Body> {
        let id = RequestId::of(&request);
        request.extensions_mut().insert(id.clone());
        let mut response = self.inner.handle(request).await;
        if self.live.now().shim_headers {
            response.headers_mut().entry(HEADER).or_insert(id.0);
        }
        response
    }
}
