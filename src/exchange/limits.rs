//! How many upstream calls are under way at once: over all, and for each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Fingerprint;

/// The limits of a process.
#[derive(Debug)]
pub struct Limits {
    all: Arc<Semaphore>,
    each: usize,
    callers: Mutex<HashMap<Fingerprint, Weak<Semaphore>>>,
}

/// Permission for one call, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    _all: OwnedSemaphorePermit,
    _caller: OwnedSemaphorePermit,
}

impl Limits {
    /// At most `all` calls at once, of which `each` caller has at most so many.
    pub fn new(all: usize, each: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            each: each.max(1),
            callers: Mutex::default(),
        }
    }

    /// The limit of one caller. Callers that have nothing under way are forgotten.
    pub fn of(&self, caller: Fingerprint) -> Arc<Semaphore> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = callers.get(&caller).and_then(Weak::upgrade) {
            return known;
        }
        callers.retain(|_, known| known.strong_count() > 0);
        let fresh = Arc::new(Semaphore::new(self.each));
        callers.insert(caller, Arc::downgrade(&fresh));
        fresh
    }

    /// Waits for permission, the caller's own first: who waits for that holds nobody else up.
    pub async fn acquire(&self, caller: &Arc<Semaphore>) -> Option<Permit> {
        let own = Arc::clone(caller).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Permit { _all: all, _caller: own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Salt;

    #[tokio::test]
    async fn one_caller_cannot_take_all() {
        let limits = Limits::new(3, 2);
        let (one, other) = (
            limits.of(Salt::fixed().fingerprint(b"1")),
            limits.of(Salt::fixed().fingerprint(b"2")),
        );
        let first = limits.acquire(&one).await.unwrap();
        let _second = limits.acquire(&one).await.unwrap();
        let soon = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, limits.acquire(&one)).await.is_err());
        let _third = limits.acquire(&other).await.unwrap();
        assert!(tokio::time::timeout(soon, limits.acquire(&other)).await.is_err());
        drop(first);
        assert!(limits.acquire(&one).await.is_some());
    }

    #[test]
    fn idle_callers_are_forgotten() {
        let limits = Limits::new(3, 2);
        for caller in 0..100_u8 {
            drop(limits.of(Salt::fixed().fingerprint(&[caller])));
        }
        assert!(limits.callers.lock().unwrap().len() <= 1);
    }
}
