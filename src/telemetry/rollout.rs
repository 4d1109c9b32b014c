//! The metrics of a staged rollout.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::rollout::Verdict;
use crate::rollout::view::Mode;

type Labels = Vec<(&'static str, String)>;

/// Counters and gauges of the rollout; labels are ids of rules and fixed words.
#[derive(Debug, Default)]
pub struct RolloutMetrics {
    comparisons: Family<Labels, Counter>,
    modes: Family<Labels, Gauge>,
    tripped: Family<Labels, Gauge>,
    trips: Family<Labels, Counter>,
    beside_calls: Family<Labels, Counter>,
    legacy_gone: Gauge,
    by_rule: Mutex<HashMap<String, Arc<RuleMeters>>>,
}

/// Ready counters of one rule.
#[derive(Debug)]
pub struct RuleMeters {
    verdicts: [Counter; Verdict::ALL.len()],
    modes: [Gauge; Mode::ALL.len()],
    tripped: Gauge,
    trips: Counter,
}

impl RolloutMetrics {
    /// Adds them to a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register(
            "comparisons",
            "Translated answers that were compared with upstream's legacy ones, by rule and result",
            all.comparisons.clone(),
        );
        registry.register(
            "rollout_mode",
            "1 for the mode that a rule is in, 0 for the others",
            all.modes.clone(),
        );
        registry.register(
            "breaker_tripped",
            "Whether the breaker holds a rule at legacy",
            all.tripped.clone(),
        );
        registry.register(
            "breaker_trips",
            "Times that the breaker put a rule back to legacy",
            all.trips.clone(),
        );
        registry.register(
            "beside_calls",
            "Upstream calls for comparisons, by version; they are in no other count",
            all.beside_calls.clone(),
        );
        registry.register(
            "legacy_gone",
            "Whether upstream refuses 2024-02-08",
            all.legacy_gone.clone(),
        );
        all
    }

    /// The counters of a rule. Takes a lock: ask once for each rule.
    pub fn rule(&self, id: &str) -> Arc<RuleMeters> {
        let mut all = self.by_rule.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.to_owned())
            .or_insert_with(|| {
                let labels =
                    |label, value: &str| vec![("rule", id.to_owned()), (label, value.to_owned())];
                let own = vec![("rule", id.to_owned())];
                Arc::new(RuleMeters {
                    verdicts: Verdict::ALL.map(|verdict| {
                        self.comparisons.get_or_create_owned(&labels("result", verdict.text()))
                    }),
                    modes: Mode::ALL
                        .map(|mode| self.modes.get_or_create_owned(&labels("mode", mode.text()))),
                    tripped: self.tripped.get_or_create_owned(&own),
                    trips: self.trips.get_or_create_owned(&own),
                })
            })
            .clone()
    }

    /// Counts a call for a comparison, in a version.
    pub fn beside_call(&self, version: &'static str) {
        self.beside_calls.get_or_create(&vec![("version", version.to_owned())]).inc();
    }

    /// Says whether upstream refuses 2024-02-08.
    pub fn set_legacy_gone(&self, is_gone: bool) {
        self.legacy_gone.set(i64::from(is_gone));
    }
}

impl RuleMeters {
    /// Counts a comparison.
    pub fn compared(&self, verdict: Verdict) {
        if let Some(counter) = self.verdicts.get(verdict as usize) {
            counter.inc();
        }
    }

    /// How many comparisons ended so.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(verdict as usize).map_or(0, Counter::get)
    }

    /// Says in which mode the rule is.
    pub fn set_mode(&self, mode: Mode) {
        for (own, gauge) in Mode::ALL.iter().zip(&self.modes) {
            gauge.set(i64::from(*own == mode));
        }
    }

    /// Says that the breaker tripped, or was armed again.
    pub fn set_tripped(&self, is_tripped: bool) {
        self.tripped.set(i64::from(is_tripped));
        if is_tripped {
            self.trips.inc();
        }
    }
}
