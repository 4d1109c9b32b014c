//! The four messages of a translated exchange, each a type of its own.
//!
//! A [`LegacyRequest`] is answered by a [`LegacyResponse`]; in between stand any number of
//! [`UpstreamRequest`]s and [`UpstreamResponse`]s. The compiler forbids mixing directions: nothing
//! that upstream said can reach a caller without having been made a [`LegacyResponse`].
//! Passthrough uses none of these: its bodies are streamed.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method, StatusCode};

/// The request header, and the response header, that carries an API version.
pub const VERSION_HEADER: HeaderName = HeaderName::from_static("x-polytomic-version");
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
    /// The body, empty when there was none.
    pub body: Bytes,
    /// The origins of upstream and of the shim, for addresses in answers.
    pub origins: Option<Origins>,
}

/// Two origins such as `https://app.polytomic.com`, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Where upstream is.
    pub upstream: String,
    /// Where the client found the shim.
    pub client: String,
}

impl Origins {
    /// The address with the client's origin in place of upstream's; none for any other address.
    pub fn rewrite(&self, address: &str) -> Option<String> {
        let (start, rest) = address.split_at_checked(self.upstream.len())?;
        let ends = rest.is_empty() || rest.starts_with(['/', '?', '#']);
        (start.eq_ignore_ascii_case(&self.upstream) && ends)
            .then(|| format!("{}{rest}", self.client))
    }
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
    pub body: Content,
}

/// A body in pieces, sent one after another: a long list is never copied into one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(Vec<Bytes>);

impl Content {
    /// Adds a piece at the end.
    pub fn push(&mut self, piece: impl Into<Bytes>) {
        let piece = piece.into();
        if !piece.is_empty() {
            self.0.push(piece);
        }
    }

    /// The pieces, in order; none is empty.
    pub fn into_pieces(self) -> Vec<Bytes> {
        self.0
    }

    /// All pieces as one.
    pub fn to_bytes(&self) -> Bytes {
        match self.0.as_slice() {
            [] => Bytes::new(),
            [only] => only.clone(),
            pieces => pieces.concat().into(),
        }
    }
}

impl From<Bytes> for Content {
    fn from(body: Bytes) -> Self {
        let mut content = Self::default();
        content.push(body);
        content
    }
}

impl From<String> for Content {
    fn from(body: String) -> Self {
        Bytes::from(body).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_upstream_origin_is_replaced() {
        let origins = Origins {
            upstream: "https://app.polytomic.com".to_owned(),
            client: "http://shim:8080".to_owned(),
        };
        let rewritten = |address| origins.rewrite(address);
        assert_eq!(
            rewritten("https://app.polytomic.com/api/x?y").as_deref(),
            Some("http://shim:8080/api/x?y")
        );
        assert_eq!(rewritten("HTTPS://APP.polytomic.com").as_deref(), Some("http://shim:8080"));
        assert_eq!(rewritten("https://app.polytomic.com.evil/api"), None);
        assert_eq!(rewritten("https://logs.example/x"), None);
        assert_eq!(rewritten("/api/x"), None);
    }
}
