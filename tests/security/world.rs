//! A shim that translates, before an upstream that writes down what it is asked.

use http::Response;
use http_body_util::Full;

use bytes::Bytes;

use crate::support::{Seen, Shim, Upstream, answer, raw};

pub struct World {
    pub upstream: Upstream,
    pub shim: Shim,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[], friendly).await
    }

    pub async fn with(
        flags: &[(&'static str, &str)],
        says: fn(&Seen) -> Response<Full<Bytes>>,
    ) -> Self {
        let upstream = Upstream::start(says).await;
        let shim = Shim::translating(&upstream.origin, flags).await;
        Self { upstream, shim }
    }

    /// Sends bytes on a connection of their own; gives everything that comes back.
    pub async fn send(&self, request: &str) -> String {
        raw(self.shim.address, request).await
    }

    /// What upstream has been asked since the last time: method and target.
    pub fn asked(&mut self) -> Vec<String> {
        let mut asked = Vec::new();
        while let Ok(seen) = self.upstream.seen.try_recv() {
            asked.push(format!("{} {}", seen.method(), seen.uri()));
        }
        asked
    }
}

/// A partner calls, and every resource is an empty object.
pub fn friendly(seen: &Seen) -> Response<Full<Bytes>> {
    match seen.uri().path() {
        "/api/me" => answer(200, &[], r#"{"data":{"is_partner":true,"organization_id":"own"}}"#),
        _ => answer(200, &[("content-type", "application/json")], r#"{"data":{}}"#),
    }
}

/// The status of an answer; 0 where the connection ended without one.
pub fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
