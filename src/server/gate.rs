//! Counting what is inside, and letting nobody in beyond a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A count with an upper end that may differ from one entry to the next; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicUsize>);

/// One that is inside, until it is dropped.
#[derive(Debug)]
pub struct Pass(Arc<AtomicUsize>);

impl Gate {
    /// Lets one more in, unless `most` are inside. Never waits.
    pub fn enter(&self, most: usize) -> Option<Pass> {
        let more = |inside: usize| (inside < most).then_some(inside + 1);
        let entered = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        entered.is_ok().then(|| Pass(self.0.clone()))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_enters_beyond_the_number() {
        let gate = Gate::default();
        let (first, second) = (gate.enter(2), gate.enter(2));
        assert!(first.is_some() && second.is_some());
        assert!(gate.clone().enter(2).is_none());
        assert!(gate.enter(3).is_some());
        drop(first);
        assert!(gate.enter(2).is_some());
    }
}
