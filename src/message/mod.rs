//! The four messages of a translated exchange, each a type of its own.
//!
//! A [`LegacyRequest`] is answered by a [`LegacyResponse`]; in between stand any number of
//! [`UpstreamRequest`]s and [`UpstreamResponse`]s. The compiler forbids mixing directions: nothing
//! that upstream said can reach a caller without having been made a [`LegacyResponse`].
//! Passthrough uses none of these: its bodies are streamed.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};

/// The request header, and the response header, that carries an API version.
pub const VERSION_HEADER: &str = "x-polytomic-version";
/// The version that legacy clients speak.
pub const LEGACY_VERSION: &str = "2024-02-08";
/// The version that upstream is asked in.
pub const UPSTREAM_VERSION: &str = "2025-09-18";

/// What a legacy client asked, its body read whole and with its `Content-Encoding` undone.
#[derive(Debug, Clone)]
pub struct LegacyRequest {
    /// The method of the request line.
    pub method: Method,
    /// Path and query as they came, never an authority.
    pub target: PathAndQuery,
    /// End-to-end headers; credentials are inside, so this is never formatted.
    pub headers: HeaderMap,
    /// The body, empty when there was none.
    pub body: Bytes,
}

/// One request to upstream, made by a flow and sent by `exchange`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The method.
    pub method: Method,
    /// Path and query; the authority is the configured one and nothing else.
    pub target: PathAndQuery,
    /// A body of JSON, or none.
    pub body: Option<Bytes>,
    /// The `Idempotency-Key` to send where the client sent none.
    pub idempotency_key: Option<String>,
}

impl UpstreamRequest {
    /// A request without a body.
    pub fn new(method: Method, target: PathAndQuery) -> Self {
        Self { method, target, body: None, idempotency_key: None }
    }

    /// Whether upstream changes nothing by answering this: such a request may be repeated.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// What upstream answered, read whole, its `Content-Encoding` undone.
#[derive(Debug, Clone)]
pub struct UpstreamResponse {
    /// The status.
    pub status: StatusCode,
    /// End-to-end headers.
    pub headers: HeaderMap,
    /// The decoded body.
    pub body: Bytes,
}

/// What a legacy client gets.
#[derive(Debug, Clone)]
pub struct LegacyResponse {
    /// The status.
    pub status: StatusCode,
    /// End-to-end headers; `Content-Length` is not among them, the server computes it.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}
