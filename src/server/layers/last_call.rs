//! When the time to drain is over, those who still wait are told, rather than just cut off.

use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tokio::sync::Notify;

use crate::failure::{Failure, Key};
use crate::passthrough::Body;
use crate::server::{Handler, Incoming, answer};

/// Ends every request that has no answer yet; clones share it.
#[derive(Debug, Clone, Default)]
pub struct LastCall(Arc<Notify>);

impl LastCall {
    /// Now: each waiting request is answered with 503, and its upstream work ends.
    pub fn announce(&self) {
        self.0.notify_waiters();
    }
}

pub(super) struct Heeding<H> {
    pub(super) inner: H,
    pub(super) last_call: LastCall,
}

impl<H: Handler> Handler for Heeding<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        // Pinned where it is: it is large, and what takes it would move it about.
        let handled = std::pin::pin!(self.inner.handle(request));
        tokio::select! {
            biased;
            response = handled => response,
            () = self.last_call.0.notified() => {
                let message = "The shim is shutting down. A write may have been accepted: read the \
                               resource before sending it again.";
                // Another instance, or the next one, takes over at once.
                let wait = Duration::from_secs(1);
                answer(&Failure::new(Key::ShuttingDown, message).retry_after(wait))
            }
        }
    }
}
