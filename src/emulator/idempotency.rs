//! Answers kept for requests that come again with the same `Idempotency-Key`.

use std::collections::{HashMap, VecDeque};

use super::call::{Failure, Outcome};

/// How many answers are kept; the oldest goes first.
const KEPT: usize = 10_000;

/// Which key of which credential.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) credential: String,
    pub(super) key: String,
}

/// What was asked under a key, and what was answered.
struct Kept {
    /// A digest of the request.
    request: [u8; 32],
    outcome: Outcome,
}

#[derive(Default)]
pub(super) struct Replays {
    kept: HashMap<Key, Kept>,
    order: VecDeque<Key>,
}

impl Replays {
    /// The answer given to this request before; nothing for a new key.
    ///
    /// # Errors
    ///
    /// 409 where the key was used for another request.
    pub(super) fn earlier(&self, key: &Key, request: [u8; 32]) -> Result<Option<Outcome>, Failure> {
        let Some(kept) = self.kept.get(key) else {
            return Ok(None);
        };
        if kept.request != request {
            let message = "the idempotency key was used for another request";
            return Err(Failure::new(409, "idempotency_conflict", message));
        }
        Ok(Some(kept.outcome.clone()))
    }

    /// Keeps what a request that passed its checks was answered, refusals included: under the
    /// same key the answer stays the same.
    pub(super) fn keep(&mut self, key: Key, request: [u8; 32], outcome: Outcome) {
        if self.order.len() >= KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.kept.insert(key, Kept { request, outcome });
    }
}
