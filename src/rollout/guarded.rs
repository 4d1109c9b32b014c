//! The way out of what runs beside requests: it only reads, waits for turns of its own, holds a
//! bounded number of bytes, and is quiet when upstream is busy.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use tokio::sync::Semaphore;

use super::book::now;
use super::plan::BesideLimits;
use super::state::Rollout;
use crate::failure::{Failure, Key};
use crate::message::{
    LEGACY_VERSION, UPSTREAM_VERSION, UpstreamRequest, UpstreamResponse, VERSION_HEADER,
};
use crate::server::{Gate, Pass};
use crate::telemetry::Metrics;
use crate::upstream::{Envelope, Upstream, UpstreamClient};

/// How long nothing is compared after upstream was busy and did not say how long it will be.
const QUIET: Duration = Duration::from_secs(10);
/// The longest time for which upstream is believed.
const LONGEST_QUIET: Duration = Duration::from_secs(600);

/// What all comparisons of a process share.
pub(super) struct Room {
    comparisons: Gate,
    calls: ArcSwap<Semaphore>,
    size: AtomicUsize,
    quiet_until: AtomicU64,
    /// What their calls count in, which nobody reads.
    pub(super) unseen: Arc<Metrics>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            comparisons: Gate::default(),
            calls: ArcSwap::from_pointee(Semaphore::new(0)),
            size: AtomicUsize::new(0),
            quiet_until: AtomicU64::new(0),
            unseen: Arc::default(),
        }
    }
}

impl Room {
    /// Allows as many calls at once as the limits say.
    pub(super) fn resize(&self, limits: &BesideLimits) {
        if self.size.swap(limits.calls, Ordering::Relaxed) != limits.calls {
            self.calls.store(Arc::new(Semaphore::new(limits.calls)));
        }
    }

    /// A place for one comparison; none while all are taken, or upstream is busy.
    pub(super) fn enter(&self, limits: &BesideLimits) -> Option<Pass> {
        if now() < self.quiet_until.load(Ordering::Relaxed) {
            return None;
        }
        self.comparisons.enter(limits.comparisons)
    }

    fn be_quiet(&self, wait: Duration) {
        let wait = u64::try_from(wait.min(LONGEST_QUIET).as_millis()).unwrap_or_default();
        self.quiet_until.fetch_max(now().saturating_add(wait), Ordering::Relaxed);
    }
}

/// One call and its answer, for a sample.
#[derive(Debug, Clone)]
pub(super) struct Exchanged {
    pub(super) request: UpstreamRequest,
    pub(super) answer: UpstreamResponse,
}

/// The way out of one comparison.
pub struct Guarded {
    client: UpstreamClient,
    rollout: Rollout,
    budget: Arc<AtomicUsize>,
    tape: Option<Mutex<Vec<Exchanged>>>,
}

impl Guarded {
    /// A way out that may hold as many bytes of answers as `budget` says.
    pub(super) fn new(client: UpstreamClient, rollout: Rollout, budget: Arc<AtomicUsize>) -> Self {
        Self { client, rollout, budget, tape: None }
    }

    /// The same, writing down what is said.
    pub(super) fn taped(&self) -> Self {
        let (client, rollout) = (self.client.clone(), self.rollout.clone());
        Self { client, rollout, budget: self.budget.clone(), tape: Some(Mutex::default()) }
    }

    /// What was said so far, in the order of the answers.
    pub(super) fn tape(&self) -> Vec<Exchanged> {
        let tape = self.tape.as_ref();
        tape.map(|tape| tape.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .unwrap_or_default()
    }

    /// Asks in 2024-02-08.
    pub(super) async fn ask_legacy(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let mut envelope = envelope.clone();
        envelope.headers.insert(VERSION_HEADER, HeaderValue::from_static(LEGACY_VERSION));
        self.send(request, &envelope, LEGACY_VERSION).await
    }

    async fn send(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
        version: &'static str,
    ) -> Result<UpstreamResponse, Failure> {
        if !request.is_read() {
            return Err(Failure::new(
                Key::Internal,
                "A plan that writes is not run beside a request.",
            ));
        }
        let calls = self.rollout.room().calls.load_full();
        let turn = tokio::time::timeout_at(envelope.deadline, calls.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(given_up("there was no turn in time")) };
        self.rollout.metrics().rollout().beside_call(version);
        let answer = self.client.call(request, envelope);
        let answer = tokio::time::timeout_at(envelope.deadline, answer).await;
        let answer = answer.map_err(|_| given_up("there was no answer in time"))??;
        if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
        {
            let told = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let told = told.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
            self.rollout.room().be_quiet(told.unwrap_or(QUIET));
            return Err(given_up("upstream is busy"));
        }
        if !self.take(answer.body.len()) {
            return Err(given_up("the answers are too large (`beside.memory`)"));
        }
        Ok(answer)
    }

    /// Takes bytes out of the budget, if there are as many.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let rest = |left: usize| left.checked_sub(bytes);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

fn given_up(why: &str) -> Failure {
    Failure::new(Key::Overloaded, "The comparison was given up.").detail(why)
}

impl Upstream for Guarded {
    async fn call(
        &self,
        request: &UpstreamRequest,
        envelope: &Envelope,
    ) -> Result<UpstreamResponse, Failure> {
        let answer = self.send(request, envelope, UPSTREAM_VERSION).await?;
        if let Some(tape) = &self.tape {
            let said = Exchanged { request: request.clone(), answer: answer.clone() };
            tape.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        }
        Ok(answer)
    }
}
