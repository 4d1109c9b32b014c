//! From two answers that differ to a sample, and a fixture that repeats it.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use http::uri::PathAndQuery;
use serde_json::Value;

use super::beside::Asked;
use super::book::now;
use super::compare::{Answer, Content, Found};
use super::guarded::Exchanged;
use super::redact::Redactor;
use super::state::{Rollout, Sample};
use super::view::{Difference, Mismatch};
use crate::caller::scoped_organization;
use crate::contract::{Contract, Version, query_pairs};
use crate::rules::template::{decoded, encode_segment};
use crate::rules::{CallerKind, Rule};

/// Differences that are told of a sample.
const DIFFERENCES: usize = 20;
/// The largest fixture that is kept, in bytes.
const LARGEST: usize = 256 << 10;

/// What a sample is made of; all of it as it came, nothing of it is kept.
pub(super) struct Evidence {
    pub(super) rule: Arc<Rule>,
    pub(super) asked: Arc<Asked>,
    pub(super) kind: Option<CallerKind>,
    pub(super) tape: Vec<Exchanged>,
    pub(super) legacy: Arc<Answer>,
    pub(super) found: Vec<Found>,
}

/// Keeps a sample, unless there are some like it.
pub(super) fn sample(rollout: &Rollout, evidence: &Evidence) {
    let rule = &evidence.rule.id;
    let pointers: Vec<String> =
        evidence.found.iter().take(DIFFERENCES).map(|found| found.pointer.clone()).collect();
    if !rollout.book().wants(rule, &pointers) {
        return;
    }
    let upstream = evidence.asked.origins.as_ref().map(|own| own.upstream.clone());
    let mut redactor = Redactor::new(rollout.salt(), upstream.unwrap_or_default());
    let fixture = fixture(evidence, &mut redactor);
    let fixture = match fixture.len() {
        0..=LARGEST => Ok(fixture),
        bytes => Err(format!("the fixture would have {bytes} bytes, the limit is {LARGEST}")),
    };
    let mut shown =
        |key: &str, value: &Option<Value>| value.as_ref().map(|value| redactor.shown(key, value));
    let differences = evidence.found.iter().take(DIFFERENCES).map(|found| Difference {
        pointer: found.pointer.clone(),
        legacy: shown(&found.key, &found.legacy),
        translated: shown(&found.key, &found.translated),
    });
    let mismatch = Mismatch {
        id: rollout.next_sample(),
        at: now(),
        rule: rule.clone(),
        operation: format!("{} {}", evidence.rule.method, evidence.rule.path.source()),
        caller: evidence.asked.caller.to_string(),
        differences: differences.collect(),
    };
    let (id, at) = (&mismatch.id, pointers.join(" "));
    tracing::warn!(rule, mismatch = id, pointers = at, "a translated answer differs from legacy");
    rollout.book().keep(Sample { mismatch, fixture });
}

/// The fixture: the request, what upstream said to each call, and the legacy answer.
fn fixture(evidence: &Evidence, redactor: &mut Redactor) -> String {
    let Evidence { rule, asked, kind, tape, legacy, found } = evidence;
    let pointers: Vec<&str> =
        found.iter().take(DIFFERENCES).map(|found| found.pointer.as_str()).collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "why = {}",
        Value::from(format!(
            "Captured, and redacted: upstream's legacy answer differs at {}.",
            pointers.join(", ")
        ))
    );
    if let Some(kind) = kind {
        let _ = writeln!(text, "caller_kind = \"{}\"", kind.text());
    }
    let target = legacy_target(rule, &asked.target, redactor);
    let _ = writeln!(text, "\n[request]\nmethod = \"{}\"\npath = \"{target}\"", rule.method);
    if let Ok(Some(organization)) = scoped_organization(&asked.envelope.headers) {
        let credential = format!("{}:KEY", redactor.text(&organization));
        let credential = base64::engine::general_purpose::STANDARD.encode(credential);
        let _ = writeln!(text, "authorization = \"Basic {credential}\"");
    }
    for Exchanged { request, answer } in tape {
        let target = upstream_target(request.method.as_str(), &request.target, redactor);
        let _ = writeln!(text, "\n[[upstream]]\ncall = \"{} {target}\"", request.method);
        let status = answer.status.as_u16();
        said(&mut text, &Answer::new(status, answer.body.clone()), redactor);
    }
    text.push_str("\n[legacy]\n");
    said(&mut text, legacy, redactor);
    text
}

fn said(text: &mut String, answer: &Answer, redactor: &mut Redactor) {
    if answer.status != 200 {
        let _ = writeln!(text, "status = {}", answer.status);
    }
    match &answer.body {
        Content::Json(value) => {
            let _ = writeln!(text, "body = '''\n{}\n'''", redactor.value("", value));
        }
        Content::Bytes(bytes) if bytes.is_empty() => {}
        Content::Bytes(bytes) => {
            let replaced = redactor.text(&String::from_utf8_lossy(bytes));
            let _ = writeln!(text, "body = '{replaced}'");
        }
    }
}

fn legacy_target(rule: &Rule, target: &PathAndQuery, redactor: &mut Redactor) -> String {
    let path = target.path().strip_suffix('/').unwrap_or(target.path());
    let mut replaced = rule.path.source().to_owned();
    for (name, value) in rule.path.bind(path).unwrap_or_default() {
        replaced = replaced.replace(&format!("{{{name}}}"), &part(&decoded(&value), redactor));
    }
    with_query(replaced, target, redactor)
}

fn upstream_target(method: &str, target: &PathAndQuery, redactor: &mut Redactor) -> String {
    let found = Contract::of(Version::Upstream).find(method, target.path());
    let path = match found {
        Some(found) => {
            let mut replaced = found.operation.template.clone();
            for (name, value) in &found.parameters {
                replaced = replaced.replace(&format!("{{{name}}}"), &part(value, redactor));
            }
            replaced
        }
        None => {
            let parts = target.path().split('/').map(|own| part(&decoded(own), redactor));
            parts.collect::<Vec<_>>().join("/")
        }
    };
    with_query(path, target, redactor)
}

fn with_query(path: String, target: &PathAndQuery, redactor: &mut Redactor) -> String {
    let Some(query) = target.query().filter(|query| !query.is_empty()) else { return path };
    let pairs = query_pairs(query).into_iter().map(|(name, value)| {
        // Sizes of pages, and other small numbers.
        let is_small = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if is_small { value } else { redactor.word(&name, &value) };
        format!("{}={value}", redactor.name(&name))
    });
    format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn part(text: &str, redactor: &mut Redactor) -> String {
    let replaced = redactor.text(text);
    encode_segment(&replaced).unwrap_or(replaced)
}
