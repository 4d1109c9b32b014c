//! Requests over time, by minute, by hour and by day, for the chart of the migration.
//!
//! Requests themselves only add to counters; what these gained since the last look belongs to the
//! minute, hour and day of the look. Somebody looks every few seconds, so that is how sharp the edges are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// A minute, in milliseconds.
pub const MINUTE: u64 = 60_000;
/// An hour, in milliseconds.
pub const HOUR: u64 = 60 * MINUTE;
/// A day, in milliseconds.
pub const DAY: u64 = 24 * HOUR;
/// Minutes that are kept: two hours.
const MINUTES: usize = 2 * 60;
/// Hours that are kept: a week.
const HOURS: usize = 7 * 24;
/// Days that are kept: somewhat more than a year.
const DAYS: usize = 400;

/// Requests by the version that they asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Of 2024-02-08.
    pub legacy: u64,
    /// Of 2025-09-18.
    pub migrated: u64,
}

/// The requests of one minute, hour or day. Those without any have no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it begins, in milliseconds since 1970, UTC.
    pub start: u64,
    /// What came within it.
    #[serde(flatten)]
    pub traffic: Traffic,
}

/// The minutes, hours and days so far, and what the counters said at the last look.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) minutes: VecDeque<Bucket>,
    pub(super) hours: VecDeque<Bucket>,
    pub(super) days: VecDeque<Bucket>,
    seen: Traffic,
}

impl History {
    /// Adds what the counters gained since the last look.
    pub(super) fn look(&mut self, now: u64, counters: Traffic) {
        let gained = Traffic {
            legacy: counters.legacy.saturating_sub(self.seen.legacy),
            migrated: counters.migrated.saturating_sub(self.seen.migrated),
        };
        self.seen = counters;
        if gained != Traffic::default() {
            add(&mut self.minutes, now - now % MINUTE, gained, MINUTES);
            add(&mut self.hours, now - now % HOUR, gained, HOURS);
            add(&mut self.days, now - now % DAY, gained, DAYS);
        }
    }

    /// Takes over what an earlier process has kept; `counters` are what they say with its counts.
    pub(super) fn restore(&mut self, kept: [Vec<Bucket>; 3], counters: Traffic) {
        let [minutes, hours, days] = kept;
        self.minutes = minutes.into();
        self.hours = hours.into();
        self.days = days.into();
        self.seen = counters;
    }
}

fn add(buckets: &mut VecDeque<Bucket>, start: u64, gained: Traffic, most: usize) {
    match buckets.back_mut() {
        // A clock that was set back adds to the latest bucket, so that they stay in order.
        Some(last) if last.start >= start => {
            last.traffic.legacy += gained.legacy;
            last.traffic.migrated += gained.migrated;
        }
        _ => buckets.push_back(Bucket { start, traffic: gained }),
    }
    while buckets.len() > most {
        buckets.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_belong_to_the_hour_of_the_look() {
        let mut history = History::default();
        let at = |legacy, migrated| Traffic { legacy, migrated };
        history.look(10 * HOUR + 1, at(5, 1));
        history.look(10 * HOUR + 2, at(5, 1));
        history.look(10 * HOUR + 3, at(6, 1));
        history.look(30 * HOUR, at(7, 11));
        // The clock is set back.
        history.look(29 * HOUR, at(8, 11));
        let hours: Vec<_> = history.hours.iter().map(|hour| (hour.start, hour.traffic)).collect();
        assert_eq!(hours, [(10 * HOUR, at(6, 1)), (30 * HOUR, at(2, 10))]);
        let days: Vec<_> = history.days.iter().map(|day| (day.start, day.traffic)).collect();
        assert_eq!(days, [(0, at(6, 1)), (DAY, at(2, 10))]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut history = History::default();
        for hour in 0..20_000 {
            history.look(hour * HOUR, Traffic { legacy: hour, migrated: 0 });
        }
        assert_eq!((history.hours.len(), history.days.len()), (HOURS, DAYS));
    }
}
