//! What can go wrong in the shim itself, whose fault it is, and what the caller is told.
//!
//! `reply.rs` is the only place that turns a [`Failure`] into a response.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

/// Whose fault a failure is: decides the log level and what an operator should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request cannot be served as it is.
    Caller,
    /// Upstream, or the way to it, failed.
    Upstream,
    /// The shim is at a limit, is stopping, or has a defect.
    Shim,
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:ident $status:literal $fault:ident $key:literal;)+) => {
        /// The stable name of each cause. Names are never reused; the README lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Key { $($(#[doc = $doc])+ $name,)+ }

        impl Key {
            /// Every key, in the order of the README's table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The text that callers see as `key`.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $key,)+ }
            }

            /// One sentence for the documentation: when this happens.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }

            const fn status_code(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// Whose fault it is.
            pub const fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)+ }
            }
        }
    };
}

keys! {
    /// The request body is not JSON; the message gives line and column.
    BadJson 400 Caller "shim.bad_json";
    /// The request body is not the kind of JSON value that the operation takes.
    BadBody 400 Caller "shim.bad_body";
    /// A key that the translation reads stands twice in one object of the request.
    DuplicateKey 400 Caller "shim.duplicate_key";
    /// The path has encoded slashes, or `.` or `..` as a segment, and could mean two things.
    AmbiguousPath 400 Caller "shim.ambiguous_path";
    /// The legacy status asked for has no counterpart in 2025-09-18.
    StatusUnsupported 400 Caller "shim.status_unsupported";
    /// The credential is missing, or its organization id is not an id.
    Unauthorized 401 Caller "shim.unauthorized";
    /// The resource does not exist for this caller.
    NotFound 404 Caller "shim.not_found";
    /// The caller took too long to send its request.
    RequestTimeout 408 Caller "shim.request_timeout";
    /// The head of a request did not arrive in time; the connection is closed without an answer.
    HeaderTimeout 408 Caller "shim.header_timeout";
    /// The caller stopped reading an answer; the connection is closed in the middle of it.
    ClientTooSlow 408 Caller "shim.client_too_slow";
    /// The request body is larger than the configured limit.
    BodyTooLarge 413 Caller "shim.body_too_large";
    /// The request body has a content encoding that cannot be undone.
    UnsupportedEncoding 415 Caller "shim.unsupported_encoding";
    /// The legacy schedule is incomplete or contradicts itself.
    ScheduleInvalid 422 Caller "shim.schedule_invalid";
    /// `schedule` and the fields that replace it were sent together.
    ScheduleConflict 422 Caller "shim.schedule_conflict";
    /// A user's email cannot be changed through the singular route of 2025-09-18.
    EmailFixed 422 Caller "shim.email_fixed";
    /// The update would remove the organization's OIDC client, which cannot be read back.
    OidcWouldBeLost 422 Caller "shim.oidc_would_be_lost";
    /// Headers and address of the request are larger than the configured limit.
    HeadersTooLarge 431 Caller "shim.headers_too_large";
    /// The shim has a defect; the request id is in its log.
    Internal 500 Shim "shim.internal";
    /// Upstream could not be reached.
    UpstreamUnreachable 502 Upstream "shim.upstream_unreachable";
    /// Upstream cut the connection before its answer was complete.
    UpstreamCut 502 Upstream "shim.upstream_cut";
    /// Upstream answered something that is not what its contract says.
    UpstreamInvalid 502 Upstream "shim.upstream_invalid";
    /// Upstream's answer is larger than the configured limit.
    UpstreamTooLarge 502 Upstream "shim.upstream_too_large";
    /// Upstream's list repeats a page token.
    UpstreamPaging 502 Upstream "shim.upstream_paging";
    /// Upstream's list has more pages than the configured limit.
    TooManyPages 502 Shim "shim.too_many_pages";
    /// The request would take more upstream calls than the configured limit.
    CallLimit 502 Shim "shim.call_limit";
    /// As many connections are open as the configured limit allows.
    TooManyConnections 503 Shim "shim.too_many_connections";
    /// As many requests are being translated as the configured limit allows.
    TooManyTranslations 503 Shim "shim.too_many_translations";
    /// As many upstream calls wait for their turn as the configured limit allows.
    Overloaded 503 Shim "shim.overloaded";
    /// As many upstream calls of this caller wait for their turn as the configured limit allows.
    CallerOverloaded 503 Shim "shim.caller_overloaded";
    /// The shim is shutting down.
    ShuttingDown 503 Shim "shim.shutting_down";
    /// Upstream did not answer in time.
    UpstreamTimeout 504 Upstream "shim.upstream_timeout";
    /// The whole request, with all its upstream calls, took longer than the configured deadline.
    DeadlineExceeded 504 Upstream "shim.deadline_exceeded";
}

impl Key {
    /// The HTTP status of answers with this key.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One failure: its cause, and what the caller should do next.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", key.text())]
pub struct Failure {
    /// The cause.
    pub key: Key,
    /// A sentence for the caller: what is wrong and what to do. Never contains a credential.
    pub message: String,
    /// Particulars, such as `pointer` or `line`; empty is left out of no answer.
    pub metadata: Map<String, Value>,
    /// What to send as `Retry-After`, rounded up to whole seconds.
    pub retry_after: Option<Duration>,
    /// What an operator needs to know and a caller does not, such as the cause of a refused
    /// connection. Logged, never shown. Never contains a credential.
    pub detail: Option<String>,
    /// Upstream's status, where the head of its answer came and the rest was lost: what a 2xx
    /// accepted stays accepted.
    pub upstream_status: Option<StatusCode>,
}

impl Failure {
    /// A failure with nothing but its message.
    pub fn new(key: Key, message: impl Into<String>) -> Self {
        Self {
            key,
            message: message.into(),
            metadata: Map::new(),
            retry_after: None,
            detail: None,
            upstream_status: None,
        }
    }

    /// Adds a particular to `metadata`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what only the log shows.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says what status upstream's answer had before it was lost.
    #[must_use]
    pub fn after_head(mut self, status: StatusCode) -> Self {
        self.upstream_status = Some(status);
        self
    }

    /// Logs what happened, at the level of whose fault it is, with what only operators should know.
    pub fn log(&self) {
        let (key, detail) = (self.key.text(), self.detail.as_deref());
        match self.key.fault() {
            Fault::Caller => tracing::info!(key, detail, "{}", self.message),
            Fault::Upstream => tracing::warn!(key, detail, "{}", self.message),
            Fault::Shim => tracing::error!(key, detail, "{}", self.message),
        }
    }

    /// Sets `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_have_an_error_status() {
        let mut seen = std::collections::HashSet::new();
        for key in Key::ALL {
            assert!(seen.insert(key.text()), "{} stands twice", key.text());
            assert!(key.text().starts_with("shim."));
            assert!(key.status().as_u16() >= 400);
        }
    }
}
