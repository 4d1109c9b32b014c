//! The dashboard: one page, made on the server, that works without scripts and asks nobody else.

mod chart;
mod clients;
mod controls;
mod findings;
mod page;
mod rules;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use super::Status;

pub use chart::Range;

/// Nothing but the page's own style sheet and icon; no scripts at all, and no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

/// What the page is asked to show.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Wanted {
    /// The time that the chart spans.
    #[serde(default)]
    pub range: Option<Range>,
    /// The rule that the controls are set to.
    #[serde(default)]
    pub rule: Option<String>,
    /// The rule that was just changed.
    #[serde(default)]
    pub changed: Option<String>,
    /// Why a change was refused, which is no part of an address.
    #[serde(skip)]
    pub refused: Option<String>,
}

/// Largest form that is read, in bytes.
const LARGEST: usize = 16 << 10;

pub(super) fn routes() -> Router<Status> {
    Router::new()
        .route("/", get(show))
        .route("/dashboard/rollout", post(controls::change).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/dashboard.css", get(async || fixed("text/css; charset=utf-8", CSS)))
        .route("/favicon.svg", get(async || fixed("image/svg+xml", ICON)))
}

const CSS: &str = include_str!("dashboard.css");
const ICON: &str = include_str!("favicon.svg");

async fn show(State(status): State<Status>, Query(wanted): Query<Wanted>) -> Response {
    page_of(&status, &wanted).into_response()
}

/// The page, with the headers that keep it what it is.
fn page_of(status: &Status, wanted: &Wanted) -> impl IntoResponse + use<> {
    let page = page::page(&status.report(), wanted).into_string();
    (guarded(), Html(page))
}

fn fixed(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (guarded(), [(CONTENT_TYPE, kind)], text)
}

fn guarded() -> [(HeaderName, HeaderValue); 4] {
    [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}
