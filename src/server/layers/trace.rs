//! One span and one log line for each request. Queries are left out: they may hold what is private.

use std::future::poll_fn;
use std::time::Instant;

use http::Response;
use tracing::{Span, field};

use crate::passthrough::Body;
use crate::server::{Handler, Incoming, RequestId};
use crate::telemetry;

pub(super) struct Traced<H>(pub(super) H);

impl<H: Handler> Handler for Traced<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        // At the highest level, so that warnings have their context whatever the level is.
        let span = tracing::error_span!(
            "request",
            id = request.extensions().get::<RequestId>().map(RequestId::as_str),
            method = request.method().as_str(),
            path = request.uri().path(),
            caller = field::Empty,
            rule = field::Empty,
            upstream_calls = field::Empty,
            disclosed = field::Empty,
        );
        telemetry::continue_trace(&span, request.headers());
        let mut end = End { span, since: Instant::now(), status: None };
        // Pinned where it is: it is large, and what takes it would move it about. Entered by reference:
        // each handle to a span that is made and dropped looks it up.
        let mut handled = std::pin::pin!(self.0.handle(request));
        let span = &end.span;
        let mut response =
            poll_fn(|context| span.in_scope(|| handled.as_mut().poll(context))).await;
        let status = response.status().as_u16();
        end.status = Some(status);
        telemetry::tell_status(&end.span, status);
        response.body_mut().set_span(end.span.clone());
        response
    }
}

/// Logs the end of a request when it is dropped, which is also how a request ends whose client
/// leaves before there is an answer.
struct End {
    span: Span,
    since: Instant,
    status: Option<u16>,
}

impl Drop for End {
    fn drop(&mut self) {
        // With three decimals: whole milliseconds say little about a proxy.
        let micros = u32::try_from(self.since.elapsed().as_micros()).unwrap_or(u32::MAX);
        let duration_ms = f64::from(micros) / 1e3;
        self.span.in_scope(|| match self.status {
            Some(status) => tracing::info!(status, duration_ms, "answered"),
            None => tracing::info!(duration_ms, "the client left"),
        });
    }
}
