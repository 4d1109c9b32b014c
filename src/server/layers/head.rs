//! The size of request heads, and the version that errors answer in.

use std::sync::Arc;

use http::Response;

use crate::failure::{Failure, Key};
use crate::message::{LEGACY_VERSION, VERSION_HEADER};
use crate::passthrough::Body;
use crate::server::{Handler, Incoming, Live, answer};

/// What a header line takes besides name and value: the same as HTTP/2 counts
/// (RFC 9113 section 6.5.2).
const LINE: usize = 32;

pub(super) struct Headed<H> {
    pub(super) inner: H,
    pub(super) live: Arc<Live>,
}

impl<H: Handler> Handler for Headed<H> {
    async fn handle(&self, request: Incoming) -> Response<Body> {
        let version = request.headers().get(VERSION_HEADER).cloned();
        let limit = self.live.now().max_header_size;
        let mut response = match size(&request) > limit {
            true => answer(&too_large(limit)),
            false => self.inner.handle(request).await,
        };
        if response.body().is_own_error() {
            let version = version.unwrap_or_else(|| self.live.now().default_version.clone());
            // Both versions have one form for errors, and clients check the version they asked for.
            if version.as_bytes() != LEGACY_VERSION.as_bytes() {
                response.headers_mut().insert(VERSION_HEADER, version);
            }
        }
        response
    }
}

fn size(request: &Incoming) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let lines = request.headers().iter();
    target + lines.map(|(name, value)| name.as_str().len() + value.len() + LINE).sum::<usize>()
}

fn too_large(limit: usize) -> Failure {
    let message = format!(
        "Headers and address of the request are larger than {limit} bytes together; send less in them."
    );
    Failure::new(Key::HeadersTooLarge, message).with("limit", limit)
}
