//! From upstream answers to legacy ones.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderName, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::Job;
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::{self, Document, Object, Text};
use crate::lens::invalid;
use crate::message::{LegacyResponse, UpstreamResponse};
use crate::passthrough::Names;
use crate::reply;
use crate::rules::Rule;

/// The body of the legacy answer for a 2xx: lenses run in reverse, first on each resource, then on
/// the envelope.
pub(super) fn success_body(
    job: &Job,
    answer: &UpstreamResponse,
    report: &mut Report,
) -> Result<Bytes, Failure> {
    let rule = &*job.rule;
    let nothing =
        rule.lenses.is_empty() && rule.envelope_lenses.is_empty() && rule.addresses.is_empty();
    // A write may be answered without a body; a read that is was not answered.
    let is_read = job.request.method == Method::GET;
    let empty = answer.body.is_empty() && (!is_read || answer.status == StatusCode::NO_CONTENT);
    if empty || nothing {
        return Ok(answer.body.clone());
    }
    let document = document(&answer.body)?;
    let text = rule.resource.edit(document.text(), &mut |resource, pointer| {
        let former = report.rebase(pointer);
        let result = down(rule, &resource, report);
        report.restore(former);
        result
    })?;
    let text = with_client_addresses(job, text)?;
    if !text.is_object() {
        return Err(invalid("", "an object"));
    }
    let text = match rule.envelope_lenses.as_slice() {
        [] => text,
        lenses => {
            let mut envelope = text.into_object().ok_or_else(|| invalid("", "an object"))?;
            for lens in lenses.iter().rev() {
                lens.down(&mut envelope, report)?;
            }
            envelope.into_text()
        }
    };
    Ok(Bytes::from(text.into_string()))
}

/// Addresses of upstream become the client's: it must not be led around the shim.
fn with_client_addresses<'a>(job: &Job, text: Text<'a>) -> Result<Text<'a>, Failure> {
    let Some(origins) = &job.request.origins else { return Ok(text) };
    let mut rewrite = |address: Text<'a>, _: &str| {
        let rewritten = address.as_string().and_then(|address| origins.rewrite(&address));
        Ok(rewritten.map_or(address, |rewritten| Text::string(&rewritten)))
    };
    job.rule.addresses.iter().try_fold(text, |text, path| path.edit(text, &mut rewrite))
}

/// The legacy view of one resource.
pub(super) fn down<'a>(
    rule: &Rule,
    resource: &Text<'a>,
    report: &mut Report,
) -> Result<Text<'a>, Failure> {
    if rule.lenses.is_empty() {
        return Ok(resource.clone());
    }
    let mut text = String::new();
    down_into(rule, resource, report, &mut text)?;
    Ok(Text::written(text))
}

/// Appends the legacy view of one resource to `out`.
pub(super) fn down_into(
    rule: &Rule,
    resource: &Text<'_>,
    report: &mut Report,
    out: &mut String,
) -> Result<(), Failure> {
    if resource.is_null() || rule.lenses.is_empty() {
        out.push_str(resource.as_text());
        return Ok(());
    }
    let object = resource.object().ok_or_else(|| invalid("/data", "an object"))?;
    members_down_into(rule, object, report, out)
}

/// The same of a resource that is split already.
pub(super) fn members_down_into(
    rule: &Rule,
    mut object: Object<'_>,
    report: &mut Report,
    out: &mut String,
) -> Result<(), Failure> {
    for lens in rule.lenses.iter().rev() {
        lens.down(&mut object, report)?;
    }
    object.write(out);
    Ok(())
}

/// Reads an upstream body.
///
/// # Errors
/// It is not JSON.
pub(super) fn read(body: &[u8]) -> Result<Text<'_>, Failure> {
    json::parse(body).map_err(|error| invalid("", "JSON").detail(error.to_string()))
}

/// Reads an upstream body that is about to be taken apart.
///
/// # Errors
/// It is not JSON.
pub(super) fn document(body: &[u8]) -> Result<Document<'_>, Failure> {
    Document::read(body).map_err(|error| invalid("", "JSON").detail(error.to_string()))
}

/// The legacy answer for an upstream error: status and body stay, but for a 401, which is
/// rebuilt, and for the names of renamed fields.
pub fn error_answer(renamed: &[(String, String)], answer: UpstreamResponse) -> LegacyResponse {
    let UpstreamResponse { status, headers, body } = answer;
    let parsed = json::parse(&body).ok().and_then(Text::into_object);
    let changed = match parsed {
        Some(object) if status == StatusCode::UNAUTHORIZED => Some(unauthorized(&object)),
        Some(object) if !renamed.is_empty() => with_legacy_names(object, renamed),
        None if status == StatusCode::UNAUTHORIZED => Some(
            reply::unauthorized(
                "Upstream refused the credential.",
                Value::Object(serde_json::Map::new()),
            )
            .to_string(),
        ),
        _ => None,
    };
    let Some(changed) = changed else {
        return LegacyResponse { status, headers, body: body.into() };
    };
    let mut headers = strip_validators(headers);
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    LegacyResponse { status, headers, body: changed.into() }
}

/// A legacy 401 (`RestErrResponse`) out of an upstream one (`ApiError`). One that is in legacy
/// form already keeps what it says.
fn unauthorized(error: &Object<'_>) -> String {
    let text =
        |key: &str| error.present(key).and_then(|value| value.as_string().map(Cow::into_owned));
    let message = text("message")
        .or_else(|| text("error"))
        .unwrap_or_else(|| "Upstream refused the credential.".to_owned());
    let context = error.present("metadata").or_else(|| error.present("context"));
    let context = context
        .filter(|context| context.object().is_some())
        .map_or_else(|| Value::Object(serde_json::Map::new()), |context| context.to_tree());
    reply::unauthorized(&message, context).to_string()
}

/// The body with legacy names in `message` and in the keys of `metadata`; none if it has none.
fn with_legacy_names(mut error: Object<'_>, renamed: &[(String, String)]) -> Option<String> {
    let before = error.to_text();
    error.map("message", |message| {
        let message = message.as_string()?;
        let named = replaced(&message, renamed);
        (named != message).then(|| Text::string(&named))
    });
    error.map("metadata", |metadata| {
        let mut object = metadata.object()?;
        let keys: Vec<String> = object.members().map(|(key, _)| key.into_owned()).collect();
        for key in keys {
            let name = replaced(&key, renamed);
            if name != key && !object.has(&name) {
                object.rename(&key, name);
            }
        }
        (object.to_text() != *metadata).then(|| object.to_text())
    });
    let after = error.to_text();
    (after != before).then(|| after.as_text().to_owned())
}

/// `text` with each upstream name, where it stands as a whole word, replaced by the legacy one.
fn replaced(text: &str, renamed: &[(String, String)]) -> String {
    renamed.iter().fold(text.to_owned(), |text, (upstream, legacy)| {
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(upstream.as_str()) {
            let (before, found) = rest.split_at(at);
            let after = found.get(upstream.len()..).unwrap_or_default();
            let is_word = |character: char| character.is_alphanumeric() || character == '_';
            let whole = !before
                .chars()
                .next_back()
                .or_else(|| out.chars().next_back())
                .is_some_and(is_word)
                && !after.starts_with(is_word);
            out.push_str(before);
            out.push_str(if whole { legacy } else { upstream });
            rest = after;
        }
        out.push_str(rest);
        out
    })
}

/// Headers without those that speak of the exact bytes upstream sent: the body is another one now.
pub fn strip_validators(mut headers: HeaderMap) -> HeaderMap {
    static OF_THE_BODY: [HeaderName; 9] = [
        ETAG,
        LAST_MODIFIED,
        ACCEPT_RANGES,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        HeaderName::from_static("content-md5"),
        HeaderName::from_static("digest"),
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
    ];
    static NAMES: Names = Names::new(&OF_THE_BODY);
    NAMES.remove_from(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> UpstreamResponse {
        UpstreamResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        }
    }

    fn body(answer: LegacyResponse) -> String {
        String::from_utf8(answer.body.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_401_takes_the_legacy_form() {
        let got = error_answer(
            &[],
            answer(
                401,
                r#"{"key":"unauthorized","message":"no such key","metadata":{"a":1},"status":401}"#,
            ),
        );
        assert_eq!(
            body(got),
            r#"{"code":401,"context":{"a":1},"error":"no such key","status":"Unauthorized"}"#
        );
        for odd in ["", "<html>", "[]", r#"{"metadata":3}"#] {
            assert!(
                body(error_answer(&[], answer(401, odd))).contains(r#""status":"Unauthorized""#),
                "{odd}"
            );
        }
        let legacy = r#"{"code":401,"context":{},"error":"no such key","status":"Unauthorized"}"#;
        assert_eq!(body(error_answer(&[], answer(401, legacy))), legacy);
    }

    #[test]
    fn other_errors_keep_every_byte_but_renamed_names() {
        let renamed = [("default_schedule".to_owned(), "schedule".to_owned())];
        let untouched = "<html>bad gateway</html>";
        assert_eq!(body(error_answer(&renamed, answer(502, untouched))), untouched);
        let spaced = r#"{ "message" : "my_default_schedules is odd" }"#;
        assert_eq!(body(error_answer(&renamed, answer(422, spaced))), spaced);
        let named = r#"{"key":"k","message":"default_schedule: /default_schedule/frequency is required","metadata":{"default_schedule":"x","n":1.0},"status":422}"#;
        assert_eq!(
            body(error_answer(&renamed, answer(422, named))),
            r#"{"key":"k","message":"schedule: /schedule/frequency is required","metadata":{"schedule":"x","n":1.0},"status":422}"#
        );
    }
}
