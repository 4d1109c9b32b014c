//! The upstream that `explain` asks: there is none.

use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::contract::{Contract, Version};
use crate::failure::{Failure, Key};
use crate::message::{UpstreamRequest, UpstreamResponse};
use crate::rules::CallerKind;
use crate::upstream::{Envelope, Upstream};

/// An upstream that writes down what it is asked and answers with examples.
pub(super) struct Imagined {
    pub(super) kind: CallerKind,
    /// The caller's own organization: the one that the path names, so that the request is served.
    pub(super) organization: String,
    pub(super) calls: Mutex<Vec<UpstreamRequest>>,
}

impl Upstream for Imagined {
    async fn call(
        &self,
        request: &UpstreamRequest,
        _: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let body = self.example(request);
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(request.clone());
        let body = body.ok_or_else(|| {
            Failure::new(Key::UpstreamInvalid, "The upstream contract has no such operation.")
        })?;
        Ok(UpstreamResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        })
    }
}

impl Imagined {
    pub(super) fn is_idle(&self) -> bool {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_empty()
    }

    fn example(&self, request: &UpstreamRequest) -> Option<Value> {
        let is = |kind| self.kind == kind;
        let path = request.target.path();
        if path == "/api/me" {
            let organization = crate::rules::template::decoded(&self.organization);
            let organization = if organization.is_empty() { "ORGANIZATION" } else { &organization };
            return Some(json!({ "data": {
                "is_user": is(CallerKind::User), "is_organization": is(CallerKind::Organization),
                "is_partner": is(CallerKind::Partner), "organization_id": organization,
            }}));
        }
        let operation =
            Contract::of(Version::Upstream).find(request.method.as_str(), path)?.operation;
        let mut example = operation.example_answer().unwrap_or_else(|| json!({}));
        if let Some(object) = example.as_object_mut() {
            object.remove("pagination");
        }
        if path.starts_with("/api/organizations/entities/") {
            example["data"]["type"] = json!("connection");
            example["data"]["organization_id"] = json!("OWNER");
        }
        if (path.starts_with("/api/organizations/") || path == "/api/organization")
            && let Some(organization) = example["data"].as_object_mut()
        {
            // Sign-on by OIDC is the exception, and a request that would lose it is refused.
            organization.remove("issuer");
        }
        if path.contains("/users/")
            && let Some(email) = example.pointer_mut("/data/email")
        {
            // So that the example is of a request which leaves the email as it is.
            *email = json!("EMAIL");
        }
        Some(example)
    }
}
