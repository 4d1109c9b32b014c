//! How a translated request ended, and the headers that say so.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::caller::Refusal;
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::message::{LEGACY_VERSION, LegacyResponse, VERSION_HEADER};
use crate::reply::reply;
use crate::rules::Rule;

/// The id of the rule.
pub(super) const RULE_HEADER: HeaderName = HeaderName::from_static("x-shim-rule");
/// How many calls to upstream it took.
pub(super) const CALLS_HEADER: HeaderName = HeaderName::from_static("x-shim-upstream-calls");
/// What is disclosed.
pub(super) const DISCLOSED_HEADER: HeaderName = HeaderName::from_static("x-shim-disclosed");

/// How a translated request ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What the client gets, the shim's own headers included.
    pub response: LegacyResponse,
    /// The failure, where the answer is the shim's own error.
    pub failure: Option<Failure>,
    /// How many upstream requests it took.
    pub upstream_calls: usize,
    /// What is disclosed, and the branches taken.
    pub report: Report,
    /// The rule; none where the request was refused before one was chosen.
    pub rule: Option<Arc<Rule>>,
}

/// The outcome of a request that was refused before its flow began.
pub(super) fn refused(refusal: Refusal, upstream_calls: usize) -> Outcome {
    let (response, failure) = match refusal {
        Refusal::Failure(failure) => (reply(&failure), Some(failure)),
        Refusal::Answer(response) => (response, None),
    };
    let report = Report::default();
    let mut outcome = Outcome { response, failure, upstream_calls, report, rule: None };
    stamp(&mut outcome);
    outcome
}

/// Adds the version and the headers that help.
pub(super) fn stamp(outcome: &mut Outcome) {
    let Outcome { response, upstream_calls, report, rule, .. } = outcome;
    let headers = &mut response.headers;
    headers.insert(VERSION_HEADER, HeaderValue::from_static(LEGACY_VERSION));
    headers.insert(CALLS_HEADER, calls(*upstream_calls));
    if let Some(rule) = rule.as_ref().and_then(|rule| rule.header.clone()) {
        headers.insert(RULE_HEADER, rule);
    }
    let disclosed = report.header().map(Bytes::from).map(HeaderValue::from_maybe_shared);
    if let Some(Ok(disclosed)) = disclosed {
        headers.insert(DISCLOSED_HEADER, disclosed);
    }
}

/// A number as a header's value.
fn calls(count: usize) -> HeaderValue {
    match count {
        // Nearly all.
        1 => HeaderValue::from_static("1"),
        count => HeaderValue::from(count),
    }
}
