//! Requests and answers that go through as they are: both bodies streamed, only headers touched.
//!
//! Nothing is parsed, buffered, copied or locked here, and of what a request says about its
//! destination only path and query are used.

mod body;
mod headers;
mod names;
mod whole;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Version};

pub use body::{Body, BoxError, Progress, RequestBody};
pub use headers::{Arrival, Peer, incoming_headers, outgoing_headers};
pub(crate) use headers::{FORWARDED_HOST, FORWARDED_PROTO};
pub(crate) use names::Names;
pub use whole::{ReadError, read_request, read_whole};
pub(crate) use whole::{broken, too_large};

use crate::failure::{Failure, Key};
use crate::message::{LegacyResponse, VERSION_HEADER};
use crate::server::Incoming;
use crate::upstream::UpstreamClient;

/// Sends a request on to upstream and hands its answer back, streaming both ways. Encodings,
/// `Content-Length` and trailers stay as they are; the path goes out byte for byte.
///
/// `version` is the `X-Polytomic-Version` to set upstream; none leaves what the request has.
/// Errors have a `shim.upstream_…` key, or a caller's key for a target that cannot be forwarded.
/// Once the answer has begun, an error in either body aborts the connection instead.
pub async fn forward(
    client: &UpstreamClient,
    request: Incoming,
    version: Option<HeaderValue>,
) -> Result<Response<Body>, Failure> {
    let (mut parts, body) = request.into_parts();
    let target = target(&parts)?;
    let arrival = Arrival::of(&parts);
    let incoming = std::mem::take(&mut parts.headers);
    let mut headers = outgoing_headers(incoming, &arrival, client.trusted_proxies());
    if let Some(version) = version {
        headers.insert(VERSION_HEADER, version);
    }
    let mut outgoing = Box::new(Request::new(RequestBody::streamed(body)));
    *outgoing.method_mut() = parts.method;
    *outgoing.uri_mut() = target.into();
    *outgoing.headers_mut() = headers;

    let (mut parts, body) = client.stream(outgoing).await?.into_parts();
    parts.headers = incoming_headers(parts.headers, parts.version);
    // The server picks the version that the client's connection speaks; upstream's says nothing
    // about that, and 1.0 would make the server close the connection.
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, Body::streamed(body, client.idle_timeout())))
}

/// Path and query of a request, the only parts of its target that count. Absolute targets
/// (`GET http://elsewhere/api`) are taken for their path; those without a path are refused.
pub fn target(parts: &Parts) -> Result<PathAndQuery, Failure> {
    let refuse = |message: &str| Err(Failure::new(Key::AmbiguousPath, message));
    if parts.method == Method::CONNECT {
        return refuse("CONNECT is not served here; send the request itself.");
    }
    // RFC 9112 §3.2: a request with two Host lines means two things to two readers.
    if parts.headers.get_all(http::header::HOST).iter().nth(1).is_some() {
        return refuse("The request has more than one Host header; send one.");
    }
    match parts.uri.path_and_query() {
        Some(target) if target.path().starts_with('/') => Ok(target.clone()),
        _ => refuse("The request target has no path; send one that starts with a slash."),
    }
}

/// The response that carries a translated answer, or one of the shim's own.
pub fn respond(answer: LegacyResponse) -> Response<Body> {
    let mut response = Response::new(Body::pieces(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
