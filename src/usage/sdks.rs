//! Requests by SDK: few enough to be a label of a metric, unlike callers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::call::Asks;
use super::who::Who;

/// SDKs that get a label of their own; any further one counts as [`REST`].
const MOST: usize = 32;
const REST: &str = "(other)";

#[derive(Debug, Default)]
pub(super) struct Sdks(Mutex<BTreeMap<String, Arc<Sdk>>>);

/// The requests of one SDK, by the version of the API that they ask for.
#[derive(Debug, Default)]
pub(super) struct Sdk {
    legacy: AtomicU64,
    upstream: AtomicU64,
    other: AtomicU64,
}

impl Sdks {
    /// The counters of a client's SDK.
    pub(super) fn of(&self, who: &Who) -> Arc<Sdk> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut label = who.label();
        if !all.contains_key(&label) && all.len() >= MOST {
            label = REST.to_owned();
        }
        all.entry(label).or_default().clone()
    }

    /// Each label with its requests: legacy, upstream, other.
    pub(super) fn now(&self) -> Vec<(String, [u64; 3])> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |sdk: &Sdk| {
            [&sdk.legacy, &sdk.upstream, &sdk.other].map(|count| count.load(Ordering::Relaxed))
        };
        all.iter().map(|(label, sdk)| (label.clone(), of(sdk))).collect()
    }
}

impl Sdk {
    pub(super) fn count(&self, asks: Asks) {
        self.restore(asks, 1);
    }

    /// Adds what an earlier process has counted.
    pub(super) fn restore(&self, asks: Asks, requests: u64) {
        let count = match asks {
            Asks::Legacy(_) => &self.legacy,
            Asks::Upstream => &self.upstream,
            Asks::Other => &self.other,
        };
        count.fetch_add(requests, Ordering::Relaxed);
    }
}
