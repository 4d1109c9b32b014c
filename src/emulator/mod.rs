//! A strict, stateful upstream on loopback for the demo and the tests.
//!
//! It serves both contracts from one store: 2025-09-18 as the vendor does, and 2024-02-08
//! natively, by code of its own, so that what the shim makes of 2025-09-18 can be compared with
//! what the vendor's legacy API would have said. Nothing here is shared with the translation.
//!
//! Strict means: the routes of the contracts and no others; upstream requests are checked in
//! full, undeclared properties included; legacy requests as leniently as clients need (what
//! their contract declares is checked, what it does not know is ignored).
//!
//! Deterministic means: ids come from counters, time is a logical clock that ticks with each
//! write, and nothing is random: two instances that get the same writes in the same order give
//! the same answers and the same [`Emulator::state`].
//!
//! Where the vendor's text is silent, the emulator decides so:
//!
//! - A partner or system credential scoped to an organization acts as that organization's own:
//!   `/api/me` says `is_organization`, singular routes are open, plural ones refused.
//! - Sharing a connection is for the owner's own credentials too, not for partners only; listing
//!   what is shared has a plural route and a singular one, each refused to the other's callers.
//! - Canceling an execution that has begun makes it `canceling`; canceling it by its id again is
//!   refused, canceling whatever a sync has under way once more makes it `canceled`.
//! - An idempotency key replays refusals as well; a refused write moves neither clock nor ids.
//! - Log files are a 302 to another origin in both versions.
//! - Native legacy writes out what its structures always have: `override_fields[].source` (empty),
//!   `encryption_enabled: false`, `target.object: ""`.
//! - A replacement without `fields` leaves the fields of a bulk schema alone.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `service` | the life of a request: version, route, credential, checks, handler, view |
//! | `checks` | what is checked before a handler sees a request |
//! | `call`, `json`, `view`, `paging` | what handlers share |
//! | `store`, `clock` | the state |
//! | `auth`, `idempotency` | who calls, and whether it is a repetition |
//! | `organizations`, `connections`, `bulk`, `sync`, … | the handlers, by resource |
//! | `seed` | the demo's data and credentials |

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;

mod activity;
mod auth;
mod bulk;
mod call;
mod catalog;
mod checks;
mod clock;
mod connections;
mod idempotency;
mod json;
mod metadata;
mod models;
mod organizations;
mod paging;
mod plain;
mod proxying;
mod schemas;
pub mod seed;
mod service;
mod sharing;
mod store;
mod sync;
mod users;
mod view;

use idempotency::Replays;
use store::Store;

/// An upstream with its own state. Clones share that state.
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    inner: Mutex<Inner>,
}

struct Inner {
    store: Store,
    replays: Replays,
    seen: VecDeque<Seen>,
    asked: usize,
}

impl Emulator {
    /// With the demo's data ([`seed`]) and default options.
    pub fn seeded() -> Self {
        Emulator::with_options(Options::default())
    }

    /// With the demo's data and these options.
    pub fn with_options(options: Options) -> Self {
        let inner = Inner {
            store: seed::store(options.model_syncs),
            replays: Replays::default(),
            seen: VecDeque::new(),
            asked: 0,
        };
        Emulator { shared: Arc::new(Shared { options, inner: Mutex::new(inner) }) }
    }

    /// Both APIs, and `GET /_emulator/state` and `GET /_emulator/requests` for looking inside.
    pub fn router(&self) -> axum::Router {
        service::router(self.clone())
    }

    /// Everything stored, in a fixed order: the clock, then each table's rows in the order of
    /// their creation. Secrets are replaced by the start of their hash.
    pub fn state(&self) -> Value {
        self.lock().store.state()
    }

    /// The latest requests to the APIs, oldest first, at most [`Options::request_log`].
    pub fn requests(&self) -> Vec<Seen> {
        self.lock().seen.iter().cloned().collect()
    }

    fn options(&self) -> &Options {
        &self.shared.options
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A handler that panicked has spoilt at most its own request.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an [`Emulator`] behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Waited before each answer of the APIs.
    pub latency: Duration,
    /// Whether `X-Polytomic-Version: 2024-02-08` is answered natively; otherwise it is refused
    /// with 400, as after the vendor's sunset.
    pub legacy_served: bool,
    /// Items in a page of upstream lists, and the most that `limit` may ask for.
    pub page_limit: usize,
    /// Whether upstream lets undeclared properties and query parameters pass (and ignores them).
    /// Removed ones (`schedule`, `discover`, `resync`) are refused all the same.
    pub undeclared_accepted: bool,
    /// Model syncs seeded in organization A, at least 20.
    pub model_syncs: usize,
    /// Every so manieth request to the APIs is turned away with 429 and `Retry-After: 1`; 0 for
    /// none.
    pub busy_every: usize,
    /// How many requests [`Emulator::requests`] remembers.
    pub request_log: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            latency: Duration::ZERO,
            legacy_served: true,
            page_limit: 50,
            undeclared_accepted: false,
            model_syncs: 120,
            busy_every: 0,
            request_log: 1000,
        }
    }
}

/// One request that the emulator answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Upper case.
    pub method: String,
    /// The path as received, with `?` and the query if there was one.
    pub path: String,
    /// `X-Polytomic-Version`, if sent.
    pub version: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// Serves on that listener until `shutdown` is done and the requests under way are answered. The
/// listener should be a loopback one: the state is there for whoever asks.
///
/// # Errors
///
/// Those of the listener.
pub async fn serve(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, emulator.router()).with_graceful_shutdown(shutdown).await
}

#[cfg(test)]
mod tests;
