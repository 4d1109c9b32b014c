//! A 401 takes the legacy form on every route, whether a rule names it or not.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use polytomic_shim::contract::{Contract, Version};
use polytomic_shim::exchange::Translator;
use polytomic_shim::rules::{Options, Rules};
use polytomic_shim::upstream::UpstreamClient;
use serde_json::{Value, json};

use crate::support::*;

const REFUSED: &str =
    r#"{"key":"unauthorized","message":"no such key","metadata":{"a":1},"status":401}"#;
const IDENTITY: &str = r#"{"data":{"id":"U","organization_id":"x-1","is_user":true,"is_organization":false,"is_partner":false,"is_system":false}}"#;

fn refuse(_: &Seen) -> Response<Full<Bytes>> {
    answer(401, &[("content-type", "application/json")], REFUSED)
}

fn refuse_those_it_knows(seen: &Seen) -> Response<Full<Bytes>> {
    match seen.uri().path() {
        "/api/me" => answer(200, &[("content-type", "application/json")], IDENTITY),
        _ => refuse(seen),
    }
}

/// Sends every legacy operation; gives how many were refused as legacy says.
async fn refused(upstream: fn(&Seen) -> Response<Full<Bytes>>) -> usize {
    let upstream = Upstream::start(upstream).await;
    let settings = settings(&upstream.origin, &[]);
    let client = UpstreamClient::new(&settings).unwrap();
    let rules = Rules::load(None, Options::from(&settings)).unwrap();
    let handler = Translator::new(client, rules, &settings, Arc::default());
    let shim = Shim::with(settings, handler).await;
    let mut count = 0;
    for operation in Contract::of(Version::Legacy).operations() {
        let segments = operation.template.split('/');
        let path: Vec<&str> =
            segments.map(|part| if part.starts_with('{') { "x-1" } else { part }).collect();
        let (method, path) = (&operation.method, path.join("/"));
        let body =
            if operation.request_schema().is_some() { r#"{"status":"canceled"}"# } else { "" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer k\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let text = raw(shim.address, &request).await;
        if operation.id == "identity.get" && text.starts_with("HTTP/1.1 200 ") {
            continue;
        }
        assert!(text.starts_with("HTTP/1.1 401 "), "{method} {path}: {text}");
        let body: Value = serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        let expected = json!({"code": 401, "context": {"a": 1}, "error": "no such key", "status": "Unauthorized"});
        assert_eq!(body, expected, "{method} {path}");
        assert_eq!(operation.check_answer(401, &body), [], "{method} {path}");
        count += 1;
    }
    count
}

#[tokio::test]
async fn every_route_answers_401_in_the_legacy_form() {
    let all = Contract::of(Version::Legacy).operations().count();
    assert_eq!(refused(refuse).await, all);
    assert_eq!(refused(refuse_those_it_knows).await, all - 1);
}
