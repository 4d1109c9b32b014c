//! `/rollout` of the admin listener: what is told of the rollout, and changes of it.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::Status;
use crate::rollout::{Access, ChangeSet, Rollout};

/// Largest set of changes, in bytes: a change for each rule, many times over.
const LARGEST: usize = 64 << 10;

/// Names the person that makes a change, where the body does not.
const ACTOR: &str = "x-shim-actor";

/// The rollout that is told of, once there is one; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Shown(Arc<OnceLock<Rollout>>);

impl Shown {
    /// Tells of this one; the first one stays.
    pub fn set(&self, rollout: &Rollout) {
        // A process has one rollout.
        let _ = self.0.set(rollout.clone());
    }

    /// The rollout; none before it is loaded.
    pub fn get(&self) -> Option<&Rollout> {
        self.0.get()
    }
}

pub(super) fn router() -> Router<Status> {
    Router::new()
        .route("/rollout", get(view).put(change).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/rollout/mismatches/{id}", get(mismatch))
}

async fn view(State(status): State<Status>) -> Response {
    match status.rollout.get() {
        Some(rollout) => Json(rollout.view()).into_response(),
        None => starting(),
    }
}

async fn change(State(status): State<Status>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(rollout) = status.rollout.get() else { return starting() };
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).and_then(bearer);
    match rollout.access(given) {
        Access::Granted => {}
        Access::NoToken => {
            return told(
                StatusCode::FORBIDDEN,
                "changes need a token, and none is configured",
                "set `admin_token` (SHIM_ADMIN_TOKEN), and send it as `Authorization: Bearer TOKEN`",
            );
        }
        Access::Refused => {
            let hint = "send the setting `admin_token` as `Authorization: Bearer TOKEN`";
            let mut response =
                told(StatusCode::UNAUTHORIZED, "the token is missing or wrong", hint);
            let challenge = HeaderValue::from_static("Bearer realm=\"polytomic-shim\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            return response;
        }
    }
    let set: ChangeSet = match serde_json::from_slice(&body) {
        Ok(set) => set,
        Err(error) => {
            let message = format!("the body is not a set of changes: {error}");
            let hint = r#"send JSON such as {"by": "you", "changes": [{"rule": "bulk_sync/list", "mode": "translate", "share": 25}]}"#;
            return told(StatusCode::BAD_REQUEST, &message, hint);
        }
    };
    let actor = headers.get(ACTOR).and_then(|actor| actor.to_str().ok());
    match rollout.change(&set, actor) {
        Ok(()) => Json(rollout.view()).into_response(),
        Err(mistakes) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "mistakes": mistakes })))
            .into_response(),
    }
}

async fn mismatch(State(status): State<Status>, Path(id): Path<String>) -> Response {
    let Some(rollout) = status.rollout.get() else { return starting() };
    let Some(sample) = rollout.sample(&id) else {
        let hint = "`GET /rollout` lists the samples that are kept; older ones make room for newer";
        return told(StatusCode::NOT_FOUND, "there is no such sample", hint);
    };
    let (fixture, why) = match sample.fixture {
        Ok(fixture) => (Some(fixture), None),
        Err(why) => (None, Some(why)),
    };
    let mut told = json!(sample.mismatch);
    told["fixture"] = json!(fixture);
    told["without_fixture"] = json!(why);
    Json(told).into_response()
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token.trim_ascii())
}

fn starting() -> Response {
    told(StatusCode::SERVICE_UNAVAILABLE, "the rollout is not loaded yet", "try again soon")
}

fn told(status: StatusCode, message: &str, hint: &str) -> Response {
    let body = json!({ "mistakes": [{ "field": "", "message": message, "hint": hint }] });
    (status, Json(body)).into_response()
}
