//! How a translated request ended, and the headers that say so.

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
}

/// The outcome of a request that was refused before its flow began.
pub(super) fn refused(refusal: Refusal, upstream_calls: usize) -> Outcome {
    let (response, failure) = match refusal {
        Refusal::Failure(failure) => (reply(&failure), Some(failure)),
        Refusal::Answer(response) => (response, None),
    };
    let mut outcome = Outcome { response, failure, upstream_calls, report: Report::default() };
    stamp(&mut outcome, None);
    outcome
}

/// Adds the version and the headers that help.
pub(super) fn stamp(outcome: &mut Outcome, rule: Option<&Rule>) {
    let headers = &mut outcome.response.headers;
    headers.insert(VERSION_HEADER, HeaderValue::from_static(LEGACY_VERSION));
    headers.insert(CALLS_HEADER, HeaderValue::from(outcome.upstream_calls));
    let mut text = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if let Some(rule) = rule {
        text(RULE_HEADER, &rule.id);
    }
    if let Some(disclosed) = outcome.report.header() {
        text(DISCLOSED_HEADER, &disclosed);
    }
}
