//! What was asked of upstream, remembered: bounded, for a limited time, and asked by one request
//! at a time however many wait for the answer.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, UnitWeighter};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Refusal;

/// Entries that there is place for from the start; more is taken as they come.
const FEW: usize = 64;

/// Answers by what was asked for.
pub(super) struct Memory<K, V> {
    known: Cache<K, (V, Instant)>,
    lifetime: Duration,
    asked: Mutex<HashMap<K, Answer<V>>>,
}

/// What those get who wait for the same answer.
type Answer<V> = Arc<OnceCell<Result<V, Refusal>>>;

impl<K, V> fmt::Debug for Memory<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Memory").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Memory<K, V> {
    /// Remembers some `capacity` answers for `lifetime` each.
    pub(super) fn new(capacity: u64, lifetime: Duration) -> Self {
        let known = Cache::with(
            FEW,
            capacity,
            UnitWeighter,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Self { known, lifetime, asked: Mutex::default() }
    }

    /// What is remembered.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let (value, since) = self.known.get(key)?;
        (since.elapsed() < self.lifetime).then_some(value)
    }

    /// Forgets one answer.
    pub(super) fn forget(&self, key: &K) {
        self.known.remove(key);
    }

    /// What is remembered, or what `ask` finds out. Of those who want the same at once one asks, and
    /// all get what it is answered; if it leaves before, the next one asks.
    ///
    /// # Errors
    /// Those of `ask`; they are not remembered.
    pub(super) async fn get_or<F>(&self, key: K, ask: impl FnOnce() -> F) -> Result<V, Refusal>
    where
        F: Future<Output = Result<V, Refusal>>,
    {
        if let Some(known) = self.get(&key) {
            return Ok(known);
        }
        // In a box: asking has a lot to remember, and is seldom done.
        let ask = Box::pin(ask());
        let question = Question::join(self, key);
        let find = async || {
            // Another one may have been answered since.
            if let Some(known) = self.get(&question.key) {
                return Ok(known);
            }
            let answer = ask.await;
            if let Ok(value) = &answer {
                self.known.insert(question.key.clone(), (value.clone(), Instant::now()));
            }
            answer
        };
        question.answer.get_or_init(find).await.clone()
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<K, Answer<V>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question under way, for as long as somebody waits for the answer.
struct Question<'m, K: Clone + Eq + Hash, V: Clone> {
    memory: &'m Memory<K, V>,
    key: K,
    answer: Answer<V>,
}

impl<'m, K: Clone + Eq + Hash, V: Clone> Question<'m, K, V> {
    fn join(memory: &'m Memory<K, V>, key: K) -> Self {
        let answer = memory.asked().entry(key.clone()).or_default().clone();
        Self { memory, key, answer }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Drop for Question<'_, K, V> {
    fn drop(&mut self) {
        let mut asked = self.memory.asked();
        // What is answered is of no use to who comes now: it may be an error.
        let is_over = self.answer.initialized() || Arc::strong_count(&self.answer) <= 2;
        if is_over && asked.get(&self.key).is_some_and(|kept| Arc::ptr_eq(kept, &self.answer)) {
            asked.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::failure::{Failure, Key};

    fn memory() -> Memory<u8, usize> {
        Memory::new(10, Duration::from_secs(60))
    }

    async fn slow(count: &AtomicUsize, is_known: bool) -> Result<usize, Refusal> {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
        match is_known {
            true => Ok(number),
            false => Err(Failure::new(Key::UpstreamUnreachable, "nobody answers").into()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_remembered_for_their_time() {
        let (memory, count) = (memory(), AtomicUsize::new(0));
        assert_eq!(memory.get_or(1, || slow(&count, true)).await.unwrap(), 1);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(memory.get(&1), Some(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(memory.get(&1), None);
        assert_eq!(memory.get_or(1, || slow(&count, true)).await.unwrap(), 2);
        memory.forget(&1);
        assert_eq!(memory.get_or(1, || slow(&count, true)).await.unwrap(), 3);
        assert!(memory.asked().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_asks_for_all_and_an_error_is_not_remembered() {
        let (memory, count) = (memory(), AtomicUsize::new(0));
        let ask = || memory.get_or(1, || slow(&count, false));
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        assert!(first.is_err() && second.is_err() && third.is_err());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert_eq!(memory.get_or(1, || slow(&count, true)).await.unwrap(), 2);
        assert!(memory.asked().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_may_leave() {
        let (memory, count) = (memory(), AtomicUsize::new(0));
        let leaves = tokio::time::timeout(
            Duration::from_millis(500),
            memory.get_or(1, || slow(&count, true)),
        );
        let stays = memory.get_or(1, || slow(&count, true));
        let (left, stayed) = tokio::join!(leaves, stays);
        assert!(left.is_err());
        assert_eq!(stayed.unwrap(), 2);
        let alone = memory.get_or(2, || slow(&count, true));
        assert!(tokio::time::timeout(Duration::from_millis(500), alone).await.is_err());
        assert!(memory.asked().is_empty());
    }

    #[tokio::test]
    async fn no_more_than_the_capacity_is_kept() {
        let memory = memory();
        for key in 0..100 {
            memory.get_or(key, || async { Ok(1) }).await.unwrap();
        }
        let kept = (0..100).filter(|key| memory.get(key).is_some()).count();
        assert!((1..=10).contains(&kept), "{kept}");
    }
}
