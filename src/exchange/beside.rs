//! Exchanges over another way out, for what runs beside requests; and what else the rollout asks.

use std::sync::Arc;

use super::limits::Limits;
use super::{Ceilings, Exchange};
use crate::caller::scoped_organization;
use crate::telemetry::Metrics;
use crate::upstream::{Envelope, Upstream};

impl<U: Upstream> Exchange<U> {
    /// The same rules and the same knowledge of callers over another way out, counting in
    /// `metrics`: for what runs beside requests, and must not take their turns.
    pub fn beside<V: Upstream>(&self, upstream: V, metrics: Arc<Metrics>) -> Exchange<V> {
        let limits = Limits::new(self.bounds.total_concurrency, self.bounds.caller_concurrency);
        let max_calls = self.limits.max_calls();
        let limits = limits.with_ceilings(Ceilings { max_calls, ..Ceilings::default() });
        Exchange {
            upstream,
            rules: self.rules.clone(),
            bounds: self.bounds.clone(),
            limits: Arc::new(limits),
            callers: self.callers.clone(),
            owners: self.owners.clone(),
            salt: self.salt.clone(),
            metrics,
            idempotency_key: self.idempotency_key,
        }
    }

    /// The same rules over another way out, knowing nothing of callers.
    pub fn apart<V: Upstream>(&self, upstream: V) -> Exchange<V> {
        let bounds = self.bounds.clone();
        Exchange::new(upstream, self.rules.clone(), bounds)
            .with_salt(self.salt.clone())
            .with_metrics(self.metrics.clone())
    }

    /// The organization of a caller, as far as it is known or can be found out.
    pub async fn organization(&self, envelope: &Envelope) -> Option<String> {
        if let Ok(Some(organization)) = scoped_organization(&envelope.headers) {
            return Some(organization);
        }
        let fingerprint = self.salt.of(&envelope.headers);
        if let Some(caller) = self.callers.remembered(&fingerprint) {
            return caller.organization;
        }
        let session = self.session(envelope, fingerprint, self.metrics.look_up().clone());
        self.identify(&session, fingerprint).await.ok()?.organization
    }
}
