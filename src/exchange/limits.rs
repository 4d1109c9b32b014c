//! How many upstream calls are under way at once: over all, and for each caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::Fingerprint;
use crate::failure::{Failure, Key};
use crate::server::{COME_AGAIN, Gate};

/// Callers beyond which the idle ones are looked for.
const MANY: usize = 1024;

/// The limits of a process.
#[derive(Debug)]
pub struct Limits {
    all: Arc<Semaphore>,
    total: usize,
    each: usize,
    callers: Mutex<HashMap<Fingerprint, Arc<CallerLimit>, foldhash::fast::RandomState>>,
    waiting: Gate,
    ceilings: Ceilings,
}

/// The limit of one caller.
#[derive(Debug)]
pub struct CallerLimit {
    turns: Arc<Semaphore>,
    waiting: Gate,
}

/// What is refused rather than waited for; the settings of the same names explain each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// Calls that wait for their turn, over all callers.
    pub max_waiting: usize,
    /// Calls that wait for their turn, of one caller.
    pub caller_max_waiting: usize,
    /// Calls of one request.
    pub max_calls: usize,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self { max_waiting: usize::MAX, caller_max_waiting: usize::MAX, max_calls: usize::MAX }
    }
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
            total: all,
            each: each.max(1),
            callers: Mutex::default(),
            waiting: Gate::default(),
            ceilings: Ceilings::default(),
        }
    }

    /// The same with ceilings.
    #[must_use]
    pub fn with_ceilings(mut self, ceilings: Ceilings) -> Self {
        self.ceilings = ceilings;
        self
    }

    /// Whether these allow the same as others.
    pub fn same_as(&self, other: &Self) -> bool {
        let numbers = |limits: &Self| (limits.total, limits.each, limits.ceilings);
        numbers(self) == numbers(other)
    }

    /// Calls that one request may take.
    pub fn max_calls(&self) -> usize {
        self.ceilings.max_calls
    }

    /// The limit of one caller. Where there are many, those that have nothing under way are
    /// forgotten.
    pub fn of(&self, caller: Fingerprint) -> Arc<CallerLimit> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = callers.get(&caller) {
            return known.clone();
        }
        if callers.len() >= MANY {
            callers.retain(|_, known| Arc::strong_count(known) > 1);
        }
        let turns = Arc::new(Semaphore::new(self.each));
        let fresh = Arc::new(CallerLimit { turns, waiting: Gate::default() });
        callers.insert(caller, fresh.clone());
        fresh
    }

    /// Permission, where there is no need to wait for it.
    pub fn acquire_now(&self, caller: &CallerLimit) -> Option<Permit> {
        let own = caller.turns.clone().try_acquire_owned().ok()?;
        let all = self.all.clone().try_acquire_owned().ok()?;
        Some(Permit { _all: all, _caller: own })
    }

    /// Waits for permission where [`Self::acquire_now`] gives none, for the caller's own first: who waits
    /// for that holds nobody else up.
    ///
    /// Only the first call of a request is refused where too many wait: a request that has begun
    /// may have written something, and how many of those there are is limited already.
    ///
    /// # Errors
    /// [`Key::Overloaded`] or [`Key::CallerOverloaded`].
    pub async fn wait(&self, caller: &CallerLimit, is_first: bool) -> Result<Permit, Box<Failure>> {
        let most = |ceiling| if is_first { ceiling } else { usize::MAX };
        let _waits_too = caller
            .waiting
            .enter(most(self.ceilings.caller_max_waiting))
            .ok_or_else(|| full(Key::CallerOverloaded))?;
        let _waits = self
            .waiting
            .enter(most(self.ceilings.max_waiting))
            .ok_or_else(|| full(Key::Overloaded))?;
        let full = |_| full(Key::Overloaded);
        let own = caller.turns.clone().acquire_owned().await.map_err(full)?;
        let all = self.all.clone().acquire_owned().await.map_err(full)?;
        Ok(Permit { _all: all, _caller: own })
    }
}

fn full(key: Key) -> Box<Failure> {
    let message = match key {
        Key::CallerOverloaded => {
            "As many requests of this credential are waiting as may. Nothing was sent; try again soon, with fewer at once."
        }
        _ => "The shim has as much work waiting as it may. Nothing was sent; try again soon.",
    };
    Box::new(Failure::new(key, message).retry_after(COME_AGAIN))
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
        let first = limits.acquire_now(&one).unwrap();
        let _second = limits.acquire_now(&one).unwrap();
        assert!(limits.acquire_now(&one).is_none());
        let soon = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, limits.wait(&one, true)).await.is_err());
        let _third = limits.acquire_now(&other).unwrap();
        assert!(tokio::time::timeout(soon, limits.wait(&other, true)).await.is_err());
        drop(first);
        assert!(limits.wait(&one, true).await.is_ok());
    }

    #[tokio::test]
    async fn first_calls_are_refused_where_too_many_wait() {
        let ceilings = Ceilings { max_waiting: 2, caller_max_waiting: 1, ..Ceilings::default() };
        let limits = Arc::new(Limits::new(1, 1).with_ceilings(ceilings));
        let caller = |name: &[u8]| limits.of(Salt::fixed().fingerprint(name));
        let one = caller(b"1");
        let held = limits.acquire_now(&one).unwrap();
        let wait = |caller: Arc<CallerLimit>, is_first| {
            let limits = limits.clone();
            tokio::spawn(async move { limits.wait(&caller, is_first).await.map(drop) })
        };
        let waiting = wait(one.clone(), true);
        tokio::task::yield_now().await;
        let refused = limits.wait(&one, true).await.unwrap_err();
        assert_eq!((refused.key, refused.retry_after), (Key::CallerOverloaded, Some(COME_AGAIN)));
        let other = wait(caller(b"2"), true);
        tokio::task::yield_now().await;
        let refused = limits.wait(&caller(b"3"), true).await.unwrap_err();
        assert_eq!((refused.key, refused.retry_after), (Key::Overloaded, Some(COME_AGAIN)));
        let begun = wait(caller(b"3"), false);
        tokio::task::yield_now().await;
        drop(held);
        for task in [waiting, other, begun] {
            assert!(task.await.unwrap().is_ok());
        }
        assert!(limits.wait(&one, true).await.is_ok());
    }

    #[test]
    fn idle_callers_are_forgotten() {
        let limits = Limits::new(3, 2);
        let busy = limits.of(Salt::fixed().fingerprint(b"busy"));
        for caller in 0..10_000_u32 {
            drop(limits.of(Salt::fixed().fingerprint(&caller.to_le_bytes())));
        }
        assert!(limits.callers.lock().unwrap().len() <= MANY);
        assert!(Arc::ptr_eq(&busy, &limits.of(Salt::fixed().fingerprint(b"busy"))));
    }
}
