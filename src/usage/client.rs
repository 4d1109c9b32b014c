//! The counters of one client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::call::Asks;
use super::counts::{Counted, Counts};
use super::operations::Operations;
use super::sdks::Sdk;
use super::view::{CallerOperation, CallerUsage};
use super::who::Who;
use crate::caller::Fingerprint;

#[derive(Debug)]
pub(super) struct Client {
    who: Who,
    /// The hash of its headers; none before its first request in this process.
    key: Mutex<Option<u64>>,
    /// Its credential's hash, whole; none before its first request in this process.
    fingerprint: OnceLock<Fingerprint>,
    organization: OnceLock<String>,
    sdk: Arc<Sdk>,
    /// By operation, made when one is first called: most clients call a handful of them.
    operations: Box<[OnceLock<Box<Counts>>]>,
    migrated: Counts,
    other: Counts,
    last: AtomicU64,
}

impl Client {
    pub(super) fn new(who: Who, operations: usize, sdk: Arc<Sdk>, now: u64) -> Self {
        Self {
            who,
            key: Mutex::default(),
            fingerprint: OnceLock::new(),
            organization: OnceLock::new(),
            sdk,
            operations: (0..operations).map(|_| OnceLock::new()).collect(),
            migrated: Counts::default(),
            other: Counts::default(),
            last: AtomicU64::new(now),
        }
    }

    /// Counts one request.
    pub(super) fn add(&self, asks: Asks, now: u64, is_error: bool, upstream_calls: u64) {
        self.sdk.count(asks);
        self.last.store(now, Ordering::Relaxed);
        if let Some(counts) = self.counts(asks) {
            counts.add(now, is_error, upstream_calls);
        }
    }

    fn counts(&self, asks: Asks) -> Option<&Counts> {
        match asks {
            Asks::Legacy(operation) => {
                let place = self.operations.get(usize::from(operation))?;
                Some(place.get_or_init(Box::default))
            }
            Asks::Upstream => Some(&self.migrated),
            Asks::Other => Some(&self.other),
        }
    }

    /// Takes over what an earlier process has counted.
    pub(super) fn restore(&self, asks: Asks, earlier: Counted) {
        if earlier.requests == 0 {
            return;
        }
        self.sdk.restore(asks, earlier.requests);
        if let Some(counts) = self.counts(asks) {
            counts.restore(earlier);
        }
        self.last.fetch_max(earlier.last, Ordering::Relaxed);
    }

    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// When it last asked for legacy, and for upstream; 0 for never.
    pub(super) fn seen(&self) -> (u64, u64) {
        let legacy = self.operations.iter().filter_map(OnceLock::get);
        let legacy = legacy.map(|counts| counts.last()).max().unwrap_or_default();
        (legacy, self.migrated.last())
    }

    pub(super) fn organization(&self) -> Option<&String> {
        self.organization.get()
    }

    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint.get().copied()
    }

    pub(super) fn goes_by(&self, fingerprint: Fingerprint) {
        let _ = self.fingerprint.set(fingerprint);
    }

    /// Remembers the organization, once.
    pub(super) fn belongs_to(&self, organization: Option<String>) {
        if let Some(organization) = organization {
            let _ = self.organization.set(organization);
        }
    }

    pub(super) fn key(&self) -> Option<u64> {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the hash of its headers, and gives the one from before.
    pub(super) fn set_key(&self, key: u64) -> Option<u64> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).replace(key)
    }

    pub(super) fn has_called(&self, operation: usize) -> bool {
        self.operations.get(operation).is_some_and(|counts| counts.get().is_some())
    }

    pub(super) fn view(&self, operations: &Operations) -> CallerUsage {
        let called = self.operations.iter().zip(operations.iter());
        let mut called: Vec<CallerOperation> = called
            .filter_map(|(counts, operation)| {
                Some(CallerOperation { id: operation.id.clone(), counted: counts.get()?.now() })
            })
            .collect();
        called.sort_by_key(|operation| std::cmp::Reverse(operation.counted.requests));
        CallerUsage {
            who: self.who.clone(),
            organization: self.organization.get().cloned(),
            legacy: Counted::sum(called.iter().map(|operation| operation.counted)),
            migrated: self.migrated.now(),
            other: self.other.now(),
            operations: called,
        }
    }
}
