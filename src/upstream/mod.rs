//! The only way out.
//!
//! [`UpstreamClient::stream`] sends what passes through, [`Upstream::call`] the buffered calls of
//! translations. Both use one pool of connections to the one configured origin: of a request only
//! path and query decide where it goes. A request is sent again only if it provably never left.

mod call;
mod client;
mod connector;
mod encoding;
mod envelope;
mod fault;
mod pool;

pub use client::{StartError, UpstreamClient};
pub use connector::Roots;
pub use encoding::{DecodeError, decode_body};
pub use envelope::Envelope;
pub(crate) use fault::past_deadline;
pub use pool::AnswerBody;

use crate::failure::Failure;
use crate::message::{UpstreamRequest, UpstreamResponse};

/// Sends one buffered call. A trait, so that flows can be driven in tests without a socket.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and reads its answer whole, with its `Content-Encoding` undone. Any
    /// status is an answer; errors are failures with a `shim.upstream_…` key.
    ///
    /// The request's `idempotency_key` becomes `Idempotency-Key` where the envelope has none.
    /// `Content-Type` is `application/json` with a body; without one, there is neither that nor
    /// `Content-Length`. Past the envelope's deadline the call fails; dropping the future ends it.
    fn call(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<UpstreamResponse, Failure>> + Send;
}
