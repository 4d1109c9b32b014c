//! The only way out.

use std::future::Future;

use crate::failure::Failure;
use crate::message::{UpstreamRequest, UpstreamResponse};

/// What all calls of one exchange share.
pub struct Envelope {
    /// End-to-end headers.
    pub headers: http::HeaderMap,
    /// Deadline of the exchange.
    pub deadline: tokio::time::Instant,
}

/// Something that answers upstream requests.
pub trait Upstream: Send + Sync + 'static {
    /// One buffered call.
    fn call(
        &self,
        request: UpstreamRequest,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<UpstreamResponse, Failure>> + Send;
}
