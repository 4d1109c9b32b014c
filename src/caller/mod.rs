//! Who is calling: credential to kind and organization, remembered.
//!
//! `GET /api/me` (`/components/schemas/GetIdentityResponseSchema` of 2025-09-18) tells. A verdict
//! is kept under a salted hash of the `Authorization` header, never the header itself; the cache
//! is bounded, entries live a limited time, and one question is under way for each credential
//! however many requests wait for its answer.

mod credential;
mod memory;
mod owner;

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::failure::{Failure, Key};
use crate::flow::error_answer;
use crate::json;
use crate::message::{LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::CallerKind;

use memory::Memory;

pub use credential::{Fingerprint, Salt, scoped_organization};
pub use owner::Owners;

/// What is known of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The kind of its credential.
    pub kind: CallerKind,
    /// The organization that it belongs to, where upstream or the credential says.
    pub organization: Option<String>,
}

/// Why a look-up ended the request.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The shim's own error.
    Failure(Failure),
    /// Upstream's answer is the caller's: a 401, say.
    Answer(LegacyResponse),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The callers seen lately.
#[derive(Debug)]
pub struct Callers {
    verdicts: Memory<Fingerprint, Caller>,
    pinned: Option<CallerKind>,
}

impl Callers {
    /// Remembers up to `capacity` callers for `lifetime` each. A pinned kind is not asked for.
    pub fn new(capacity: u64, lifetime: Duration, pinned: Option<CallerKind>) -> Self {
        Self { verdicts: Memory::new(capacity, lifetime), pinned }
    }

    /// The kind that is configured for every caller.
    pub fn pinned(&self) -> Option<CallerKind> {
        self.pinned
    }

    /// What is remembered of a caller.
    pub fn remembered(&self, fingerprint: &Fingerprint) -> Option<Caller> {
        self.verdicts.get(fingerprint)
    }

    /// Forgets a caller: upstream contradicted what was remembered.
    pub fn forget(&self, fingerprint: &Fingerprint) {
        self.verdicts.forget(fingerprint);
    }

    /// Who is calling: remembered, or asked by `ask`, which sends one request.
    ///
    /// # Errors
    /// Upstream's refusal of the credential, or its failure to answer; nothing is remembered then.
    pub async fn identify<F>(
        &self,
        fingerprint: Fingerprint,
        ask: impl FnOnce(UpstreamRequest) -> F,
    ) -> Result<Caller, Refusal>
    where
        F: Future<Output = Result<UpstreamResponse, Failure>>,
    {
        let request =
            UpstreamRequest::new(Method::GET, http::uri::PathAndQuery::from_static("/api/me"));
        let look_up = || async { verdict(ask(request).await?) };
        let mut caller = self.verdicts.get_or(fingerprint, look_up).await?;
        if let Some(kind) = self.pinned {
            caller.kind = kind;
        }
        Ok(caller)
    }
}

/// Reads the answer of `GET /api/me`.
fn verdict(answer: UpstreamResponse) -> Result<Caller, Refusal> {
    if answer.status.is_server_error() {
        return Err(unavailable(answer.status, "who is calling", "GET /api/me").into());
    }
    if !answer.status.is_success() {
        return Err(Refusal::Answer(error_answer(&[], answer)));
    }
    let invalid = || crate::lens::invalid("/data", "who is calling (GET /api/me)");
    let text = json::parse(&answer.body).map_err(|_| invalid())?;
    let data =
        text.into_object().and_then(|envelope| envelope.value("data")).ok_or_else(invalid)?;
    let data = data.object().ok_or_else(invalid)?;
    let is = |key: &str| data.get(key).and_then(|value| value.as_boolean()).unwrap_or(false);
    let kind = match () {
        () if is("is_partner") || is("is_system") => CallerKind::Partner,
        () if is("is_organization") => CallerKind::Organization,
        () => CallerKind::User,
    };
    let organization =
        data.get("organization_id").and_then(|id| id.as_string().map(std::borrow::Cow::into_owned));
    Ok(Caller { kind, organization: organization.filter(|id| !id.is_empty()) })
}

/// The failure of a look-up that upstream could not answer.
fn unavailable(status: StatusCode, what: &str, look_up: &str) -> Failure {
    let key = if status == StatusCode::GATEWAY_TIMEOUT {
        Key::UpstreamTimeout
    } else {
        Key::UpstreamUnreachable
    };
    let message = format!(
        "Upstream could not tell {what}, which this request depends on. Nothing was sent; try again."
    );
    Failure::new(key, message).detail(format!("{look_up} answered {}", status.as_u16()))
}

/// The `Authorization` header as it came; empty where there is none.
pub(crate) fn authorization(headers: &HeaderMap) -> &[u8] {
    headers.get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;

    fn me(status: u16, body: &str) -> UpstreamResponse {
        UpstreamResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        }
    }

    fn callers(pinned: Option<CallerKind>) -> Callers {
        Callers::new(100, Duration::from_secs(60), pinned)
    }

    #[test]
    fn the_answer_tells_the_kind() {
        for (body, kind) in [
            (r#"{"data":{"is_user":true,"organization_id":"O"}}"#, CallerKind::User),
            (
                r#"{"data":{"is_organization":true,"organization_id":"O"}}"#,
                CallerKind::Organization,
            ),
            (r#"{"data":{"is_partner":true,"is_organization":true}}"#, CallerKind::Partner),
            (r#"{"data":{"is_system":true}}"#, CallerKind::Partner),
        ] {
            assert_eq!(verdict(me(200, body)).unwrap().kind, kind, "{body}");
        }
        assert!(
            matches!(verdict(me(200, "garbage")), Err(Refusal::Failure(failure)) if failure.key == Key::UpstreamInvalid)
        );
    }

    #[tokio::test]
    async fn many_wait_for_one_question() {
        let (callers, asked) = (callers(None), AtomicUsize::new(0));
        let ask = |_| async {
            asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(me(200, r#"{"data":{"is_user":true,"organization_id":"O"}}"#))
        };
        let one = || callers.identify(Salt::fixed().fingerprint(b"Bearer k"), ask);
        let got = futures_util::future::join_all((0..50).map(|_| one())).await;
        assert!(got.iter().all(Result::is_ok));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn no_verdict_is_not_remembered() {
        let callers = callers(None);
        let fingerprint = Salt::fixed().fingerprint(b"Bearer k");
        let refused = callers.identify(fingerprint, |_| async { Ok(me(503, "")) }).await;
        assert!(
            matches!(refused, Err(Refusal::Failure(failure)) if failure.key == Key::UpstreamUnreachable)
        );
        let wrong =
            callers.identify(fingerprint, |_| async { Ok(me(401, r#"{"message":"no"}"#)) }).await;
        assert!(matches!(wrong, Err(Refusal::Answer(answer)) if answer.status == 401));
        assert!(callers.remembered(&fingerprint).is_none());
    }
}
