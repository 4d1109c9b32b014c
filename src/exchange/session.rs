//! The upstream calls of one request: limited, counted, retried where that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use super::limits::{CallerLimit, Limits, Permit};
use crate::boxed::boxed;
use crate::failure::{Failure, Key};
use crate::message::{UpstreamRequest, UpstreamResponse};
use crate::telemetry::{Meters, StatusClass};
use crate::upstream::{Envelope, Upstream, past_deadline};

/// How often a call is tried in all.
const TRIES: u32 = 6;
/// The wait before the first repetition where upstream names none; it doubles each time.
const PAUSE: Duration = Duration::from_millis(200);

/// The upstream calls of one request.
pub struct Session<'s, U> {
    upstream: &'s U,
    envelope: &'s Envelope,
    limits: &'s Limits,
    caller: Arc<CallerLimit>,
    meters: Arc<Meters>,
    calls: AtomicUsize,
}

/// Whether a 429 or 503 is waited out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It is: the call is one of many, and the client would have to start all over.
    WaitsAsTold,
    /// It is the client's to see: it asked for this one call.
    HandsOn,
}

impl<'s, U: Upstream> Session<'s, U> {
    /// The calls of one request of a caller.
    pub fn new(
        upstream: &'s U,
        envelope: &'s Envelope,
        limits: &'s Limits,
        caller: Arc<CallerLimit>,
        meters: Arc<Meters>,
    ) -> Self {
        Self { upstream, envelope, limits, caller, meters, calls: AtomicUsize::new(0) }
    }

    /// How many requests were sent.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Sends a request within limits and deadline.
    ///
    /// Only what changes nothing, or carries an idempotency key, is sent again: after a failed
    /// connection, or, with [`Patience::WaitsAsTold`], after a 429 or 503.
    ///
    /// # Errors
    /// Upstream's failure, once trying again is no use.
    pub async fn call(
        &self,
        request: UpstreamRequest,
        patience: Patience,
    ) -> Result<UpstreamResponse, Failure> {
        let repeatable = request.is_read() || request.idempotency_key.is_some();
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            let result = self.once(&request).await;
            let wait = match &result {
                Ok(answer)
                    if patience == Patience::WaitsAsTold
                        && request.is_read()
                        && is_busy(answer.status) =>
                {
                    retry_after(answer).unwrap_or(pause)
                }
                Err(failure) if repeatable && is_passing(failure.key) => pause,
                _ => return result,
            };
            if Instant::now() + wait >= self.envelope.deadline {
                return result;
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        self.once(&request).await
    }

    async fn once(&self, request: &UpstreamRequest) -> Result<UpstreamResponse, Failure> {
        if self.calls() >= self.limits.max_calls() {
            return Err(too_many(self.limits.max_calls()));
        }
        let _permit = match self.limits.acquire_now(&self.caller) {
            Some(permit) => permit,
            None => boxed(|| self.turn()).await?,
        };
        self.calls.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        // It keeps the deadline by itself.
        let result = self.upstream.call(request, self.envelope).await;
        let status = result.as_ref().ok().map(|answer| answer.status);
        self.meters.upstream(StatusClass::of(status), started.elapsed());
        result
    }

    /// Waits for permission to send one.
    async fn turn(&self) -> Result<Permit, Failure> {
        let turn = self.limits.wait(&self.caller, self.calls() == 0);
        let turn = tokio::time::timeout_at(self.envelope.deadline, turn).await;
        turn.map_err(|_| past_deadline())?.map_err(|failure| *failure)
    }
}

fn too_many(limit: usize) -> Failure {
    let message = format!(
        "The request takes more than {limit} upstream calls, the limit of this shim (`max_calls`). \
         A write may have been accepted: read the resource before sending it again."
    );
    Failure::new(Key::CallLimit, message).with("limit", limit)
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE
}

fn is_passing(key: Key) -> bool {
    matches!(key, Key::UpstreamCut | Key::UpstreamUnreachable)
}

/// How long upstream asks to wait: in seconds, or until a date (RFC 9110 section 10.2.3).
fn retry_after(answer: &UpstreamResponse) -> Option<Duration> {
    let value = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(retry_after: &str) -> UpstreamResponse {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).unwrap());
        UpstreamResponse { status: StatusCode::TOO_MANY_REQUESTS, headers, body: Bytes::new() }
    }

    #[test]
    fn both_forms_of_retry_after_are_understood() {
        assert_eq!(retry_after(&answer("7")), Some(Duration::from_secs(7)));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(90));
        let wait = retry_after(&answer(&later)).unwrap();
        assert!((85..=90).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(retry_after(&answer("Sun, 06 Nov 1994 08:49:37 GMT")), Some(Duration::ZERO));
        assert_eq!(retry_after(&answer("soon")), None);
    }
}
