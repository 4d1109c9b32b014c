//! A legacy client, the shim, and an emulator, without sockets between them.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use polytomic_shim::emulator::{Emulator, Options, seed};
use polytomic_shim::exchange::{Bounds, Choice, Exchange};
use polytomic_shim::failure::Failure;
use polytomic_shim::message::{LegacyRequest, UpstreamRequest, UpstreamResponse};
use polytomic_shim::rules::Rules;
use polytomic_shim::upstream::{Envelope, Upstream};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::contract::as_legacy_request;

/// Everything there is.
pub struct World {
    runtime: Runtime,
    emulator: Emulator,
    exchange: Exchange<InProcess>,
}

/// What the client got.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub disclosed: Option<String>,
}

struct InProcess(axum::Router);

impl World {
    pub fn new() -> Self {
        let emulator = Emulator::with_options(Options { model_syncs: 60, ..Options::default() });
        let bounds = Bounds {
            concurrency: 4,
            caller_concurrency: 4,
            total_concurrency: 4,
            max_pages: 100,
            caller_cache_size: 10,
            caller_cache_ttl: Duration::from_secs(600),
            caller_kind: None,
        };
        let exchange =
            Exchange::new(InProcess(emulator.router()), Rules::embedded().unwrap(), bounds);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, emulator, exchange }
    }

    /// Everything stored, without what any write changes.
    pub fn state(&self) -> Value {
        let mut state = self.emulator.state();
        state.as_object_mut().unwrap().remove("clock");
        without_stamps(&mut state);
        state
    }

    /// A resource as upstream shows it, without what any write changes.
    pub fn stored(&self, path: &str) -> Value {
        let request = UpstreamRequest::new(Method::GET, path.parse().unwrap());
        let answer = self
            .runtime
            .block_on(self.exchange.upstream().call(&request, &envelope(path)))
            .unwrap();
        let mut stored: Value = serde_json::from_slice(&answer.body).unwrap();
        without_stamps(&mut stored);
        stored["data"].take()
    }

    /// Stores a resource, by upstream's own PUT. A model sync with several mappings takes no
    /// update without identities, so that one gets a single mapping first.
    pub fn store(&self, path: &str, body: &Value) {
        if path.starts_with("/api/syncs/") && body.get("identities").is_none() {
            let mut single = body.clone();
            let source = body["fields"][0]["source"].clone();
            let mapping =
                serde_json::json!({ "source": source, "target": "id", "function": "Equality" });
            single["identities"] = serde_json::json!({ "mappings": [mapping] });
            self.put(path, &single);
        }
        self.put(path, body);
    }

    fn put(&self, path: &str, body: &Value) {
        let request = UpstreamRequest {
            method: Method::PUT,
            target: path.parse().unwrap(),
            body: Some(Bytes::from(body.to_string())),
            idempotency_key: None,
        };
        let answer = self
            .runtime
            .block_on(self.exchange.upstream().call(&request, &envelope(path)))
            .unwrap();
        assert!(answer.status.is_success(), "{}\n{body}", String::from_utf8_lossy(&answer.body));
    }

    /// Reads a resource through the shim.
    pub fn read(&self, path: &str) -> Value {
        let mut answer = self.legacy(Method::GET, path, Bytes::new());
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["data"].take()
    }

    /// Writes back through the shim what a typed client knows of what it was shown.
    pub fn write_back(&self, operation: &str, path: &str, shown: &Value) -> Answer {
        let body = as_legacy_request(operation, shown);
        self.legacy(Method::PUT, path, Bytes::from(body.to_string()))
    }

    fn legacy(&self, method: Method, path: &str, body: Bytes) -> Answer {
        let envelope = envelope(path);
        let request = LegacyRequest {
            method: method.clone(),
            target: path.parse().unwrap(),
            body,
            origins: None,
        };
        self.runtime.block_on(async {
            let candidates = self.exchange.candidates(&method, path);
            let outcome = match self.exchange.choose(candidates, &envelope).await {
                Ok(Choice::Translate(chosen)) => {
                    self.exchange.translate(chosen, request, &envelope).await.unwrap()
                }
                Ok(Choice::Forward) => return self.forward(request, &envelope).await,
                Err(refused) => *refused,
            };
            let disclosed = outcome
                .response
                .headers
                .get("x-shim-disclosed")
                .map(|value| value.to_str().unwrap().to_owned());
            let body = serde_json::from_slice(&outcome.response.body.to_bytes()).unwrap();
            Answer { status: outcome.response.status.as_u16(), body, disclosed }
        })
    }

    async fn forward(&self, request: LegacyRequest, envelope: &Envelope) -> Answer {
        let body = (!request.body.is_empty()).then_some(request.body);
        let request = UpstreamRequest {
            method: request.method,
            target: request.target,
            body,
            idempotency_key: None,
        };
        let answer = self.exchange.upstream().call(&request, envelope).await.unwrap();
        Answer {
            status: answer.status.as_u16(),
            body: serde_json::from_slice(&answer.body).unwrap(),
            disclosed: None,
        }
    }
}

/// A partner for organizations, a user of the first organization for everything else.
fn envelope(path: &str) -> Envelope {
    let secret =
        if path.starts_with("/api/organizations") { "demo-partner" } else { "demo-a-user" };
    assert!(seed::KEYS.iter().any(|key| key.secret == secret), "{secret} is no key of the seed");
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {secret}")).unwrap(),
    );
    headers.insert("x-polytomic-version", HeaderValue::from_static("2025-09-18"));
    Envelope::new(headers, tokio::time::Instant::now() + Duration::from_secs(600))
}

impl Upstream for InProcess {
    async fn call(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let mut asked = Request::builder().method(&request.method).uri(request.target.as_str());
        *asked.headers_mut().unwrap() = envelope.headers.clone();
        let body = request.body.clone().map_or(Body::empty(), Body::from);
        let response = self.0.clone().oneshot(asked.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Ok(UpstreamResponse { status: parts.status, headers: parts.headers, body })
    }
}

fn without_stamps(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| key != "updated_at" && key != "updated_by");
            map.values_mut().for_each(without_stamps);
        }
        Value::Array(items) => items.iter_mut().for_each(without_stamps),
        _ => {}
    }
}
