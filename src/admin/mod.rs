//! The admin listener: whether the process lives, whether it should get requests, its metrics, who
//! calls what, and the rollout, for programs and as a dashboard.

mod dashboard;
mod reachable;
mod rollout;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::header::CONTENT_TYPE;
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use reachable::Reachable;
pub use rollout::Shown;
pub use told::Told;

use crate::report::Report;
use crate::rollout::Rollout;
use crate::telemetry::{self, Metrics};
use crate::usage::View;

/// What the admin listener tells of the process; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Whether the shim should get requests.
    pub readiness: Readiness,
    /// Whether upstream can be reached.
    pub reachable: Reachable,
    /// What it has done.
    pub metrics: Arc<Metrics>,
    /// What reports are made of besides.
    pub told: Told,
    /// Which rules translate, and how that goes.
    pub rollout: Shown,
}

impl Status {
    /// Everything that is known of the migration at this moment.
    pub fn report(&self) -> Report {
        let rollout = self.rollout.get().map(Rollout::view).unwrap_or_default();
        self.told.report(self.metrics.usage().view(), rollout)
    }
}

/// Whether the shim should get requests; clones share it. Starts as not yet.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Everything that is needed to answer is loaded. Too late once the shim is draining.
    pub fn ready(&self) {
        let _ = self.0.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The shim is about to end.
    pub fn drain(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    fn state(&self) -> (StatusCode, &'static str) {
        match self.0.load(Ordering::Relaxed) {
            STARTING => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            READY => (StatusCode::OK, "ready"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        }
    }
}

/// Serves everything that the admin listener has, for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, status: Status) {
    let router = Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/usage", get(usage))
        .route("/report", get(report))
        .merge(dashboard::routes())
        .merge(rollout::router())
        .with_state(status);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn ready(State(status): State<Status>) -> (StatusCode, Json<Value>) {
    let (code, text) = status.readiness.state();
    let is_lost = code.is_success() && !status.reachable.is_so().await;
    let (code, text) = match is_lost {
        true => (StatusCode::SERVICE_UNAVAILABLE, "upstream unreachable"),
        false => (code, text),
    };
    (code, Json(json!({ "status": text })))
}

async fn usage(State(status): State<Status>) -> Json<View> {
    Json(status.metrics.usage().view())
}

async fn report(State(status): State<Status>) -> Json<Report> {
    Json(status.report())
}

async fn metrics(State(status): State<Status>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, telemetry::CONTENT_TYPE)], status.metrics.text())
}
