//! What all calls of one exchange have in common.

use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_RANGE, IF_UNMODIFIED_SINCE, RANGE, TE, TRAILER,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use crate::passthrough::Names;

/// What of the client's headers concerns its own body, or a part or an older copy of an answer.
/// Translations make bodies of their own and need answers whole.
static OF_THE_CLIENT_S_MESSAGE: [HeaderName; 10] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
    TE,
    TRAILER,
];
static THE_CLIENT_S_MESSAGE: Names = Names::new(&OF_THE_CLIENT_S_MESSAGE);

/// What all upstream calls of one exchange have in common.
///
/// Never formatted: credentials are inside, so there is no `Debug`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Envelope {
    /// End-to-end headers that each call has. A `Content-Type` is still the client's: each call puts its
    /// own in that place, or takes it out. What is added to a copy has all of it moved to where there is room.
    pub headers: HeaderMap,
    /// When the whole exchange must be over.
    pub deadline: Instant,
}

impl Envelope {
    /// With the headers of a client's request, made by [`crate::passthrough::outgoing_headers`]: without
    /// those that speak of its body, or of bytes that the client has.
    pub fn new(mut headers: HeaderMap, deadline: Instant) -> Self {
        THE_CLIENT_S_MESSAGE.remove_from(&mut headers);
        // The cheapest encoding to undo that every server has.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        Self { headers, deadline }
    }
}
