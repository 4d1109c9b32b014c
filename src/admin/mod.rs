//! The admin listener: whether the process lives, and whether it should get requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

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

/// Serves `GET /healthz` and `GET /readyz` for as long as it is polled.
pub(crate) async fn serve(listener: TcpListener, readiness: Readiness) {
    let router = Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .with_state(readiness);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Value>) {
    let (status, text) = readiness.state();
    (status, Json(json!({ "status": text })))
}
