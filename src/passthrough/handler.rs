//! The handler that translates nothing.

use http::{Request, Response};
use hyper::body::Incoming;

use super::{Body, forward};
use crate::server::{Handler, answer};
use crate::upstream::UpstreamClient;

/// Forwards every request as it is.
pub struct ForwardAll(pub UpstreamClient);

impl Handler for ForwardAll {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        forward(&self.0, request, None).await.unwrap_or_else(|failure| answer(&failure))
    }
}
