//! What a rule did lately: counts over a sliding window, without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::plan::{BreakerLimits, Percent};

/// Parts of a window: the oldest is forgotten whole, so it is between 9 and 10 tenths long.
const SLOTS: usize = 10;

/// Counts of one tenth of the window.
#[derive(Debug, Default)]
struct Slot {
    /// Which tenth since the process began, plus one; 0 for none yet.
    turn: AtomicU64,
    compared: AtomicU32,
    mismatched: AtomicU32,
    translated: AtomicU32,
    errors: AtomicU32,
}

/// Counts over the last while. A count that comes at the very moment in which a tenth begins may
/// be lost; nothing waits for it.
#[derive(Debug, Default)]
pub(super) struct Window {
    slots: [Slot; SLOTS],
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    /// A comparison that differed, or not.
    Compared { differed: bool },
    /// A translated request that failed, or not.
    Translated { failed: bool },
}

/// Sums over the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) compared: u32,
    pub(super) mismatched: u32,
    pub(super) translated: u32,
    pub(super) errors: u32,
}

impl Window {
    /// Counts, `age` after the process began.
    pub(super) fn count(&self, counted: Counted, age: Duration, window: Duration) {
        let turn = turn(age, window);
        let Some(slot) = self.slots.get(place(turn)) else { return };
        let before = slot.turn.load(Ordering::Relaxed);
        let begins = before != turn
            && slot
                .turn
                .compare_exchange(before, turn, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if begins {
            for count in [&slot.compared, &slot.mismatched, &slot.translated, &slot.errors] {
                count.store(0, Ordering::Relaxed);
            }
        }
        let (all, bad, is_bad) = match counted {
            Counted::Compared { differed } => (&slot.compared, &slot.mismatched, differed),
            Counted::Translated { failed } => (&slot.translated, &slot.errors, failed),
        };
        all.fetch_add(1, Ordering::Relaxed);
        bad.fetch_add(u32::from(is_bad), Ordering::Relaxed);
    }

    /// The sums, `age` after the process began.
    pub(super) fn sums(&self, age: Duration, window: Duration) -> Sums {
        let now = turn(age, window);
        let oldest = now.saturating_sub(SLOTS as u64 - 1);
        let mut sums = Sums::default();
        for slot in &self.slots {
            let turn = slot.turn.load(Ordering::Relaxed);
            if turn == 0 || turn < oldest || turn > now {
                continue;
            }
            sums.compared += slot.compared.load(Ordering::Relaxed);
            sums.mismatched += slot.mismatched.load(Ordering::Relaxed);
            sums.translated += slot.translated.load(Ordering::Relaxed);
            sums.errors += slot.errors.load(Ordering::Relaxed);
        }
        sums
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for slot in &self.slots {
            slot.turn.store(0, Ordering::Relaxed);
        }
    }
}

fn turn(age: Duration, window: Duration) -> u64 {
    let tenth = (window.as_millis() / SLOTS as u128).max(1);
    u64::try_from(age.as_millis() / tenth).unwrap_or(u64::MAX - 1) + 1
}

fn place(turn: u64) -> usize {
    usize::try_from(turn % SLOTS as u64).unwrap_or_default()
}

impl Sums {
    /// Why this is too much; none where it is not.
    pub(super) fn verdict(&self, limits: &BreakerLimits) -> Option<String> {
        let over = |bad: u32, all: u32, limit: Percent| {
            let rate = 100.0 * f64::from(bad) / f64::from(all.max(1));
            (all >= limits.minimum && bad > 0 && rate >= limit.number()).then_some(rate)
        };
        let window = limits.window;
        if let Some(rate) = over(self.mismatched, self.compared, limits.mismatches) {
            return Some(format!(
                "{} of {} comparisons differed within {window:?} ({rate:.1}%, the limit is {}%)",
                self.mismatched,
                self.compared,
                limits.mismatches.number()
            ));
        }
        let rate = over(self.errors, self.translated, limits.errors)?;
        Some(format!(
            "{} of {} translated requests failed within {window:?} ({rate:.1}%, the limit is {}%)",
            self.errors,
            self.translated,
            limits.errors.number()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let (window, limits) = (Window::default(), BreakerLimits::default());
        let at = Duration::from_secs;
        for second in 0..20 {
            let counted = Counted::Compared { differed: second % 10 == 0 };
            window.count(counted, at(second), limits.window);
        }
        let sums = window.sums(at(20), limits.window);
        assert_eq!((sums.compared, sums.mismatched), (20, 2));
        assert!(sums.verdict(&limits).unwrap().starts_with("2 of 20 comparisons differed"));
        assert_eq!(window.sums(at(299), limits.window), sums);
        assert_eq!(window.sums(at(320), limits.window), Sums::default());
        window.count(Counted::Translated { failed: true }, at(320), limits.window);
        let sums = window.sums(at(320), limits.window);
        assert_eq!((sums.compared, sums.errors), (0, 1));
        window.clear();
        assert_eq!(window.sums(at(320), limits.window), Sums::default());
    }

    #[test]
    fn few_are_no_rate() {
        let limits = BreakerLimits { minimum: 3, ..BreakerLimits::default() };
        let sums = |compared, mismatched, translated, errors| {
            Sums { compared, mismatched, translated, errors }.verdict(&limits)
        };
        assert_eq!(sums(2, 2, 2, 2), None);
        assert_eq!(sums(100, 4, 100, 24), None);
        assert!(sums(100, 5, 0, 0).is_some());
        assert!(sums(0, 0, 100, 25).unwrap().contains("translated requests failed"));
    }
}
