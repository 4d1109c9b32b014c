//! A client for one credential and one version, and checks of what it is told.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt;

use crate::contract::{Contract, Version};
use crate::emulator::Emulator;

/// The connections of organization A, by what they are.
pub(super) const DATABASE: &str = "00000007-0000-4000-8000-000000000001";
pub(super) const WAREHOUSE: &str = "00000007-0000-4000-8000-000000000002";
pub(super) const CRM: &str = "00000007-0000-4000-8000-000000000003";
pub(super) const MARKETING: &str = "00000007-0000-4000-8000-000000000004";

pub(super) struct Client {
    pub(super) emulator: Emulator,
    pub(super) version: Version,
    pub(super) authorization: String,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(emulator: &Emulator, version: Version, secret: &str) -> Client {
        Client { emulator: emulator.clone(), version, authorization: format!("Bearer {secret}") }
    }

    pub(super) fn upstream(emulator: &Emulator, secret: &str) -> Client {
        Client::new(emulator, Version::Upstream, secret)
    }

    pub(super) fn legacy(emulator: &Emulator, secret: &str) -> Client {
        Client::new(emulator, Version::Legacy, secret)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, &[]).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body), &[]).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body), &[]).await
    }

    /// Sends, and checks the answer against the contract of the client's version.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:8099")
            .header("authorization", &self.authorization)
            .header("x-polytomic-version", self.version.date());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        let answer = ask(&self.emulator, request.body(body).unwrap()).await;
        let route = path.split('?').next().unwrap();
        if let Some(found) = Contract::of(self.version).find(method, route) {
            let findings = found.operation.check_answer(answer.status, &answer.body);
            assert_eq!(findings, [], "{method} {path}: {answer:?}");
        }
        assert_eq!(answer.headers["x-polytomic-version"], self.version.date());
        answer
    }
}

pub(super) async fn ask(emulator: &Emulator, request: Request<Body>) -> Answer {
    let response = emulator.router().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&bytes).unwrap(),
    };
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

impl Answer {
    /// The data of a successful answer.
    #[track_caller]
    pub(super) fn data(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:?}");
        let mut body = self.body;
        body["data"].take()
    }

    /// Asserts a refusal that mentions `part`.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, part: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.body.to_string().contains(part), "{part}: {self:?}");
    }
}
