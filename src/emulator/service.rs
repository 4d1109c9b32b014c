//! The life of a request: version, route, credential, checks, handler, view.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::call::{Call, Failure, Outcome, Reply};
use super::idempotency::Key;
use super::{Emulator, Inner, Options, Seen, auth, checks, view};
use super::{
    activity, bulk, connections, metadata, models, organizations, plain, proxying, schemas,
    sharing, sync, users,
};
use crate::contract::{Contract, Found, Version};

/// The most that a request's body may have.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A JSON answer. A tree writes itself several times faster than a serializer that is compiled
/// here, without optimization, does it in debug builds.
fn json_text(body: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(super) fn router(emulator: Emulator) -> Router {
    Router::new()
        .route("/_emulator/state", get(state))
        .route("/_emulator/requests", get(requests))
        .route("/_emulator/files/{*path}", get(file))
        .fallback(api)
        .with_state(emulator)
}

async fn state(State(emulator): State<Emulator>) -> Response {
    json_text(&emulator.state())
}

async fn requests(State(emulator): State<Emulator>) -> Response {
    axum::Json(emulator.requests()).into_response()
}

/// What a signed log address leads to.
async fn file() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "[]").into_response()
}

async fn api(State(emulator): State<Emulator>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let latency = emulator.options().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    // HTTP/2 says the host in the URI.
    let authority = head.uri.authority().map(Authority::as_str);
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let request = Incoming {
        host: host.or(authority).unwrap_or("localhost"),
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        body: &body,
    };
    answer(&emulator, &request)
}

/// A request with its body read.
struct Incoming<'a> {
    host: &'a str,
    method: &'a Method,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Incoming<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The same for requests that ask for the same.
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for part in [self.method.as_str(), self.path, self.query.unwrap_or_default()] {
            digest.update(part);
            digest.update([0]);
        }
        digest.update(self.body);
        digest.finalize().into()
    }
}

fn answer(emulator: &Emulator, request: &Incoming<'_>) -> Response {
    let options = emulator.options();
    let side = side(request, options);
    let shown = *side.as_ref().unwrap_or(&Version::Upstream);
    let mut inner = emulator.lock();
    let outcome = side
        .and_then(|side| inner.is_free(options).map(|()| side))
        .and_then(|side| exchange(&mut inner, options, side, request));
    let response = respond(shown, outcome, allowed(request, shown));
    inner.remember(options, request, response.status().as_u16());
    response
}

impl Inner {
    fn is_free(&mut self, options: &Options) -> Result<(), Failure> {
        self.asked += 1;
        if options.busy_every > 0 && self.asked.is_multiple_of(options.busy_every) {
            return Err(Failure::new(429, "rate_limited", "too many requests"));
        }
        Ok(())
    }

    fn remember(&mut self, options: &Options, request: &Incoming<'_>, status: u16) {
        let query = request.query.map(|query| format!("?{query}"));
        self.seen.push_back(Seen {
            method: request.method.to_string(),
            path: format!("{}{}", request.path, query.unwrap_or_default()),
            version: request.header("x-polytomic-version").map(str::to_owned),
            status,
        });
        while self.seen.len() > options.request_log {
            self.seen.pop_front();
        }
    }
}

fn side(request: &Incoming<'_>, options: &Options) -> Result<Version, Failure> {
    let Some(version) = request.headers.get("x-polytomic-version") else {
        return Ok(Version::Upstream);
    };
    match version.to_str() {
        Ok("2025-09-18") => Ok(Version::Upstream),
        Ok("2024-02-08") if options.legacy_served => Ok(Version::Legacy),
        _ => {
            let message = "X-Polytomic-Version: this version is not served";
            Err(Failure::new(400, "unsupported_version", message))
        }
    }
}

fn exchange(
    inner: &mut Inner,
    options: &Options,
    side: Version,
    request: &Incoming<'_>,
) -> Outcome {
    let found = route(side, request)?;
    let caller = auth::authenticate(&inner.store, request.header("authorization"))?;
    checks::check_query(side, options, found.operation, request.query)?;
    let body = checks::read_body(side, options, found.operation, request.body)?;
    let key = request
        .header("idempotency-key")
        .filter(|_| side == Version::Upstream && *request.method != Method::GET)
        .map(|key| Key { credential: caller.credential.clone(), key: key.to_owned() });
    let asked = request.digest();
    if let Some(key) = &key
        && let Some(earlier) = inner.replays.earlier(key, asked)?
    {
        return earlier;
    }
    let operation = found.operation;
    let mark = inner.store.mark();
    let mut call = Call {
        store: &mut inner.store,
        caller: &caller,
        side,
        operation,
        path: found.parameters,
        query: checks::read_query(operation, request.query),
        body,
        host: request.host,
        page_limit: options.page_limit,
    };
    let mut outcome = dispatch(&mut call);
    match &mut outcome {
        Ok(reply) => {
            if let Some(body) = &mut reply.body {
                view::cut(operation, body);
            }
        }
        Err(_) => inner.store.rewind(mark),
    }
    if let Some(key) = key {
        inner.replays.keep(key, asked, outcome.clone());
    }
    outcome
}

fn route(side: Version, request: &Incoming<'_>) -> Result<Found<'static>, Failure> {
    let contract = Contract::of(side);
    if let Some(found) = contract.find(request.method.as_str(), request.path) {
        return Ok(found);
    }
    if contract.methods(request.path).is_empty() {
        return Err(Failure::not_found("route"));
    }
    let message = "the method is not allowed on this route";
    Err(Failure::new(405, "method_not_allowed", message))
}

fn dispatch(call: &mut Call<'_>) -> Outcome {
    auth::handle(call)
        .or_else(|| organizations::handle(call))
        .or_else(|| users::handle(call))
        .or_else(|| sharing::handle(call))
        .or_else(|| connections::handle(call))
        .or_else(|| proxying::handle(call))
        .or_else(|| schemas::handle(call))
        .or_else(|| metadata::handle(call))
        .or_else(|| models::handle(call))
        .or_else(|| sync::handle(call))
        .or_else(|| bulk::handle(call))
        .or_else(|| plain::handle(call))
        .or_else(|| activity::handle(call))
        .unwrap_or_else(|| Err(Failure::new(501, "not_implemented", "no handler")))
}

fn respond(side: Version, outcome: Outcome, allow: Option<String>) -> Response {
    let reply = outcome.unwrap_or_else(|failure| Reply {
        status: failure.status,
        body: Some(failure.body(side)),
        location: None,
    });
    let mut response = match reply.body {
        Some(body) => json_text(&body),
        None => Response::new(Body::empty()),
    };
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("x-polytomic-version", HeaderValue::from_static(side.date()));
    let allow = allow.filter(|_| reply.status == 405);
    let wait = (reply.status == 429).then(|| "1".to_owned());
    for (name, value) in
        [(header::LOCATION, reply.location), (header::ALLOW, allow), (header::RETRY_AFTER, wait)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

fn allowed(request: &Incoming<'_>, side: Version) -> Option<String> {
    let methods = Contract::of(side).methods(request.path);
    (!methods.is_empty()).then(|| methods.join(", "))
}

/// The address of the emulator as the client sees it.
pub(super) fn origin(call: &Call<'_>) -> String {
    format!("http://{}", call.host)
}

/// Another origin that leads to the emulator all the same: that of signed log addresses.
pub(super) fn file_origin(call: &Call<'_>) -> String {
    let (name, port) = call.host.rsplit_once(':').unwrap_or((call.host, "80"));
    let other = if name == "localhost" { "127.0.0.1" } else { "localhost" };
    format!("http://{other}:{port}")
}
