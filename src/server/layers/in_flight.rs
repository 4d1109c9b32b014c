//! How many requests are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;

use crate::passthrough::Body;
use crate::server::Handler;

/// A count of requests under way; clones share it.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    /// Requests whose answer is not yet sent to its last byte.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn enter(&self) -> InFlightGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(self.clone())
    }
}

/// Counts one request for as long as it is held.
#[derive(Debug)]
pub struct InFlightGuard(InFlight);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) struct Counted<H> {
    pub(super) inner: H,
    pub(super) in_flight: InFlight,
}

impl<H: Handler> Handler for Counted<H> {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let guard = self.in_flight.enter();
        let mut response = self.inner.handle(request).await;
        response.body_mut().set_in_flight(guard);
        response
    }
}
