//! A panic is a defect of the shim: it costs the one request, and the caller gets a legacy 500.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::Response;

use crate::failure::{Failure, Key};
use crate::passthrough::Body;
use crate::server::{Handler, Incoming, answer};

pub(super) struct Caught<H>(pub(super) H);

impl<H: Handler> Handler for Caught<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        // Pinned where it is: it is large, and what takes it would move it about.
        let handled = std::pin::pin!(self.0.handle(request));
        // Nothing that a handler shares is left half-changed by a panic: it holds no lock while it works.
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        handled.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let message = "The shim has a defect; report it with the X-Request-Id of this answer.";
            answer(&Failure::new(Key::Internal, message).detail(text.unwrap_or("a panic")))
        })
    }
}
