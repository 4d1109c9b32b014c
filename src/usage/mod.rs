//! Who still calls which legacy operation, when, how often, and at what cost; and who has migrated.
//!
//! A request of a client that is known adds to atomic counters, found by a hash of its headers in
//! a lock-free map (`papaya`): no lock, no allocation, no text. Only the first request of a client
//! takes the lock that keeps the list of them. Everything is bounded: clients, their texts, the
//! operations (those of the contract), and the history. Counts are kept in a file where one is
//! given ([`state`]).

mod call;
mod client;
mod counts;
mod history;
mod keeper;
mod metrics;
mod operations;
mod sdks;
pub mod state;
#[cfg(test)]
mod tests;
mod view;
mod who;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::quality::RandomState;
use http::{HeaderMap, Method, StatusCode};

pub use call::{Asks, Call};
pub use counts::Counted;
pub use history::{Bucket, DAY, HOUR, MINUTE, Traffic};
pub use keeper::Keeper;
pub use operations::{DELIVERY, Operation, Operations, UNKNOWN};
pub use view::{CallerOperation, CallerUsage, OperationUsage, View};
pub use who::Who;

use crate::caller::Fingerprint;
use client::Client;
use counts::Counts;
use history::History;
use sdks::Sdks;
use who::Fresh;

/// How many clients are remembered unless [`Usage::limit`] says otherwise.
const CAPACITY: usize = 2_000;

/// Everything that is counted of who calls what.
#[derive(Debug)]
pub struct Usage {
    operations: Arc<Operations>,
    keys: RandomState,
    /// The clients by the hash of their headers.
    quick: papaya::HashMap<u64, Arc<Client>, foldhash::fast::FixedState>,
    /// The clients by who they are.
    known: Mutex<HashMap<Who, Arc<Client>>>,
    capacity: AtomicUsize,
    /// Legacy requests by operation.
    legacy: Box<[Counts]>,
    migrated: Counts,
    other: Counts,
    refused: AtomicU64,
    evicted: AtomicU64,
    sdks: Sdks,
    history: Mutex<History>,
    since: AtomicU64,
    kept: AtomicBool,
}

impl Default for Usage {
    fn default() -> Self {
        let operations = Operations::shared().clone();
        Self {
            legacy: operations.iter().map(|_| Counts::default()).collect(),
            operations,
            keys: RandomState::default(),
            // The keys are hashes of a random kind already.
            quick: papaya::HashMap::with_hasher(foldhash::fast::FixedState::default()),
            known: Mutex::default(),
            capacity: AtomicUsize::new(CAPACITY),
            migrated: Counts::default(),
            other: Counts::default(),
            refused: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            sdks: Sdks::default(),
            history: Mutex::default(),
            since: AtomicU64::new(now()),
            kept: AtomicBool::new(false),
        }
    }
}

impl Usage {
    /// Remembers at most this many clients from now on.
    pub fn limit(&self, clients: usize) {
        self.capacity.store(clients.max(1), Ordering::Relaxed);
    }

    /// The operations that are told apart.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The operation that a legacy request asks for.
    pub fn asks_legacy(&self, method: &Method, path: &str) -> Asks {
        Asks::Legacy(self.operations.find(method, path))
    }

    /// Begins to count a request. `fingerprint` is asked for only where the client is unknown.
    pub fn begin(
        &self,
        headers: &HeaderMap,
        asks: Asks,
        fingerprint: impl FnOnce() -> Fingerprint,
    ) -> Call<'_> {
        let key = who::key(&self.keys, headers);
        let client = self.quick.pin().get(&key).cloned();
        let fresh = client.is_none().then(|| Box::new(Fresh::read(headers, fingerprint())));
        let (status, upstream_calls, organization) = (None, 0, None);
        Call { usage: self, key, asks, client, fresh, status, upstream_calls, organization }
    }

    /// Counts a request that is over.
    fn count(&self, call: &mut Call<'_>) {
        let now = now();
        let is_error = call.status.is_some_and(|status| status.as_u16() >= 400);
        let counts = match call.asks {
            Asks::Legacy(operation) => self.legacy.get(usize::from(operation)),
            Asks::Upstream => Some(&self.migrated),
            Asks::Other => Some(&self.other),
        };
        if let Some(counts) = counts {
            counts.add(now, is_error, call.upstream_calls);
        }
        let organization = call.organization.take();
        if let Some(client) = &call.client {
            client.belongs_to(organization);
            client.add(call.asks, now, is_error, call.upstream_calls);
            return;
        }
        let Some(fresh) = call.fresh.take() else { return };
        match call.status {
            // Whoever tries out credentials must not push out those who have one.
            Some(StatusCode::UNAUTHORIZED) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {
                let organization = organization.or(fresh.organization);
                let client = self.admit(fresh.who, call.key, now);
                client.goes_by(fresh.fingerprint);
                client.belongs_to(organization);
                client.add(call.asks, now, is_error, call.upstream_calls);
            }
            None => {}
        }
    }

    /// The client of this description, from now on also found by `key`.
    fn admit(&self, who: Who, key: u64, now: u64) -> Arc<Client> {
        let mut known = self.known();
        let quick = self.quick.pin();
        let client = match known.get(&who) {
            Some(client) => client.clone(),
            None => {
                let most = self.capacity.load(Ordering::Relaxed);
                if known.len() >= most {
                    self.evict(&mut known, most);
                }
                let client = self.client(who.clone(), now);
                known.insert(who, client.clone());
                client
            }
        };
        // One key for each client, so that this map has no more of them than the other. Headers
        // that differ only where texts are cut take turns.
        if let Some(earlier) = client.set_key(key) {
            quick.remove(&earlier);
        }
        quick.insert(key, client.clone());
        client
    }

    fn client(&self, who: Who, now: u64) -> Arc<Client> {
        let sdk = self.sdks.of(&who);
        Arc::new(Client::new(who, self.operations.iter().len(), sdk, now))
    }

    /// Forgets those that were not seen for longest, several at once: finding them reads the list.
    fn evict(&self, known: &mut HashMap<Who, Arc<Client>>, most: usize) {
        let mut seen: Vec<(u64, Arc<Client>)> =
            known.values().map(|client| (client.last(), client.clone())).collect();
        seen.sort_unstable_by_key(|(last, _)| *last);
        let surplus = seen.len() + (most / 16).max(1) - most;
        let quick = self.quick.pin();
        for (_, client) in seen.into_iter().take(surplus) {
            known.remove(client.who());
            if let Some(key) = client.key() {
                quick.remove(&key);
            }
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts what was counted since the last look into its minute, hour and day.
    pub fn look(&self) {
        let counters = self.traffic();
        self.history().look(now(), counters);
    }

    fn traffic(&self) -> Traffic {
        let legacy = self.legacy.iter().map(Counts::requests).sum();
        Traffic { legacy, migrated: self.migrated.requests() }
    }

    /// Everything that is known at this moment.
    pub fn view(&self) -> View {
        self.look();
        let clients: Vec<Arc<Client>> = self.known().values().cloned().collect();
        let mut callers: Vec<CallerUsage> =
            clients.iter().map(|client| client.view(&self.operations)).collect();
        callers.sort_by(|one, other| {
            other.last().cmp(&one.last()).then_with(|| one.who.cmp(&other.who))
        });
        let by_operation = self.operations.iter().zip(&self.legacy);
        let mut operations: Vec<OperationUsage> = by_operation
            .enumerate()
            .map(|(number, (operation, counts))| OperationUsage {
                id: operation.id.clone(),
                operation: operation.request.clone(),
                callers: clients.iter().filter(|client| client.has_called(number)).count(),
                counted: counts.now(),
            })
            .filter(|operation| operation.counted.requests > 0)
            .collect();
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.counted.requests));
        let history = self.history();
        View {
            at: now(),
            since: self.since.load(Ordering::Relaxed),
            kept: self.kept.load(Ordering::Relaxed),
            legacy: Counted::sum(self.legacy.iter().map(Counts::now)),
            migrated: self.migrated.now(),
            other: self.other.now(),
            refused: self.refused.load(Ordering::Relaxed),
            evicted: self.evicted.load(Ordering::Relaxed),
            operations,
            callers,
            minutes: history.minutes.iter().copied().collect(),
            hours: history.hours.iter().copied().collect(),
            days: history.days.iter().copied().collect(),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Who, Arc<Client>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
