//! Counters that are added to without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// What is counted of requests of one kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    requests: AtomicU64,
    errors: AtomicU64,
    upstream_calls: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

/// What was counted, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Requests.
    pub requests: u64,
    /// How many of them were answered with a status of 400 or above.
    pub errors: u64,
    /// Calls to upstream that they took.
    pub upstream_calls: u64,
    /// When the first one ended, in milliseconds since 1970; 0 where there was none.
    pub first: u64,
    /// When the last one ended, likewise.
    pub last: u64,
}

impl Counts {
    /// Counts one request that ended at `now`.
    pub(super) fn add(&self, now: u64, is_error: bool, upstream_calls: u64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.upstream_calls.fetch_add(upstream_calls, Ordering::Relaxed);
        if self.first.load(Ordering::Relaxed) == 0 {
            let _ = self.first.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.last.store(now, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    pub(super) fn now(&self) -> Counted {
        Counted {
            requests: self.requests.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            upstream_calls: self.upstream_calls.load(Ordering::Relaxed),
            first: self.first.load(Ordering::Relaxed),
            last: self.last.load(Ordering::Relaxed),
        }
    }

    /// Adds what was counted before this process began.
    pub(super) fn restore(&self, earlier: Counted) {
        self.requests.fetch_add(earlier.requests, Ordering::Relaxed);
        self.errors.fetch_add(earlier.errors, Ordering::Relaxed);
        self.upstream_calls.fetch_add(earlier.upstream_calls, Ordering::Relaxed);
        if earlier.first != 0 {
            self.first.store(earlier.first, Ordering::Relaxed);
        }
        self.last.fetch_max(earlier.last, Ordering::Relaxed);
    }
}

impl Counted {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let first = match (self.first, other.first) {
            (0, first) | (first, 0) => first,
            (one, other) => one.min(other),
        };
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            upstream_calls: self.upstream_calls + other.upstream_calls,
            first,
            last: self.last.max(other.last),
        }
    }

    /// Both together, of many.
    pub fn sum(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::default(), Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_the_first_and_the_last() {
        let counts = Counts::default();
        counts.add(20, true, 3);
        counts.add(30, false, 1);
        let counted = counts.now();
        let expected = Counted { requests: 2, errors: 1, upstream_calls: 4, first: 20, last: 30 };
        assert_eq!(counted, expected);
        let later = Counts::default();
        later.restore(counted);
        later.add(40, false, 1);
        assert_eq!(later.now(), Counted { requests: 3, upstream_calls: 5, last: 40, ..expected });
        assert_eq!(Counted::sum([Counted::default(), counted]), counted);
    }
}
